"""Gets a caller without a stream in beside one who fills the server: `python -m benchmarks.newcomers`.

The server is `translate-svc serve` with the starter and API keys. One key keeps as many live streams of all
kinds as it gets, and tries again at once when it is refused. Once the capacity is measured, others come one
after the other, each with a key of its own and of another kind than the one before, and speak for a moment.
Prints how long each of them had to wait until it was let in, its own tries included, and how many streams the
first one had. Exits with 1 if one waited for more than two seconds, and with 2 if texts of somebody who is
alone are late before: the machine is busy with something else.

The short form, a minute: `python -m benchmarks.newcomers --newcomers 4`.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.attacks.server import AttackedServer, attacked_server
from benchmarks.capacity.caller import clips
from benchmarks.fairness.kinds import KINDS, LiveCaller, Site
from benchmarks.fairness.result import MAX_ALONE_MS
from benchmarks.resume.servers import free_ports
from benchmarks.soak.speaker import RATE_HZ
from translate_svc.errors import ResourceExhausted
from translate_svc.types import Samples

GREEDY = "greedy"
WITHIN_S = 2.0
_BUSY_S = 25.0
"""Until the capacity is measured: the server knows it after 20 s of speech."""
_ALONE_S, _KEEPS_S, _STAYS_S = 12.0, 20.0, 3.0
_GIVES_UP_S = 30.0
_AGAIN_S = 0.2
_PHASES = 6
"""Callers begin with up to so many thirds of a second of silence, so that they do not speak in step."""


@dataclass(frozen=True, slots=True)
class NewcomersResult:
    """``held``: the fewest and the most streams that the first caller had when somebody came, of ``wanted``.
    ``waits_s``: by kind of newcomer, in their order; who gave up has waited for half a minute. ``late``: how
    many of them waited for more than two seconds. ``failed``: streams that broke, by kind.

    ``alone_ms``: how late texts of one stream were before, at the median. ``lag_max_s``: how far the server
    fell behind, by its own measure; while that is above 1.5 s it lets nobody in.
    """

    wanted: dict[str, int]
    held: tuple[int, int]
    waits_s: dict[str, list[float]]
    late: int
    failed: dict[str, int]
    alone_ms: float = 0.0
    lag_max_s: float = 0.0

    @property
    def too_busy(self) -> bool:
        """Whether the machine did something else."""
        return self.alone_ms > MAX_ALONE_MS


def speech(seconds: float) -> Samples:
    """Sentences with pauses between them."""
    pause = np.zeros(round(0.7 * RATE_HZ), np.float32)
    parts = itertools.chain.from_iterable((clip, pause) for clip in itertools.cycle(clips()))
    said: list[Samples] = []
    while sum(map(len, said)) < seconds * RATE_HZ:
        said.append(next(parts))
    return np.concatenate(said)


@dataclass
class GreedyCaller:
    """One key that wants so many live streams of each kind at a time."""

    site: Site
    wanted: dict[str, int]
    failed: Counter[str] = field(default_factory=Counter)
    _speaking: set[LiveCaller] = field(default_factory=set)

    @property
    def held(self) -> int:
        """How many streams it has now."""
        return sum(each.opened.is_set() for each in self._speaking)

    async def run(self) -> None:
        """Never returns."""
        kinds = [kind for kind, count in self.wanted.items() for _ in range(count)]
        await asyncio.gather(*(self._keep(kind, number) for number, kind in enumerate(kinds)))

    async def _keep(self, kind: str, number: int) -> None:
        while True:
            caller = self.site.caller(kind, GREEDY, number % _PHASES, _KEEPS_S)
            self._speaking.add(caller)
            try:
                await caller.run()
            except ResourceExhausted:
                await asyncio.sleep(_AGAIN_S)
            except Exception as error:
                print(f"{kind}: {error!r}", file=sys.stderr, flush=True)
                self.failed[kind] += 1
                await asyncio.sleep(_AGAIN_S)
            finally:
                self._speaking.remove(caller)


async def come(site: Site, kind: str, name: str, stays_s: float = _STAYS_S) -> float:
    """Comes again until it is let in, speaks and leaves. Returns the seconds until it was let in."""
    began_s = time.monotonic()
    while time.monotonic() - began_s < _GIVES_UP_S:
        caller = site.caller(kind, name, 0, stays_s)
        running, opened = asyncio.create_task(caller.run()), asyncio.create_task(caller.opened.wait())
        await asyncio.wait({running, opened}, return_when=asyncio.FIRST_COMPLETED)
        opened.cancel()
        if caller.opened.is_set():
            waited_s = time.monotonic() - began_s
            await running
            return waited_s
        try:
            await running
        except ResourceExhausted:
            await asyncio.sleep(_AGAIN_S)
    return _GIVES_UP_S


async def meet(
    site: Site, greedy: GreedyCaller, names: Sequence[str], stays_s: float = _STAYS_S
) -> NewcomersResult:
    """Lets them come one after the other, each of the next kind."""
    waits_s: dict[str, list[float]] = {kind: [] for kind in KINDS}
    held = []
    for name, kind in zip(names, itertools.cycle(KINDS), strict=False):
        held.append(greedy.held)
        try:
            waits_s[kind].append(round(await come(site, kind, name, stays_s), 2))
        except RuntimeError as error:
            print(f"newcomer, {kind}: {error!r}", file=sys.stderr, flush=True)
            greedy.failed[kind] += 1
    late = sum(wait_s > WITHIN_S for each in waits_s.values() for wait_s in each)
    return NewcomersResult(greedy.wanted, (min(held), max(held)), waits_s, late, dict(greedy.failed))


async def measure(streams: int, newcomers: int) -> NewcomersResult:
    """The waits of ``newcomers`` beside ``streams`` streams of one key, as many of each kind."""
    names = [f"newcomer-{number}" for number in range(newcomers)]
    wanted = Counter(itertools.islice(itertools.cycle(KINDS), streams))
    (port,) = free_ports(1)
    flags = ("--max-streams", "40", "--measure-capacity", "--http", f"127.0.0.1:{port}")
    with tempfile.TemporaryDirectory() as directory:
        async with attacked_server(Path(directory), (GREEDY, *names), flags) as server:
            site = Site(server.target, f"http://127.0.0.1:{port}", server.keys)
            alone = site.caller("utterance", GREEDY, 0, _ALONE_S)
            await alone.run()
            greedy, lags_s = GreedyCaller(site, dict(wanted)), [0.0]
            running = [asyncio.create_task(greedy.run()), asyncio.create_task(_watch(server, lags_s))]
            await asyncio.sleep(_BUSY_S)
            met = await meet(site, greedy, names)
            for each in running:
                each.cancel()
            await asyncio.gather(*running, return_exceptions=True)
    alone_ms = round(median(each.ms for each in alone.heard.texts), 1)
    return replace(met, alone_ms=alone_ms, lag_max_s=round(max(lags_s), 2))


async def _watch(server: AttackedServer, lags_s: list[float]) -> None:
    """Notes how far the server is behind. Never returns."""
    while True:
        lags_s.append((await server.metrics())["lag_seconds"])
        await asyncio.sleep(0.5)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--streams", type=int, default=20, help="that the first caller wants")
    parser.add_argument("--newcomers", type=int, default=20)
    arguments = parser.parse_args()
    measured = asyncio.run(measure(arguments.streams, arguments.newcomers))
    print(json.dumps(asdict(measured), indent=1))
    if measured.too_busy:
        print("the machine is too busy to tell", file=sys.stderr)
        return 2
    return 1 if measured.late or measured.failed else 0


if __name__ == "__main__":
    sys.exit(main())
