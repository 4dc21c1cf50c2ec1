"""Both sides in turns, so that a noisy machine hurts both."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from benchmarks.throughput.outcome import Outcome

_LASTING_STATIC_BATCHES = 2

Run = Callable[[], list[Outcome]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Seconds for the whole load by contender, one a round; how many outcomes equal one by one's."""

    seconds: dict[str, list[float]]
    equal: int
    utterances: int

    @property
    def medians(self) -> dict[str, float]:
        """Median seconds by contender."""
        return {name: statistics.median(values) for name, values in self.seconds.items()}

    def summary(self) -> dict[str, Any]:
        """The figures as they are written down."""
        medians = self.medians
        static = {name: value for name, value in medians.items() if name.startswith("static_")}
        best = min(static, key=lambda name: static[name])
        return {
            "seconds": {name: round(value, 3) for name, value in medians.items()},
            "rounds": {name: len(values) for name, values in self.seconds.items()},
            "best_static_batch": int(best.removeprefix("static_")),
            "ratio_one_by_one": round(self._ratio("one_by_one"), 2),
            "ratio_static_batch": round(self._ratio(best), 2),
            "outcomes_equal_to_one_by_one": f"{self.equal}/{self.utterances}",
        }

    def _ratio(self, peer: str) -> float:
        """Median over the rounds that both ran in of the peer's time in parts of ours."""
        pairs = zip(self.seconds[peer], self.seconds["ours"], strict=False)
        return statistics.median(theirs / ours for theirs, ours in pairs)


def compare(
    ours: Run, peer: Callable[[int], list[Outcome]], *, static_batches: Sequence[int], rounds: int
) -> Comparison:
    """Runs ours, the peer one by one and in static batches, in turns.

    The first round tries every static batch; the others repeat the two best of them. ``peer`` takes the size
    of a batch.
    """
    runs: dict[str, Run] = {"ours": ours, "one_by_one": lambda: peer(1)}
    runs |= {f"static_{size}": (lambda size=size: peer(size)) for size in static_batches}  # type: ignore[misc]
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    outcomes: dict[str, list[Outcome]] = {}
    for _ in range(rounds):
        for name, run in runs.items():
            started = time.perf_counter()
            outcomes[name] = run()
            seconds[name].append(time.perf_counter() - started)
        static = sorted((name for name in runs if name.startswith("static_")), key=lambda n: seconds[n][0])
        for name in static[_LASTING_STATIC_BATCHES:]:
            del runs[name]
    equal = sum(a == b for a, b in zip(outcomes["ours"], outcomes["one_by_one"], strict=True))
    return Comparison(seconds, equal, len(outcomes["ours"]))


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    return {
        "processor": _processor(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


def _processor() -> str:
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} x {names[0]}"


def markdown(title: str, rows: Sequence[Sequence[Any]], header: Sequence[str]) -> str:
    """A table under a heading."""
    lines = [f"### {title}", "", "| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)
