"""``make fairness``: what a caller with a hundred times the load costs others.

Writes benchmarks/results/fairness.json. The server is ``translate-svc serve`` with the starter checkpoint and
API keys. Callers speak in real time, each with a key of its own. Beside them another caller translates
recordings: none, one after the other, or a hundred at the same time. The three take turns beside the same
streams, in changing order, so that a busy machine affects all of them. What counts is the 95th percentile of
the time to the first text in each turn, and the median of that over all turns of a kind: one bad moment of
the machine decides nothing.

Exits with 1 if that median is with a hundred recordings more than a tenth above that with one. Exits with 2,
and writes nothing, if texts are late without any neighbour: the machine is busy with something else.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any
from urllib.request import urlopen

import grpc
import numpy as np

from benchmarks.attacks.bystanders import Sample, Speaker, within
from benchmarks.attacks.server import AttackedServer, attacked_server
from benchmarks.capacity.caller import clips
from benchmarks.soak.speaker import RATE_HZ, open_channel
from translate_svc.rpc.servicer import SERVICE_NAME
from translate_svc.v1 import speech_translation_pb2 as pb

_RESULTS = Path(__file__).parent / "results" / "fairness.json"
KINDS = (0, 1, 100)
"""Recordings that the neighbour translates at the same time."""
MAX_RATIO = 1.1
MAX_ALONE_MS = 500.0
"""On an idle machine the p95 is about 150 ms."""
_SPEAKERS, _NEIGHBOUR = 5, "neighbour"
_BEGIN_S, _SETTLE_S, _LAST_S = 4.0, 2.0, 4.0
_CHANNELS = 4
_AGAIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Turns:
    """All turns with ``at_once`` recordings. Times from the moment at which the end of an utterance could be
    known to its first text, in ms; the 95th percentile of each turn, and their median.

    ``finished`` and ``refused``: the neighbour's calls. ``step_ms``: the mean step of the engine. Nothing
    interrupts a step. ``engine_share``: the share of the time in which the engine worked. ``server_cores``
    and ``client_cores``: processor seconds a second, of the server and of this program.
    """

    at_once: int
    texts: int
    p50_ms: float
    p95_ms: float
    p95_of_turns_ms: list[float]
    finished: int
    refused: int
    step_ms: float
    engine_share: float
    server_cores: float
    client_cores: float


@dataclass(frozen=True, slots=True)
class FairnessResult:
    """``ratio_to_one``: the p95 with a hundred recordings to that with one; ``ratio_to_none``: with none."""

    turns: list[Turns]
    ratio_to_one: float
    ratio_to_none: float
    seconds_a_turn: float
    load_average: float


@dataclass
class _Seen:
    """The windows of time of one kind, what the neighbour did in them, and the work used: ``steps``, the
    seconds that they took (``step_s``), processor seconds of ``server`` and ``client``.
    """

    windows: list[tuple[float, float]] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    used: Counter[str] = field(default_factory=Counter)


async def measure(seconds: float, rounds: int) -> FairnessResult:
    """``rounds`` turns of each kind, ``seconds`` each."""
    names = (_NEIGHBOUR, *(f"speaker-{number}" for number in range(_SPEAKERS)))
    total_s = _BEGIN_S + rounds * len(KINDS) * (_SETTLE_S + seconds) + _LAST_S
    seen = {kind: _Seen() for kind in KINDS}
    with tempfile.TemporaryDirectory() as directory:
        async with attacked_server(Path(directory), names, ("--max-streams", "200")) as server:
            speakers = [
                Speaker(server.target, server.keys[name], number, total_s)
                for number, name in enumerate(names[1:])
            ]
            speaking = [asyncio.create_task(speaker.run()) for speaker in speakers]
            await asyncio.sleep(_BEGIN_S)
            for number in range(rounds):
                for kind in _turned(KINDS, number):
                    await _turn(server, kind, seconds, seen[kind])
            await asyncio.gather(*speaking)
    samples = [sample for speaker in speakers for sample in speaker.first_texts]
    turns = [_turns(kind, samples, seen[kind]) for kind in KINDS]
    return result(turns, seconds, round(os.getloadavg()[0], 1))


def _turned(kinds: Sequence[int], number: int) -> Sequence[int]:
    """Another order in each round."""
    start = number % len(kinds)
    return (*kinds[start:], *kinds[:start])


async def _turn(server: AttackedServer, kind: int, seconds: float, seen: _Seen) -> None:
    async with _neighbour(server, kind) as calls:
        await asyncio.sleep(_SETTLE_S)
        start_s, before, used = time.monotonic(), calls.copy(), await _used(server)
        await asyncio.sleep(seconds)
        seen.windows.append((start_s, time.monotonic()))
        seen.calls += calls - before
        seen.used += await _used(server) - used


async def _used(server: AttackedServer) -> Counter[str]:
    """The work used since the server began."""
    url = f"http://{server.admin}/metrics"
    text = (await asyncio.to_thread(lambda: urlopen(url).read())).decode()
    found = dict(re.findall(r"^translate_svc_step_seconds_(count|sum) (\S+)$", text, re.MULTILINE))
    steps, step_s = float(found["count"]), float(found["sum"])
    used = {"steps": steps, "step_s": step_s, "server": server.cpu_s(), "client": time.process_time()}
    return Counter(used)


@asynccontextmanager
async def _neighbour(server: AttackedServer, at_once: int) -> AsyncIterator[Counter[str]]:
    """A caller with so many calls at a time in this block; counts how they end."""
    calls: Counter[str] = Counter()
    channels = [open_channel(server.target) for _ in range(_CHANNELS)]
    (clip,) = clips(("eng_1",))
    request = _request((clip * 32_767).astype("<i2").tobytes())

    async def one_after_the_other(channel: grpc.aio.Channel) -> None:
        method: Any = channel.unary_stream(
            f"/{SERVICE_NAME}/Translate",
            request_serializer=None,
            response_deserializer=pb.TranslateResponse.FromString,
        )
        while True:
            call = method(request, metadata=(("authorization", f"Bearer {server.keys[_NEIGHBOUR]}"),))
            with contextlib.suppress(grpc.aio.AioRpcError):
                async for _ in call:
                    pass
            code = await call.code()
            calls[code.name] += 1
            if code is not grpc.StatusCode.OK:
                await asyncio.sleep(_AGAIN_S)

    translating = [
        asyncio.create_task(one_after_the_other(channels[number % _CHANNELS])) for number in range(at_once)
    ]
    try:
        yield calls
    finally:
        for each in translating:
            each.cancel()
        await asyncio.gather(*translating, return_exceptions=True)
        for channel in channels:
            await channel.close(None)


def _request(data: bytes) -> bytes:
    return pb.TranslateRequest(
        clip=pb.AudioClip(
            format=pb.AudioFormat(encoding=pb.ENCODING_PCM_S16LE, sample_rate_hz=RATE_HZ), data=data
        ),
        source_language="eng",
        targets=[pb.TargetSettings(language="spa", text=True, speech=True)],
    ).SerializeToString()


def _turns(at_once: int, samples: Sequence[Sample], seen: _Seen) -> Turns:
    times_ms = [[each.ms for each in within(samples, [window])] for window in seen.windows]
    p95_ms = [round(float(np.percentile(each, 95)), 1) for each in times_ms]
    measured_s = sum(stop_s - start_s for start_s, stop_s in seen.windows)
    return Turns(
        at_once=at_once,
        texts=sum(map(len, times_ms)),
        p50_ms=round(float(np.percentile(np.concatenate(times_ms), 50)), 1),
        p95_ms=round(median(p95_ms), 1),
        p95_of_turns_ms=p95_ms,
        finished=seen.calls["OK"],
        refused=seen.calls["RESOURCE_EXHAUSTED"],
        step_ms=round(1000 * seen.used["step_s"] / max(1, seen.used["steps"]), 1),
        engine_share=round(seen.used["step_s"] / measured_s, 2),
        server_cores=round(seen.used["server"] / measured_s, 2),
        client_cores=round(seen.used["client"] / measured_s, 2),
    )


def result(turns: Sequence[Turns], seconds: float, load_average: float) -> FairnessResult:
    """``turns`` in the order of ``KINDS``."""
    none, one, hundred = turns
    return FairnessResult(
        turns=list(turns),
        ratio_to_one=round(hundred.p95_ms / one.p95_ms, 2),
        ratio_to_none=round(hundred.p95_ms / none.p95_ms, 2),
        seconds_a_turn=seconds,
        load_average=load_average,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=10.0, help="of a turn")
    parser.add_argument("--rounds", type=int, default=6, help="turns of each kind")
    parser.add_argument("--dry", action="store_true", help="write nothing")
    given = parser.parse_args()
    measured = asdict(asyncio.run(measure(given.seconds, given.rounds)))
    print(json.dumps(measured, indent=1))
    if measured["turns"][0]["p95_ms"] > MAX_ALONE_MS:
        print("the machine is too busy to tell", file=sys.stderr)
        return 2
    if not given.dry:
        _RESULTS.write_text(json.dumps(measured, indent=1) + "\n")
    return 0 if measured["ratio_to_one"] <= MAX_RATIO else 1


if __name__ == "__main__":
    sys.exit(main())
