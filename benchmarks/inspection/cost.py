"""The cost of inspection: the same clips with and without it, in turns."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from benchmarks.inspection.listen import listen
from benchmarks.inspection.sets import SpokenClip
from translate_svc.service import Service
from translate_svc.types import Inspect

_WAYS: dict[str, tuple[Inspect, ...]] = {
    "nothing": (),
    "tokens": (Inspect.TOKENS,),
    "units": (Inspect.UNITS,),
    "timings": (Inspect.TIMINGS,),
    "tokens, units, timings": (Inspect.TOKENS, Inspect.UNITS, Inspect.TIMINGS),
    "transcript": (Inspect.TRANSCRIPT,),
}


@dataclass(frozen=True, slots=True)
class Cost:
    """``ratio``: time of a run divided by that of the same run without inspection, median of clips and
    rounds.
    """

    include: str
    ratio: float

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


async def measure_costs(service: Service, clips: Sequence[SpokenClip], rounds: int) -> list[Cost]:
    """Each clip in every way, one after the other, so that a busy machine is busy for all of them."""
    ratios: dict[str, list[float]] = {name: [] for name in _WAYS}
    for _ in range(rounds):
        for clip in clips:
            elapsed_s = {}
            for name, include in _WAYS.items():
                began_s = time.perf_counter()
                await listen(service, clip.samples, clip.source_language, clip.target_language, include)
                elapsed_s[name] = time.perf_counter() - began_s
            for name, seconds in elapsed_s.items():
                ratios[name].append(seconds / elapsed_s["nothing"])
    return [Cost(name, round(float(np.median(values)), 2)) for name, values in ratios.items()]
