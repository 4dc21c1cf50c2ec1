"""The parts of the measurement. Each returns figures by name, or a line that says why there are none."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.full_size.contender import Contender
from benchmarks.full_size.sizes import Size, shortage
from benchmarks.throughput.utterance import forced, noise, total_seconds

Figures = dict[str, Any] | str
_NOISE_S = 60
_ONE_STEP_S = 15.0
"""Audio that one step of the engine encodes, so that all rows begin to decode together."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What all parts share. ``dtypes``: ours. ``peer_dtype``: transformers'."""

    folder: Path
    size: Size
    dtypes: tuple[str, ...]
    peer_dtype: str
    threads: int
    rounds: int
    minutes: float

    def ours(self, dtype: str, *, live: bool = False) -> Contender:
        """Our side, set up for files or for a live stream."""
        side = "ours live" if live else "ours"
        return Contender(self.folder, side, dtype, slots=self.size.slots, threads=self.threads)

    def peer(self) -> Contender:
        """transformers."""
        return Contender(
            self.folder, "transformers", self.peer_dtype, slots=self.size.slots, threads=self.threads
        )


def start(bench: Bench, dtype: str) -> Figures:
    """Memory after the start and during it, and how long the start takes, the first time and later."""
    if short := shortage(bench.size, ours=(dtype,)):
        return short
    with bench.ours(dtype) as first:
        figures = {"first_s": round(first.start_s, 1), "first_peak_mb": first.loaded["peak_mb"]}
    with bench.ours(dtype) as later:
        figures |= {"later_s": round(later.start_s, 1), "later_peak_mb": later.loaded["peak_mb"]}
        return figures | {"resident_mb": later.loaded["resident_mb"]}


def throughput(bench: Bench, dtype: str) -> Figures:
    """Text and speech of a load in flight, and one utterance alone: ours and transformers in turns."""
    if short := shortage(bench.size, ours=(dtype,), peers=(bench.peer_dtype,)):
        return short
    size = bench.size
    audio_s = total_seconds(forced(noise(_NOISE_S), size.utterances, size.longest_s))
    batches = (1, *sorted({min(each, size.utterances) for each in size.static_batches}))
    load = {"utterances": size.utterances, "longest_s": size.longest_s}
    one = {"one_s": size.one_s}
    figures: dict[str, Any] = {"audio_s": round(audio_s, 1), "dtype_of_transformers": bench.peer_dtype}
    with bench.ours(dtype) as ours, bench.peer() as peer:
        for warm in (ours, peer):
            warm.ask("run", one_s=1.5, speech=True)
        figures["alone, text"] = _compared(bench, ours, peer, one, (1,), speech=False)
        for name, speech in (("text", False), ("with speech", True)):
            figures[name] = _compared(bench, ours, peer, load, batches, speech=speech)
            figures[name]["part_of_real_time"] = round(figures[name]["ours_s"] / audio_s, 3)
            print(f"{dtype}, {name}: {figures[name]}", flush=True)  # the rest may take long
            batches = tuple({1, figures[name]["best_batch"]})  # the best one for texts is tried for speech
        figures["peak_mb"] = ours.ask("run", **one, speech=False)["peak_mb"]
    return figures


def _compared(
    bench: Bench,
    ours: Contender,
    peer: Contender,
    load: dict[str, Any],
    batches: tuple[int, ...],
    *,
    speech: bool,
) -> dict[str, Any]:
    """In turns. After the first round transformers runs with its best batch alone. ``processor_ratio``: of
    the processor's time, which says more where other work shares the machine; with one thread a side.
    """
    mine: list[dict[str, Any]] = []
    theirs: dict[int, list[float]] = {size: [] for size in batches}
    spent: dict[int, float] = {}
    best = batches[0]
    for _ in range(bench.rounds):
        mine.append(ours.ask("run", **load, speech=speech))
        for size in batches:
            answer = peer.ask("run", **load, speech=speech, batch=size)
            theirs[size].append(answer["seconds"])
            spent[size] = answer["processor_s"]
        best = min(theirs, key=lambda size: min(theirs[size], default=float("inf")))
        batches = (best,)
    pairs = zip(theirs[best], (each["seconds"] for each in mine), strict=True)
    return {
        "ours_s": round(statistics.median(each["seconds"] for each in mine), 2),
        "transformers_s": {size: round(statistics.median(seconds), 2) for size, seconds in theirs.items()},
        "best_batch": best,
        "ratio": round(statistics.median(their / our for their, our in pairs), 2),
        "processor_ratio": round(min(spent.values()) / mine[-1]["processor_s"], 2),
        "stages_s": mine[-1]["stages_s"],
    }


def precisions(bench: Bench, dtype: str) -> Figures:
    """Encoder and decode step against our own float32, in turns."""
    if dtype == "float32":
        return "float32 is what the others are compared with"
    if short := shortage(bench.size, ours=("float32", dtype)):
        return short
    asked = {"one_s": min(bench.size.one_s, _ONE_STEP_S / bench.size.slots), "rows": bench.size.slots}
    with bench.ours("float32") as plain, bench.ours(dtype) as other:
        for each in (plain, other):
            each.ask("run", one_s=1.5, speech=False)
        pairs = [(plain.ask("steps", **asked), other.ask("steps", **asked)) for _ in range(bench.rounds)]
    return {
        f"{name}, {figure}": round(value, digits)
        for name, key in (("encoder", "encode_ms"), ("decode step", "step_ms"))
        for figure, value, digits in (
            ("ratio", statistics.median(before[key] / after[key] for before, after in pairs), 2),
            ("ms", statistics.median(after[key] for _, after in pairs), 1),
        )
    }


def live(bench: Bench, dtype: str) -> Figures:
    """One simultaneous stream in real time."""
    if short := shortage(bench.size, ours=(dtype,)):
        return short
    with bench.ours(dtype, live=True) as ours:
        ours.ask("run", one_s=1.5, speech=False)
        return ours.ask("live", minutes=bench.minutes)
