"""What things cost, from the committed measurements."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from translate_svc.session.vad_loop import batch_interval_s

MEASURED = Path(__file__).parent / "measured"
"""One measurement of November 2026: docs/lab/2026-11-message-cost.md, docs/lab/2026-11-front-processes.md."""
_COLD_MS = np.arange(0.5, 6.0, 0.25)
_CALL_US, _FRAME_US = np.arange(0.0, 500.0, 2.0), np.arange(10.0, 150.0, 0.5)
MESSAGES_A_SECOND = 50.0
"""Of a stream that sends frames of 20 ms."""
FRAMES_A_MESSAGE = 0.73
"""That the detector scores: 320 samples of 512, and the samples processed again after an utterance."""

MESSAGES_TO_ENGINE_A_SECOND, EVENTS_A_SECOND = 1.0, 6.0
"""Of a stream that speaks half of the time: an utterance each 4 s with credit for three pieces of its speech,
each in a message of its own. Some ten tokens, three pieces and five ends come back.
"""


@dataclass(frozen=True, slots=True)
class Costs:
    """Processor time in microseconds.

    Attributes:
        message_us: of a message in a process in front of the engine that is busy, without the detector's
            computation.
        cold_us: more for the first message after a long wait: caches have been used by others.
        cold_ms: after so long a wait it costs two thirds of that (1 - 1/e).
        front_us: more for a message in a front process, for what it tells the engine's process.
        engine_us: in the engine's process for a message at a front process, with a scripted engine: it sends
            nearly every event by itself.
        relay_message_us, relay_event_us: there for a message to or from a front process, and for each event
            in it.
        client_us: of a message in the client that measures.
        detector_call_us, detector_frame_us: of a call of the detector, and of each frame in it.
    """

    message_us: float
    cold_us: float
    cold_ms: float
    front_us: float
    engine_us: float
    relay_message_us: float
    relay_event_us: float
    client_us: float
    detector_call_us: float
    detector_frame_us: float

    def cold_start_us(self, waited_s: float) -> float:
        """More for the first message after a wait."""
        return self.cold_us * -math.expm1(-1000 * waited_s / self.cold_ms)


def measured_costs(path: Path = MEASURED / "message_cost.json") -> Costs:
    """The costs that explain the measured costs of a message best."""
    measured = json.loads(path.read_text())
    one, fronts = measured["one_process"], measured["front_processes"]
    front_us = _remote_engine_us(one, fronts)
    loads = [
        _Load(each["streams"], loop_us(each), detector_us(each)) for each in (one, *measured["by_streams"])
    ]
    each_front = fronts["streams"] // fronts["processes"]
    loads.append(_Load(each_front, loop_us(fronts) - front_us, detector_us(fronts)))
    message_us, cold_us, cold_ms = _fit(loads)
    call_us, frame_us = _detector(loads)
    return Costs(
        message_us=message_us,
        cold_us=cold_us,
        cold_ms=cold_ms,
        front_us=front_us,
        engine_us=fronts["engine_us"],
        relay_message_us=measured["relay"]["message_us"],
        relay_event_us=measured["relay"]["event_us"],
        client_us=measured["by_streams"][-1]["client_us"],
        detector_call_us=call_us,
        detector_frame_us=frame_us,
    )


class _Load(NamedTuple):
    """``streams``: of a process; ``loop_us`` (without ``Costs.front_us``), ``detector_us``: of a message."""

    streams: int
    loop_us: float
    detector_us: float


def loop_us(cost: Mapping[str, Any]) -> float:
    """Of a message, without the detector's computation."""
    return float(cost["total_us"]) - detector_us(cost)


def _remote_engine_us(one: Mapping[str, Any], front: Mapping[str, Any]) -> float:
    """Of a message, in a front process: what it tells the engine's process and is told. In one process the
    engine's script runs on the same loop.
    """
    threads: Mapping[str, float] = front["threads_us"]
    zeromq_us = sum(value for name, value in threads.items() if name.startswith("ZeroMQ"))
    told_us = float(front["layers_us"]["engine: messages to its process"])
    return told_us + zeromq_us - float(one["layers_us"]["engine: follows its script"])


def detector_us(cost: Mapping[str, Any]) -> float:
    """Of a message, in the detector's thread."""
    threads: Mapping[str, float] = cost["threads_us"]
    return sum(value for name, value in threads.items() if name.startswith("detector"))


def _fit(loads: Sequence[_Load]) -> tuple[float, float, float]:
    """``Costs.message_us``, ``cold_us`` and ``cold_ms``, by least squares of the relative error."""
    cost_us = np.array([load.loop_us for load in loads])
    rate = MESSAGES_A_SECOND * np.array([load.streams for load in loads])
    wait_ms = 1000 * (1 - rate * cost_us / 1e6) / rate
    best: tuple[float, tuple[float, float, float]] | None = None
    for cold_ms in _COLD_MS:
        terms = np.stack([np.ones(len(loads)), 1 - np.exp(-wait_ms / cold_ms)], axis=1)
        found, *_ = np.linalg.lstsq(terms / cost_us[:, None], np.ones(len(loads)), rcond=None)
        error = float(np.abs(terms @ found / cost_us - 1).max())
        if (best is None or error < best[0]) and found.min() > 0:
            best = error, (float(found[0]), float(found[1]), float(cold_ms))
    assert best is not None, "messages that cost more where there are more of them"
    return best[1]


def frames_a_call(streams: int, frames_a_message: float) -> float:
    """Frames in a call of the detector, if calls are as far apart as ``VadLoop`` has them."""
    frames_a_second = streams * MESSAGES_A_SECOND * frames_a_message
    return min(64.0, max(1.0, frames_a_second * batch_interval_s(streams)))


def _detector(loads: Sequence[_Load]) -> tuple[float, float]:
    """``Costs.detector_call_us`` and ``detector_frame_us`` with the smallest greatest relative error."""
    frames = FRAMES_A_MESSAGE
    calls = np.array([frames / frames_a_call(load.streams, frames) for load in loads])
    measured_us = np.array([load.detector_us for load in loads])
    call_us, frame_us = (each[..., None] for each in np.meshgrid(_CALL_US, _FRAME_US, indexing="ij"))
    errors = np.abs((call_us * calls + frame_us * frames) / measured_us - 1).max(axis=-1)
    call, frame = np.unravel_index(errors.argmin(), errors.shape)
    return float(_CALL_US[call]), float(_FRAME_US[frame])
