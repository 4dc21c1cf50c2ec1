"""Bystanders of all kinds, and the neighbours who take turns beside them."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.attacks.server import AttackedServer, attacked_server
from benchmarks.fairness.kinds import LiveCaller, Site
from benchmarks.fairness.neighbours import LOADS, NEIGHBOUR, NONE, ONE, neighbour
from benchmarks.fairness.result import FairnessResult, Turns, lateness, result
from benchmarks.resume.servers import free_ports

BYSTANDERS = {"utterance": 2, "targets": 1, "simultaneous": 2, "openai": 2}
"""How many there are of each kind."""
_BEGIN_S, _SETTLE_S, _SPARE_S, _LAST_S = 4.0, 2.0, 0.5, 4.0
"""Before the first turn, at the start of each, for what a turn takes beside its time, and after the last."""
_END_WITHIN_S = 180.0


@dataclass
class _Seen:
    """The windows of time with one neighbour, what it did in them, and the work used: ``steps``, the
    seconds that they took (``step_s``), processor seconds of ``server`` and ``client``.
    """

    windows: list[tuple[float, float]] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    used: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True, eq=False)
class _Bystander:
    kind: str
    caller: LiveCaller

    async def speak(self) -> None:
        """To the end. A stream that breaks has lost what it says then."""
        try:
            await self.caller.run()
        except Exception as error:
            self.caller.heard.broke(repr(error))

    async def end(self, speaking: asyncio.Task[None]) -> None:
        """Waits until ``speaking`` has ended, but not for ever."""
        done, _ = await asyncio.wait({speaking}, timeout=_END_WITHIN_S)
        if not done:
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)
            self.caller.heard.broke("its end never came")


async def measure(seconds: float, rounds: int, heavy: Sequence[str]) -> FairnessResult:
    """``rounds`` turns of ``seconds`` without a neighbour, with one recording, and with each of ``heavy``."""
    neighbours = (NONE, ONE, *heavy)
    kinds = [kind for kind, count in BYSTANDERS.items() for _ in range(count)]
    names = (NEIGHBOUR, *(f"{kind}-{number}" for number, kind in enumerate(kinds)))
    total_s = _BEGIN_S + rounds * len(neighbours) * (_SETTLE_S + seconds + _SPARE_S) + _LAST_S
    seen = {name: _Seen() for name in neighbours}
    (port,) = free_ports(1)
    flags = ("--max-streams", "200", "--http", f"127.0.0.1:{port}")
    with tempfile.TemporaryDirectory() as directory:
        async with attacked_server(Path(directory), names, flags) as server:
            site = Site(server.target, f"http://127.0.0.1:{port}", server.keys)
            bystanders = [
                _Bystander(kind, site.caller(kind, name, number, total_s))
                for number, (kind, name) in enumerate(zip(kinds, names[1:], strict=True))
            ]
            speaking = {each: asyncio.create_task(each.speak()) for each in bystanders}
            await asyncio.sleep(_BEGIN_S)
            for number in range(rounds):
                for name in _turned(neighbours, number):
                    await _turn(server, site, name, seconds, seen[name])
            await asyncio.gather(*(each.end(task) for each, task in speaking.items()))
    return _result(bystanders, seen, seconds)


def _turned(names: Sequence[str], number: int) -> Sequence[str]:
    """Another order in each round."""
    start = number % len(names)
    return (*names[start:], *names[:start])


async def _turn(server: AttackedServer, site: Site, name: str, seconds: float, seen: _Seen) -> None:
    async with neighbour(site, LOADS[name]) as beside:
        await asyncio.sleep(_SETTLE_S)
        start_s, before, used = time.monotonic(), beside.counts(), await _used(server)
        await asyncio.sleep(seconds)
        seen.windows.append((start_s, time.monotonic()))
        seen.calls += beside.counts() - before
        seen.used += await _used(server) - used
    print(f"beside {name}: {dict(beside.counts())}", file=sys.stderr, flush=True)
    for failure in beside.failures:
        print(f"{name}: {failure}", file=sys.stderr, flush=True)


async def _used(server: AttackedServer) -> Counter[str]:
    """The work used since the server began."""
    found = await server.metrics()
    steps, step_s = found["step_seconds_count"], found["step_seconds_sum"]
    used = {"steps": steps, "step_s": step_s, "server": server.cpu_s(), "client": time.process_time()}
    return Counter(used)


def _result(bystanders: Sequence[_Bystander], seen: dict[str, _Seen], seconds: float) -> FairnessResult:
    lost = dict.fromkeys(BYSTANDERS, 0)
    for each in bystanders:
        lost[each.kind] += len(each.caller.heard.lost)
        for loss in each.caller.heard.lost:
            print(f"{each.kind}: {loss.outcome}", file=sys.stderr, flush=True)
    turns = [_turns(name, bystanders, each) for name, each in seen.items()]
    return result(turns, lost, seconds, round(os.getloadavg()[0], 1))


def _turns(name: str, bystanders: Sequence[_Bystander], seen: _Seen) -> Turns:
    by_kind = {kind: [each.caller.heard for each in bystanders if each.kind == kind] for kind in BYSTANDERS}
    measured_s = sum(stop_s - start_s for start_s, stop_s in seen.windows)
    return Turns(
        neighbour=name,
        bystanders={
            kind: lateness(
                [text for each in heard for text in each.texts],
                [loss for each in heard for loss in each.lost],
                seen.windows,
            )
            for kind, heard in by_kind.items()
        },
        given=seen.calls["given"],
        refused=seen.calls["refused"],
        failed=seen.calls["failed"],
        step_ms=round(1000 * seen.used["step_s"] / max(1, seen.used["steps"]), 1),
        engine_share=round(seen.used["step_s"] / measured_s, 2),
        server_cores=round(seen.used["server"] / measured_s, 2),
        client_cores=round(seen.used["client"] / measured_s, 2),
    )
