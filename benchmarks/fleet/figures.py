"""The model beside the measurements on two cores."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.fleet.costs import MEASURED, Costs, detector_us, loop_us, measured_costs
from benchmarks.fleet.simulation import Load, Result, simulate

RESULTS = Path(__file__).parents[1] / "results"
_CORES = 2
_SLOWEST = 1.25
"""The speed of the measured virtual cores varies by a quarter, over some seconds."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One number, measured and of the model."""

    name: str
    measured: float
    modelled: float

    @property
    def error(self) -> float:
        """Figures of the model, as ratios to the measured ones."""
        return self.modelled / self.measured - 1


def figures() -> Iterator[Figure]:
    """All of them."""
    costs = measured_costs()
    yield from _messages(costs, json.loads((MEASURED / "message_cost.json").read_text()))
    yield _full_fronts(costs, json.loads((MEASURED / "fronts.json").read_text())["full"])
    yield from _full_process(json.loads((RESULTS / "soak.json").read_text())["paced"])


def _messages(costs: Costs, measured: dict[str, Any]) -> Iterator[Figure]:
    """What a message costs, by the number of streams."""
    for each in (*measured["by_streams"], measured["one_process"], measured["front_processes"]):
        count = each["processes"]
        load = Load(_CORES, (each["streams"] // count,) * count, fronts=count > 1, seconds=3.0, warm_up_s=3.0)
        result = simulate(load, costs)
        name = f"{count} processes, {each['streams']} streams" if count > 1 else f"{each['streams']} streams"
        yield Figure(f"a message, {name}, us", loop_us(each), _loops_us(result))
        yield Figure(f"the detector's part, {name}, us", detector_us(each), _detectors_us(result))


def _full_fronts(costs: Costs, full: dict[str, Any]) -> Figure:
    """Front processes and a client that use all of the machine; the detector is a threshold."""
    each = full["streams"] // full["front_processes"]
    load = Load(_CORES, (each,) * full["front_processes"], 2.0, 3.0, fronts=True, detector=False)
    name = f"a message, {full['front_processes']} full processes, {full['streams']} streams, us"
    return Figure(name, full["cpu_us"], simulate(load, costs).message_us)


def _full_process(paced: dict[str, Any]) -> Iterator[Figure]:
    """200 streams at a process that is full: flow control holds them. What a message costs there is an input;
    when the model's messages are handled, and how many of them, are results.
    """
    mean_slowness = (1 + _SLOWEST) / 2
    messages_a_second = paced["frames"] / paced["seconds"]
    costs = Costs(
        message_us=1e6 * paced["server_cpu_share"] / messages_a_second / mean_slowness,
        cold_us=0.0,
        cold_ms=1.0,
        front_us=0.0,
        engine_us=0.0,
        relay_message_us=0.0,
        relay_event_us=0.0,
        client_us=1e6 * paced["client_cpu_share"] / messages_a_second / mean_slowness,
        detector_call_us=0.0,
        detector_frame_us=0.0,
    )
    load = Load(
        *(_CORES, (paced["streams"],), 8.0, 13.0),
        detector=False,
        slow=_SLOWEST,
    )
    result = simulate(load, costs)
    yield Figure("full process, messages a second", messages_a_second, result.messages_a_second)
    for percent in (50, 99):
        yield Figure(
            f"full process, a message is handled after, p{percent}, ms",
            paced[f"handling_p{percent}_ms"],
            result.percentile("handling_ms", percent),
        )


def _loops_us(result: Result) -> float:
    loops = sum(share for name, share in result.busy.items() if name.startswith("front") and "," not in name)
    return 1e6 * loops / result.messages_a_second


def _detectors_us(result: Result) -> float:
    detectors = sum(share for name, share in result.busy.items() if name.endswith(", detector"))
    return 1e6 * detectors / result.messages_a_second
