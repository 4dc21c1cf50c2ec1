"""Callers of unlike kinds at one server: who is refused at which load, and how late texts are.

Six translate utterance by utterance into one text, two into three texts, three simultaneously with speech,
two over OpenAI's protocol. Each opens a stream of a quarter of a minute, again and again, and comes again
soon after a refusal.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.attacks.server import AttackedServer, attacked_server
from benchmarks.newcomers import speech
from benchmarks.resume.servers import free_ports
from benchmarks.soak.callers import Places, openai_session
from benchmarks.soak.speaker import RATE_HZ
from translate_svc.client import AsyncClient, ClientOptions, pace
from translate_svc.errors import ResourceExhausted
from translate_svc.types import Opened, SimultaneousSettings, TargetSettings, TextDelta

KINDS = {"utterance": 6, "targets": 2, "simultaneous": 3, "openai": 2}
"""How many callers of each kind there are."""
HALF = 0.5
HEAD = (
    "| callers | streams | refused | of them under half load | lag, p50 and p95 |\n"
    "|---|---|---|---|---|\n"
)  # fmt: skip
_TEXT = [TargetSettings(language, speech=False) for language in ("es", "de", "fr")]
_SPEECH = [TargetSettings("es")]
_STREAM_S = 15.0
_KNOWN_S = 30.0
_AGAIN_S = 0.5
_LOAD_OVER_S = 5.0


@dataclass(frozen=True, slots=True)
class MixedKindsResult:
    """Since costs are known. By kind: ``opened``, ``refused``, ``refused_below_half`` (while the engine had
    worked less than half of the last five seconds) and ``lag_p50_s``, ``lag_p95_s``: from a stream's
    last audio to its last text.

    ``engine_load``: the share of the time that the engine's steps took; at the mean, and the least and the
    most of five seconds. ``capacity``: the least and the most that the server told, in streams like those
    inside. ``server_lag_max_s``: as the server measures it.
    """

    seconds: float
    opened: dict[str, int]
    refused: dict[str, int]
    refused_below_half: dict[str, int]
    lag_p50_s: dict[str, float]
    lag_p95_s: dict[str, float]
    engine_load: tuple[float, float, float]
    capacity: tuple[float, float]
    server_lag_max_s: float
    load_average: float


@dataclass
class Seen:
    """What was seen since costs are known. ``refused`` has the times, ``loads`` times and shares."""

    counts: bool = False
    opened: Counter[str] = field(default_factory=Counter)
    refused: list[tuple[str, float]] = field(default_factory=list)
    lags_s: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    loads: list[tuple[float, float]] = field(default_factory=list)
    capacities: list[float] = field(default_factory=list)
    server_lags_s: list[float] = field(default_factory=list)


async def measure_mixed(seconds: float) -> MixedKindsResult:
    """What they all get in so long, after the half minute in which the server measures their costs."""
    kinds = [kind for kind, count in KINDS.items() for _ in range(count)]
    names = [f"{kind}-{number}" for number, kind in enumerate(kinds)]
    seen = Seen()
    (port,) = free_ports(1)
    flags = ("--measure-capacity", "--http", f"127.0.0.1:{port}")
    with tempfile.TemporaryDirectory() as directory:
        async with attacked_server(Path(directory), names, flags) as server:
            calls = {
                "utterance": lambda name: _stream(server, name, _TEXT[:1]),
                "targets": lambda name: _stream(server, name, _TEXT),
                "simultaneous": lambda name: _stream(server, name, _SPEECH, SimultaneousSettings()),
                "openai": lambda name: _session(server, f"http://127.0.0.1:{port}", name),
            }
            running = [
                asyncio.create_task(_again(kind, name, calls[kind], seen))
                for kind, name in zip(kinds, names, strict=True)
            ]
            await asyncio.sleep(_KNOWN_S)
            seen.counts = True
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await _watch(server, seen)
            for each in running:
                each.cancel()
            await asyncio.gather(*running, return_exceptions=True)
    return result(seen, seconds)


def result(seen: Seen, seconds: float) -> MixedKindsResult:
    """Sums up. What the engine did when somebody was refused is the last load that was seen before."""
    refused: Counter[str] = Counter(dict.fromkeys(KINDS, 0))
    below: Counter[str] = Counter(dict.fromkeys(KINDS, 0))
    for kind, at_s in seen.refused:
        refused[kind] += 1
        known = [load for then_s, load in seen.loads if then_s <= at_s]
        below[kind] += bool(known) and known[-1] < HALF
    loads = [load for _, load in seen.loads]
    return MixedKindsResult(
        seconds=seconds,
        opened={kind: seen.opened[kind] for kind in KINDS},
        refused=dict(refused),
        refused_below_half=dict(below),
        lag_p50_s={kind: _percentile(each, 50) for kind, each in seen.lags_s.items()},
        lag_p95_s={kind: _percentile(each, 95) for kind, each in seen.lags_s.items()},
        engine_load=(round(float(np.mean(loads)), 2), min(loads), max(loads)),
        capacity=(min(seen.capacities), max(seen.capacities)),
        server_lag_max_s=round(max(seen.server_lags_s), 2),
        load_average=round(os.getloadavg()[0], 1),
    )


def rows(result: MixedKindsResult) -> list[str]:
    """Rows of docs/reliability/capacity.md: one for each kind, and one that says how busy the machine was."""
    counts = (sum(each.values()) for each in (result.opened, result.refused, result.refused_below_half))
    busy = f"all; engine {result.engine_load[0]} of the time, load average {result.load_average}"
    of_kinds = [
        f"| {count} {kind} | {result.opened[kind]} | {result.refused[kind]}"
        f" | {result.refused_below_half[kind]}"
        f" | {result.lag_p50_s[kind]:.1f}, {result.lag_p95_s[kind]:.1f} s |"
        for kind, count in KINDS.items()
    ]
    return [*of_kinds, f"| {busy} | {' | '.join(map(str, counts))} | |"]


def with_rows(page: str, result: MixedKindsResult) -> str:
    """The page with the rows of ``result`` in the table that has their head."""
    before, found, after = page.partition(HEAD)
    if not found:
        raise ValueError(f"the page has no table with this head: {HEAD}")
    return f"{before}{found}" + "\n".join(rows(result)) + "\n\n" + after.partition("\n\n")[2]


def _percentile(values: list[float], percent: float) -> float:
    return round(float(np.percentile(values, percent)), 2) if values else 0.0


async def _again(kind: str, name: str, call: Callable[[str], Awaitable[float]], seen: Seen) -> None:
    """One stream after another, for ever. Of each it notes the lag at its end."""
    while True:
        try:
            lag_s = await call(name)
            if seen.counts:
                seen.lags_s[kind].append(lag_s)
                seen.opened[kind] += 1
        except ResourceExhausted:
            if seen.counts:
                seen.refused.append((kind, time.monotonic()))
        await asyncio.sleep(_AGAIN_S)


async def _stream(
    server: AttackedServer,
    name: str,
    targets: Sequence[TargetSettings],
    simultaneous: SimultaneousSettings | None = None,
) -> float:
    said_s = text_s = time.monotonic()
    said = speech(_STREAM_S)
    async with (
        AsyncClient(server.target, ClientOptions(api_key=server.keys[name])) as client,
        client.stream(
            source="en",
            targets=targets,
            simultaneous=simultaneous,
            sample_rate_hz=RATE_HZ,
        ) as stream,
    ):
        async for event in stream:
            if isinstance(event, Opened):
                said_s = time.monotonic() + len(said) / RATE_HZ
                stream.feed(pace(said, RATE_HZ))
            elif isinstance(event, TextDelta):
                text_s = time.monotonic()
    return max(0.0, text_s - said_s)


async def _session(server: AttackedServer, http: str, name: str) -> float:
    return await openai_session(Places((), http), server.keys[name], speech(_STREAM_S))


async def _watch(server: AttackedServer, seen: Seen) -> None:
    """Notes load, capacity and lag twice a second. Never returns."""
    worked: deque[tuple[float, float]] = deque()
    while True:
        found = await server.metrics()
        now_s = time.monotonic()
        worked.append((now_s, found["step_seconds_sum"]))
        while now_s - worked[0][0] > _LOAD_OVER_S:
            worked.popleft()
        (began_s, before_s), (_, after_s) = worked[0], worked[-1]
        if now_s - began_s > _LOAD_OVER_S / 2:
            seen.loads.append((now_s, round(min(1.0, (after_s - before_s) / (now_s - began_s)), 2)))
        seen.capacities.append(found["streams_capacity"])
        seen.server_lags_s.append(found["lag_seconds"])
        await asyncio.sleep(0.5)
