"""``make capacity``: more and more real-time streams that all speak. Writes benchmarks/results/capacity.json.

The server is ``translate-svc serve`` with the starter checkpoint and a ``--max-streams`` that no machine
reaches. First so many callers come that it finds its capacity; that is 1x. Then callers come in 0.8, 1, 2 and
4 times that number, the levels in turns, so that a busy machine affects all of them. A refused caller comes
again when it may; a stream lasts 15 s. Then callers of unlike kinds come to a server of their own
(``benchmarks.capacity.mixed``), and the rows of docs/reliability/capacity.md are written.

Exits with 1 if the 95th percentile of the time to the first text of those admitted is at any level more than
a quarter above that at 0.8x, or if one of unlike kinds was refused while the engine was under half load.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, median

import numpy as np

from benchmarks.capacity.caller import Level, call_again_and_again, clips
from benchmarks.capacity.mixed import measure_mixed, with_rows
from benchmarks.resume.servers import servers
from benchmarks.soak.speaker import open_channel
from translate_svc.client import AsyncClient

_RESULTS = Path(__file__).parents[1] / "results" / "capacity.json"
_ROOT = Path(__file__).parents[2]
_PAGE = _ROOT / "docs" / "reliability" / "capacity.md"
_MIXED = "mixed kinds"
_TARGETS = {"one target": ("spa",), "three targets": ("spa", "deu", "fra")}
_LEVELS = (0.8, 1.0, 2.0, 4.0)
_MAX_RATIO = 1.25
_MAX_STREAMS = 200
_FINDERS = 24
_FIND_S, _FOUND_S, _WARM_UP_S, _PAUSE_S = 90.0, 30.0, 8.0, 3.0
_CONNECTIONS = 4


@dataclass(frozen=True, slots=True)
class LevelResult:
    """One level. ``offered`` callers, ``inside`` streams on average, ``capacity`` as the server told it.

    Times to the first text, and their ratio to those at 0.8x.
    """

    load: float
    offered: int
    inside: float
    capacity: float
    utterances: int
    refusals: int
    told_falling_behind: int
    p50_ms: float
    p95_ms: float
    ratio_p95: float


@dataclass(frozen=True, slots=True)
class CapacityResult:
    """All levels with one number of targets. ``load_average``: before and after, of the whole machine."""

    targets: int
    found_capacity: int
    seconds_a_level: float
    load_average: tuple[float, float]
    levels: tuple[LevelResult, ...]


class _Bench:
    def __init__(self, address: str, targets: Sequence[str]) -> None:
        self._targets = targets
        self._sentences = clips()
        self._channels = [open_channel(address) for _ in range(_CONNECTIONS)]
        self._client = AsyncClient(address)

    async def capacity(self) -> int:
        return (await self._client.info()).load.stream_capacity

    async def run(self, callers: int, seconds: float, level: Level) -> list[tuple[int, int]]:
        """Adds to ``level``; returns capacity and streams inside, second by second."""
        level.over = False
        tasks = [
            asyncio.create_task(
                call_again_and_again(
                    self._channels[number % _CONNECTIONS], self._sentences, self._targets, level, number
                )
            )
            for number in range(callers)
        ]
        await asyncio.sleep(_WARM_UP_S)
        level.measuring = True
        seen = []
        for _ in range(round(seconds)):
            await asyncio.sleep(1)
            seen.append((await self.capacity(), level.inside))
        level.measuring, level.over = False, True
        await asyncio.gather(*tasks)
        await asyncio.sleep(_PAUSE_S)
        return seen

    async def close(self) -> None:
        await self._client.close()
        for channel in self._channels:
            await channel.close(None)


async def measure(targets: Sequence[str], seconds: float, rounds: int) -> CapacityResult:
    """All levels, ``rounds`` times ``seconds`` each."""
    serve = (sys.executable, "-m", "translate_svc", "serve", "--model")
    command = (*serve, str(_ROOT / "model_cache" / "starter"), "--max-streams", str(_MAX_STREAMS))
    async with servers(1, command) as (server,):
        bench = _Bench(server.address, targets)
        load_before = os.getloadavg()[0]
        found = await bench.run(_FINDERS, _FIND_S, Level())
        capacity = round(median(each for each, _ in found[-round(_FOUND_S) :]))
        print(f"{len(targets)} targets: the capacity is {capacity}", flush=True)
        levels = {load: Level() for load in _LEVELS}
        seen: dict[float, list[tuple[int, int]]] = {load: [] for load in _LEVELS}
        for _ in range(rounds):
            for load in _LEVELS:
                seen[load] += await bench.run(max(1, round(load * capacity)), seconds, levels[load])
                print(load, _summary(levels[load]), seen[load][-1], os.getloadavg()[0], flush=True)
        await bench.close()
    base_ms = _percentile(levels[_LEVELS[0]], 95)
    return CapacityResult(
        len(targets),
        capacity,
        seconds * rounds,
        (round(load_before, 1), round(os.getloadavg()[0], 1)),
        tuple(_result(load, capacity, levels[load], seen[load], base_ms) for load in _LEVELS),
    )


def _result(
    load: float, capacity: int, level: Level, seen: Sequence[tuple[int, int]], base_ms: float
) -> LevelResult:
    return LevelResult(
        load=load,
        offered=max(1, round(load * capacity)),
        inside=round(fmean(inside for _, inside in seen), 1),
        capacity=round(fmean(each for each, _ in seen), 1),
        utterances=len(level.first_text_ms),
        refusals=level.refused,
        told_falling_behind=level.warnings,
        p50_ms=_percentile(level, 50),
        p95_ms=_percentile(level, 95),
        ratio_p95=round(_percentile(level, 95) / base_ms, 2),
    )


def _percentile(level: Level, percent: float) -> float:
    return round(float(np.percentile(level.first_text_ms, percent)), 1)


def _summary(level: Level) -> str:
    p50_ms, p95_ms = _percentile(level, 50), _percentile(level, 95)
    return f"{len(level.first_text_ms)} texts, p50 {p50_ms} ms, p95 {p95_ms} ms, {level.refused} refusals"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=30.0, help="of a level, each round")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", choices=(*_TARGETS, _MIXED))
    parser.add_argument("--mixed-seconds", type=float, default=120.0, help="with unlike kinds")
    arguments = parser.parse_args()
    results = json.loads(_RESULTS.read_text()) if _RESULTS.exists() else {}
    passed = True
    for name, targets in _TARGETS.items():
        if arguments.only in (None, name):
            result = asyncio.run(measure(targets, arguments.seconds, arguments.rounds))
            results[name] = asdict(result)
            print(name, json.dumps(results[name], indent=1), flush=True)
            passed &= all(level.ratio_p95 <= _MAX_RATIO for level in result.levels)
    if arguments.only in (None, _MIXED):
        mixed = asyncio.run(measure_mixed(arguments.mixed_seconds))
        results[_MIXED] = asdict(mixed)
        print(_MIXED, json.dumps(results[_MIXED], indent=1), flush=True)
        _PAGE.write_text(with_rows(_PAGE.read_text(), mixed))
        passed &= not sum(mixed.refused_below_half.values())
    _RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
