"""``make messages``: where the processor time of a message of 20 ms goes.

Writes benchmarks/results/message_cost.json. Five servers take turns, so that a busy machine hurts all alike:
gRPC alone, which drops what it reads; a server in one process and one with front processes, each without and
with probes. Sessions, gRPC and admission are real; the engine follows a script; the detector computes what
Silero computes. Clients send frames of 20 ms at the pace of speech.

The kernel tells the time of each thread, of the servers without probes. The probes tell the layers of the
event loop's thread; what they cost themselves is measured and taken out. ``probe_error`` says how far the sum
of the layers is from what the thread takes without probes.

The server in one process also gets other numbers of streams: a message is cheaper where many share a wake-up.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.fronts.streams import speak
from benchmarks.message_cost.pouring import pour
from benchmarks.message_cost.process_cost import FOLDER, PROBED, TELL_EVERY_S, layers, thread_times_us
from benchmarks.message_cost.relay import RelayCost, measure_relay

_ROOT = Path(__file__).parents[2]
_RESULTS = _ROOT / "benchmarks" / "results" / "message_cost.json"
_LEAST = 0.05


@dataclass(frozen=True, slots=True)
class Cost:
    """Processor time of one message in the processes in front of the engine, in microseconds.

    ``threads_us``: by kind of thread; what of it the kernel takes stands apart as "..., kernel".
    ``layers_us``: of the event loop's thread; empty where no server with probes stood beside it. ``entries``:
    how often a message enters each layer. ``engine_us``: of the engine's process, where it is another one.
    ``client_us``: of the client, which is one process.
    """

    kind: str
    processes: int
    streams: int
    seconds: float
    messages: int
    total_us: float
    threads_us: dict[str, float]
    layers_us: dict[str, float]
    entries: dict[str, float]
    engine_us: float
    client_us: float
    load_average: float


@dataclass(frozen=True, slots=True)
class MessageCost:
    """``grpc_alone``, ``one_process``, ``front_processes``: at the same number of streams a process.

    ``by_streams``: one process, other numbers of streams. ``probe_error``: of the sum of the layers, in parts
    of the thread's time without probes: one process, front processes. ``relay``: of the engine's process.
    """

    grpc_alone: Cost
    one_process: Cost
    front_processes: Cost
    by_streams: list[Cost]
    probe_error: tuple[float, float]
    relay: RelayCost


@dataclass(slots=True)
class _Sums:
    """What was measured with one number of streams."""

    messages: int = 0
    seconds: float = 0.0
    engine_us: float = 0.0
    client_us: float = 0.0
    threads_us: Counter[str] = field(default_factory=Counter)
    layers_us: Counter[str] = field(default_factory=Counter)
    entries: Counter[str] = field(default_factory=Counter)


class Server:
    """A server process. Its costs so far are read from the outside."""

    def __init__(self, kind: str, process: asyncio.subprocess.Process, target: str, folder: Path) -> None:
        self.kind = kind
        self._process = process
        self._target = target
        self._folder = folder
        self.processes = int(kind) if kind.isdigit() else 1
        self.sums: defaultdict[int, _Sums] = defaultdict(_Sums)
        """By the number of streams, of each process."""

    async def load(self, streams: int, seconds: float) -> None:
        """Sends messages to it, and adds up what they cost."""
        sums = self.sums[streams]
        pids = await self._pids()
        await asyncio.sleep(2 * TELL_EVERY_S)
        before = [(thread_times_us(self._folder, pid), *layers(self._folder, pid)) for pid in pids]
        engine, client = self._engine_us(pids), _own_us()
        if self.kind == "drop":
            sums.messages += await pour(self._target, streams * self.processes, seconds)
        else:
            sums.messages += (await speak(self._target, streams * self.processes, seconds)).messages
        sums.seconds += seconds
        await asyncio.sleep(2 * TELL_EVERY_S)
        sums.engine_us += self._engine_us(pids) - engine
        sums.client_us += _own_us() - client
        for pid, (threads, layers_us, entries) in zip(pids, before, strict=True):
            sums.threads_us.update(_difference(thread_times_us(self._folder, pid), threads))
            now_us, now_entries = layers(self._folder, pid)
            sums.layers_us.update(_difference(now_us, layers_us))
            sums.entries.update(_difference(now_entries, entries))

    def _engine_us(self, pids: Sequence[int]) -> float:
        own = self._process.pid
        return 0.0 if own in pids else sum(thread_times_us(self._folder, own).values())

    async def _pids(self) -> list[int]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"pids\n")
        pids: list[int] = json.loads(await self._process.stdout.readline())
        return pids

    def cost(self, streams: int, probed: Server | None = None) -> Cost:
        """Of one message; the layers are those of ``probed``."""
        sums = self.sums[streams]
        layers = probed.sums[streams] if probed else _Sums()
        threads_us = _a_message(sums.threads_us, sums.messages)
        return Cost(
            kind=self.kind,
            processes=self.processes,
            streams=streams * self.processes,
            seconds=sums.seconds,
            messages=sums.messages,
            total_us=round(sum(threads_us.values()), 1),
            threads_us=threads_us,
            layers_us=_a_message(layers.layers_us, layers.messages),
            entries=_a_message(layers.entries, layers.messages),
            engine_us=round(sums.engine_us / sums.messages, 2),
            client_us=round(sums.client_us / sums.messages, 2),
            load_average=round(os.getloadavg()[0], 1),
        )


def _own_us() -> float:
    cpu = os.times()
    return 1e6 * (cpu.user + cpu.system)


def _difference(after: Mapping[str, float], before: Mapping[str, float]) -> dict[str, float]:
    return {name: value - before.get(name, 0.0) for name, value in after.items()}


def _a_message(sums: Mapping[str, float], messages: int) -> dict[str, float]:
    """The largest first."""
    each = {name: round(value / messages, 2) for name, value in sums.items()}
    return {name: value for name, value in sorted(each.items(), key=lambda e: -e[1]) if value >= _LEAST}


@asynccontextmanager
async def serving(kind: str, *, probed: bool) -> AsyncIterator[Server]:
    """Starts a server, and ends it on leaving. ``kind``: see ``server``."""
    with tempfile.TemporaryDirectory(prefix="message-cost-") as folder:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.message_cost.server", kind),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=_ROOT,
            env=os.environ | {FOLDER: folder, PROBED: "1" if probed else ""},
        )
        try:
            assert process.stdout is not None
            assert process.stdin is not None
            target = (await process.stdout.readline()).decode().strip()
            yield Server(kind, process, target, Path(folder))
            process.stdin.close()
            await process.wait()
        finally:
            if process.returncode is None:
                process.kill()


async def run(
    *, streams: int, seconds: float, rounds: int, front_processes: int, other_streams: Sequence[int]
) -> MessageCost:
    """All measurements. ``streams``: a process."""
    async with AsyncExitStack() as stack:
        several = str(front_processes)
        drop, one, fronts = [
            await stack.enter_async_context(serving(kind, probed=False)) for kind in ("drop", "one", several)
        ]
        probed = [await stack.enter_async_context(serving(kind, probed=True)) for kind in ("one", several)]
        for _ in range(rounds):
            for server in (drop, one, probed[0], fronts, probed[1]):
                await server.load(streams, seconds)
            for other in other_streams:
                await one.load(other, seconds)
        costs = drop.cost(streams), one.cost(streams, probed[0]), fronts.cost(streams, probed[1])
        by_streams = [one.cost(other) for other in other_streams]
    errors = _probe_error(costs[1]), _probe_error(costs[2])
    return MessageCost(*costs, by_streams, errors, await measure_relay())


def _probe_error(cost: Cost) -> float:
    loop_us = sum(value for name, value in cost.threads_us.items() if name.startswith("event loop"))
    return round(sum(cost.layers_us.values()) / loop_us - 1, 3)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--streams", type=int, default=50, help="a process")
    parser.add_argument("--seconds", type=float, default=10.0, help="of a round")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--front-processes", type=int, default=2)
    parser.add_argument("--other-streams", type=int, nargs="*", default=[10, 25, 100])
    parser.add_argument("--out", type=Path, default=_RESULTS)
    given = parser.parse_args()
    result = asyncio.run(
        run(
            streams=given.streams,
            seconds=given.seconds,
            rounds=given.rounds,
            front_processes=given.front_processes,
            other_streams=given.other_streams,
        )
    )
    text = json.dumps(asdict(result), indent=1)
    given.out.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
