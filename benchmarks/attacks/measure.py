"""One attack: bystanders through calm and attack in turns, in the same run, and what the attack cost them."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import numpy as np

from benchmarks.attacks.attacker import attacker
from benchmarks.attacks.bystanders import Speaker, newcomers, probes
from benchmarks.attacks.heard import Sample, within
from benchmarks.attacks.server import AttackedServer

SPEAKERS = 3
NEWCOMER, ATTACKER = "newcomer", "attacker"
NAMES = (NEWCOMER, ATTACKER, *(f"bystander-{number}" for number in range(SPEAKERS)))
_BEGIN_S, _SETTLE_S, _LAST_S = 3.0, 1.0, 4.0
GIVEN_BACK_S = 60.0
"""How long memory may stay that an attack took."""
_NEWCOMER_EVERY_S, _PROBE_EVERY_S = 0.5, 0.1

Results = list[list[tuple[tuple[int, int], str, int, int]]]


@dataclass(frozen=True, slots=True)
class Side:
    """Observations during an attack, or without one. Times in ms."""

    texts: int
    text_p50_ms: float
    text_p95_ms: float
    newcomers: int
    newcomers_refused: int
    newcomers_failed: int
    newcomer_p50_ms: float
    newcomer_p95_ms: float
    probes: int
    ready_p50_ms: float
    ready_p99_ms: float
    ready_max_ms: float
    not_ready: int
    cpu_share: float


@dataclass(frozen=True, slots=True)
class AttackResult:
    """``attack`` beside ``calm``. ``done``: what the attacker did and met. ``wrong``: results of bystanders
    that differ from those without attacks. ``grown_mib``: the peak of memory under attack over that of calm.
    ``kept_mib``: what of it is still there ``GIVEN_BACK_S`` after the attacker has left, over what an idle
    server had before.
    """

    calm: Side
    attack: Side
    text_p95_ratio: float
    text_p50_ratio: float
    grown_mib: float
    kept_mib: float
    wrong: int
    done: dict[str, int]
    seconds: float
    load_average: float


@dataclass
class _Watch:
    """What bystanders saw, and the windows of time in which they were attacked or not."""

    speakers: list[Speaker]
    newcomers: list[Sample] = field(default_factory=list)
    probes: list[Sample] = field(default_factory=list)
    windows: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: {"calm": [], "attack": []})
    cpu_s: dict[str, float] = field(default_factory=lambda: {"calm": 0.0, "attack": 0.0})
    peaks_mib: dict[str, list[float]] = field(default_factory=lambda: {"calm": [], "attack": []})

    def side(self, name: str) -> Side:
        windows = self.windows[name]
        texts = [each.ms for one in self.speakers for each in within(one.heard.texts, windows)]
        new, asked = within(self.newcomers, windows), within(self.probes, windows)
        new_ms, asked_ms = [each.ms for each in new], [each.ms for each in asked]
        refused = sum(each.outcome == "RESOURCE_EXHAUSTED" for each in new)
        return Side(
            texts=len(texts),
            text_p50_ms=_percentile(texts, 50),
            text_p95_ms=_percentile(texts, 95),
            newcomers=len(new),
            newcomers_refused=refused,
            newcomers_failed=sum(each.outcome != "opened" for each in new) - refused,
            newcomer_p50_ms=_percentile(new_ms, 50),
            newcomer_p95_ms=_percentile(new_ms, 95),
            probes=len(asked),
            ready_p50_ms=_percentile(asked_ms, 50),
            ready_p99_ms=_percentile(asked_ms, 99),
            ready_max_ms=_percentile(asked_ms, 100),
            not_ready=sum(each.outcome != "200" for each in asked),
            cpu_share=round(self.cpu_s[name] / sum(stop - start for start, stop in windows), 2),
        )


def stream_s(seconds: float, rounds: int) -> float:
    """How long a bystander speaks while an attack is measured."""
    return _BEGIN_S + rounds * (2 * seconds + _SETTLE_S) + _LAST_S


async def measure(
    name: str | None,
    server: AttackedServer,
    expected: Results,
    seconds: float,
    rounds: int,
    given_back_s: float = GIVEN_BACK_S,
) -> tuple[AttackResult, Results]:
    """The attack ``name``, or None: ``rounds`` times ``seconds`` without, then with it."""
    total_s = stream_s(seconds, rounds)
    watch = _Watch(
        [Speaker(server.target, server.keys[f"bystander-{n}"], n, total_s) for n in range(SPEAKERS)]
    )  # fmt: skip
    done: dict[str, int] = {}
    before_mib, left_s = server.resident_mib(), 0.0
    async with AsyncExitStack() as stack:
        side = None
        if name is not None:
            side = await stack.enter_async_context(
                attacker(name, server.target, server.admin, server.keys[ATTACKER])
            )
        speaking = [asyncio.create_task(speaker.run()) for speaker in watch.speakers]
        others = [
            asyncio.create_task(
                newcomers(server.target, server.keys[NEWCOMER], _NEWCOMER_EVERY_S, watch.newcomers)
            ),
            asyncio.create_task(probes(server.admin, _PROBE_EVERY_S, watch.probes)),
        ]
        await asyncio.sleep(_BEGIN_S)
        for _ in range(rounds):
            await _window(watch, "calm", server, seconds)
            if side is not None:
                await side.go()
            await _window(watch, "attack", server, seconds)
            if side is not None:
                done = await side.stop()
            left_s = time.monotonic()
            await asyncio.sleep(_SETTLE_S)
        ends = await asyncio.gather(*speaking, return_exceptions=True)
        for other in others:
            other.cancel()
    for end in ends:
        if isinstance(end, BaseException):
            print(f"  a bystander's stream failed: {end!r:.300}", flush=True)
    await asyncio.sleep(left_s + given_back_s - time.monotonic())
    kept_mib = round(server.resident_mib() - before_mib, 1)
    results = [speaker.results() for speaker in watch.speakers]
    return _result(watch, results, expected, done, seconds * rounds, kept_mib), results


async def _window(watch: _Watch, name: str, server: AttackedServer, seconds: float) -> None:
    server.forget_peak()
    start_s, cpu_s = time.monotonic(), server.cpu_s()
    await asyncio.sleep(seconds)
    watch.cpu_s[name] += server.cpu_s() - cpu_s
    watch.peaks_mib[name].append(server.peak_mib())
    watch.windows[name].append((start_s, time.monotonic()))


def _result(
    watch: _Watch,
    results: Results,
    expected: Results,
    done: dict[str, int],
    seconds: float,
    kept_mib: float,
) -> AttackResult:
    calm, attack = watch.side("calm"), watch.side("attack")
    peaks = zip(watch.peaks_mib["calm"], watch.peaks_mib["attack"], strict=True)
    return AttackResult(
        calm=calm,
        attack=attack,
        text_p95_ratio=round(attack.text_p95_ms / calm.text_p95_ms, 2),
        text_p50_ratio=round(attack.text_p50_ms / calm.text_p50_ms, 2),
        grown_mib=round(max(after - before for before, after in peaks), 1),
        kept_mib=kept_mib,
        wrong=sum(map(differences, results, expected)) if expected else 0,
        done=dict(sorted(done.items())),
        seconds=seconds,
        load_average=round(os.getloadavg()[0], 1),
    )


def differences(got: Sequence[object], wanted: Sequence[object]) -> int:
    return abs(len(got) - len(wanted)) + sum(a != b for a, b in zip(got, wanted, strict=False))


def _percentile(values: Sequence[float], percent: float) -> float:
    return round(float(np.percentile(values, percent)), 1) if values else float("nan")
