"""``make fronts``: one process and front processes. Writes benchmarks/results/fronts.json.

Sessions, gRPC and admission are real; the engine follows a script, and the detector is an energy threshold.

* Low load: one stream at each server; their utterances take turns. The time from the end of an utterance to
  its first text is compared.
* Load: streams send frames of 20 ms at the pace of speech, as many a process at both servers and at the same
  time, so that a busy machine affects both. What is counted: the time from a frame after which the server may
  end an utterance until the client knows of the end (up to two frames of it the server may wait for), and the
  processor time of all processes of the server for one message.
* Full: twice as many streams a process, with front processes alone.

Exits with 1 if a message costs more than 1.15 times as much, if the 95th percentile of the first text grows
by more than 3 ms, or if the 99th percentile of an answer exceeds 50 ms then.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.fronts.streams import FirstTexts, speak

_ROOT = Path(__file__).parents[2]
_RESULTS = _ROOT / "benchmarks" / "results" / "fronts.json"
_MAX_COST_RATIO, _MAX_ADDED_P95_MS, _MAX_ANSWER_P99_MS = 1.15, 3.0, 50.0
_FULL_FACTOR = 2


@dataclass(frozen=True, slots=True)
class LoadResult:
    """``answer_ms``: see ``streams.Load``. ``cpu_us``: of all processes, for one message."""

    front_processes: int
    streams: int
    messages: int
    answer_p50_ms: float
    answer_p99_ms: float
    client_late_p99_ms: float
    cpu_us: float
    load_average: float


@dataclass(frozen=True, slots=True)
class FrontsResult:
    """``cost_ratios``: of a message, front processes to one process, by round; ``cost_ratio``: their median.
    The pairs are one process and front processes.
    """

    front_processes: int
    utterances: int
    first_text_p50_ms: tuple[float, float]
    first_text_p95_ms: tuple[float, float]
    added_p95_ms: float
    cost_ratios: list[float]
    cost_ratio: float
    rounds: list[LoadResult]
    full: LoadResult | None


class _Server:
    def __init__(self, process: asyncio.subprocess.Process, target: str, front_processes: int) -> None:
        self._process = process
        self.target = target
        self.front_processes = front_processes

    async def cpu_s(self) -> float:
        """Processor time of all processes so far."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"cpu\n")
        return float(sum(json.loads(await self._process.stdout.readline())))


@asynccontextmanager
async def _serving(front_processes: int, max_streams: int) -> AsyncIterator[_Server]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.fronts.server", str(front_processes), str(max_streams)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=_ROOT,
    )
    try:
        assert process.stdout is not None
        assert process.stdin is not None
        target = (await process.stdout.readline()).decode().strip()
        yield _Server(process, target, front_processes)
        process.stdin.close()
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()


async def _first_texts(servers: Sequence[_Server], utterances: int) -> list[list[float]]:
    streams = [FirstTexts(server.target) for server in servers]
    for stream in streams:
        await stream.open()
        await stream.ask()  # the first one of a process is slow
        stream.ms.clear()
    for _ in range(utterances):
        for stream in streams:
            await stream.ask()
    for stream in streams:
        await stream.close()
    return [stream.ms for stream in streams]


async def _load(server: _Server, streams: int, seconds: float) -> LoadResult:
    before_s = await server.cpu_s()
    load = await speak(server.target, streams, seconds)
    cpu_s = await server.cpu_s() - before_s
    return LoadResult(
        front_processes=server.front_processes,
        streams=streams,
        messages=load.messages,
        answer_p50_ms=_percentile(load.answer_ms, 50),
        answer_p99_ms=_percentile(load.answer_ms, 99),
        client_late_p99_ms=_percentile(load.late_ms, 99),
        cpu_us=round(1e6 * cpu_s / load.messages, 1),
        load_average=round(os.getloadavg()[0], 1),
    )


async def run(
    front_processes: int, utterances: int, streams: int, seconds: float, rounds: int, full_s: float
) -> FrontsResult:
    """All measurements, with two servers that take turns. ``full_s`` 0 leaves the last one out."""
    most = (
        2 * _FULL_FACTOR * streams * front_processes
    )  # places need not be where the kernel sends a connection
    async with _serving(1, most) as one, _serving(front_processes, most) as several:
        near_ms, far_ms = await _first_texts((one, several), utterances)
        results: list[LoadResult] = []
        ratios: list[float] = []
        for _ in range(rounds):
            pair = await asyncio.gather(
                *(_load(server, streams * server.front_processes, seconds) for server in (one, several))
            )
            ratios.append(round(pair[1].cpu_us / pair[0].cpu_us, 3))
            results += pair
        full = await _load(several, _FULL_FACTOR * streams * front_processes, full_s) if full_s else None
    p95 = _percentile(near_ms, 95), _percentile(far_ms, 95)
    return FrontsResult(
        front_processes=front_processes,
        utterances=utterances,
        first_text_p50_ms=(_percentile(near_ms, 50), _percentile(far_ms, 50)),
        first_text_p95_ms=p95,
        added_p95_ms=round(p95[1] - p95[0], 2),
        cost_ratios=ratios,
        cost_ratio=round(float(np.median(ratios)), 3),
        rounds=results,
        full=full,
    )


def _percentile(values: Sequence[float] | npt.NDArray[np.float64], percent: float) -> float:
    return round(float(np.percentile(values, percent)), 2)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--front-processes", type=int, default=2)
    parser.add_argument("--utterances", type=int, default=200)
    parser.add_argument("--streams", type=int, default=50, help="a process")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--full-s", type=float, default=600.0)
    parser.add_argument("--out", type=Path, default=_RESULTS)
    given = parser.parse_args()
    result = asyncio.run(
        run(given.front_processes, given.utterances, given.streams, given.seconds, given.rounds, given.full_s)
    )
    text = json.dumps(asdict(result), indent=1)
    given.out.write_text(text + "\n")
    print(text)
    slow = result.full is not None and result.full.answer_p99_ms > _MAX_ANSWER_P99_MS
    return int(slow or result.cost_ratio > _MAX_COST_RATIO or result.added_p95_ms > _MAX_ADDED_P95_MS)


if __name__ == "__main__":
    sys.exit(main())
