"""``make overload``: four times the streams that are admitted. Writes benchmarks/results/overload.json.

The server is that of ``benchmarks.soak``. Only its engine is not real: it follows a script and works on as
many utterances at a time as streams are admitted. Admitted streams speak without a break while two phases
take turns: no other clients (1x), and three times as many others (4x), each of which is refused, waits as
long as it is told to, and tries again. Both are phases of one run, so that a busy machine affects them
equally.

Exits with 1 if a refusal takes longer than 50 ms (99th percentile), or if admitted streams wait more than a
tenth longer for their first text.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import grpc
import numpy as np

from benchmarks.soak.server import ServerSetup
from benchmarks.soak.server_process import server_process
from benchmarks.soak.speaker import CONFIG, FRAME_S, SPEECH, end, open_channel, retry_delay_s, start_call
from translate_svc.v1 import speech_translation_pb2 as pb

_RESULTS = Path(__file__).parent / "results" / "overload.json"
_CONNECTIONS = 8
_SPEECH_FRAMES, _PAUSE_S = 40, 0.2
_MAX_REJECT_P99_MS = 50.0
_MAX_RATIO = 1.1
_MANUAL = pb.StreamingTranslateRequest.FromString(CONFIG)
_MANUAL.config.settings.segmentation = pb.SEGMENTATION_MANUAL
_FINALIZE = pb.StreamingTranslateRequest(finalize=pb.FinalizeInput()).SerializeToString()


@dataclass(frozen=True, slots=True)
class OverloadResult:
    """Latency: from the client's ``finalize`` until it has the first text. Rejects: from call to status.

    ``retry_after_s``: the shortest delay that refused clients were told.
    """

    admitted: int
    offered: int
    seconds: float
    utterances_1x: int
    utterances_4x: int
    latency_1x_p50_ms: float
    latency_4x_p50_ms: float
    latency_1x_p90_ms: float
    latency_4x_p90_ms: float
    ratio_p50: float
    ratio_p90: float
    rejects: int
    reject_p50_ms: float
    reject_p99_ms: float
    reject_max_ms: float
    retry_after_s: float
    load_average: float


@dataclass(slots=True)
class _Run:
    """What all clients of a run share and record."""

    overloaded: asyncio.Event = field(default_factory=asyncio.Event)
    over: bool = False
    latency_ms: dict[bool, list[float]] = field(default_factory=lambda: {False: [], True: []})
    reject_ms: list[float] = field(default_factory=list)
    retry_after_s: list[float] = field(default_factory=list)


async def run_overload(admitted: int, phase_s: float, phases: int) -> OverloadResult:
    """``phases`` of each kind, in turns.

    Raises:
        AssertionError: a stream is admitted or refused that should not be.
    """
    setup = ServerSetup(max_streams=admitted, max_running_requests=admitted, max_waiting_requests=admitted)
    run, began_s = _Run(), time.monotonic()
    async with server_process(setup) as server:
        channels = [open_channel(server.target) for _ in range(_CONNECTIONS)]
        inside = asyncio.Barrier(admitted + 1)
        clients = [
            asyncio.create_task(_admitted(channels[i % _CONNECTIONS], run, inside)) for i in range(admitted)
        ]
        await inside.wait()
        clients += [
            asyncio.create_task(_refused(channels[i % _CONNECTIONS], run)) for i in range(3 * admitted)
        ]
        for _ in range(phases):
            run.overloaded.clear()
            await asyncio.sleep(phase_s)
            run.overloaded.set()
            await asyncio.sleep(phase_s)
        run.over = True
        await asyncio.gather(*clients)
        await server.at_rest()
        for channel in channels:
            await channel.close(None)
    return _result(admitted, run, time.monotonic() - began_s)


async def _admitted(channel: grpc.aio.Channel, run: _Run, inside: asyncio.Barrier) -> None:
    """Speaks one utterance after another, and measures the time of each answer."""
    call = start_call(channel)
    await call.write(_MANUAL.SerializeToString())
    opened = await call.read()
    assert opened.WhichOneof("event") == "opened"
    await inside.wait()
    await asyncio.sleep(np.random.default_rng().uniform(0, _SPEECH_FRAMES * FRAME_S))
    sent = 0
    while not run.over:
        for _ in range(_SPEECH_FRAMES):
            await call.write(SPEECH)
            sent += 1
            await asyncio.sleep(FRAME_S)
        overloaded, asked_s = run.overloaded.is_set(), time.monotonic()
        await call.write(_FINALIZE)
        await _read_to(call, "translation")
        run.latency_ms[overloaded].append(1000 * (time.monotonic() - asked_s))
        done = await _read_to(call, "utterance_done")
        assert done.utterance_done.status == pb.UTTERANCE_STATUS_OK
        await asyncio.sleep(_PAUSE_S)
    await call.write(end(sent))
    assert (await _read_to(call, "closed")).closed.complete


async def _refused(channel: grpc.aio.Channel, run: _Run) -> None:
    """Opens streams at a full server, each time as soon as it may."""
    while not run.over:
        if not run.overloaded.is_set():
            await asyncio.sleep(np.random.default_rng().uniform(0, 1))
            continue
        began_s = time.monotonic()
        call = start_call(channel)
        try:
            await call.write(CONFIG)
            response = await call.read()
            raise AssertionError(f"let in: {response.WhichOneof('event')}")
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            # the latter where the refusal was there before the write
            code = await call.code()
        run.reject_ms.append(1000 * (time.monotonic() - began_s))
        assert code == grpc.StatusCode.RESOURCE_EXHAUSTED, code
        retry_s = await retry_delay_s(call)
        run.retry_after_s.append(retry_s)
        await asyncio.sleep(retry_s * np.random.default_rng().uniform(0.5, 1.0))


async def _read_to(call: Any, kind: str) -> Any:
    while True:
        response = await call.read()
        assert isinstance(response, pb.StreamingTranslateResponse), "the stream ended"
        if response.WhichOneof("event") == kind:
            return response


def _result(admitted: int, run: _Run, took_s: float) -> OverloadResult:
    alone, crowded = run.latency_ms[False], run.latency_ms[True]
    return OverloadResult(
        admitted=admitted,
        offered=4 * admitted,
        seconds=round(took_s, 1),
        utterances_1x=len(alone),
        utterances_4x=len(crowded),
        latency_1x_p50_ms=_percentile(alone, 50),
        latency_4x_p50_ms=_percentile(crowded, 50),
        latency_1x_p90_ms=_percentile(alone, 90),
        latency_4x_p90_ms=_percentile(crowded, 90),
        ratio_p50=round(_percentile(crowded, 50) / _percentile(alone, 50), 3),
        ratio_p90=round(_percentile(crowded, 90) / _percentile(alone, 90), 3),
        rejects=len(run.reject_ms),
        reject_p50_ms=_percentile(run.reject_ms, 50),
        reject_p99_ms=_percentile(run.reject_ms, 99),
        reject_max_ms=round(max(run.reject_ms), 2),
        retry_after_s=min(run.retry_after_s),
        load_average=round(os.getloadavg()[0], 1),
    )


def _percentile(values: Sequence[float], percent: float) -> float:
    return round(float(np.percentile(values, percent)), 2)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--admitted", type=int, default=32)
    parser.add_argument("--phase-s", type=float, default=8.0)
    parser.add_argument("--phases", type=int, default=4)
    arguments = parser.parse_args()
    result = asyncio.run(run_overload(arguments.admitted, arguments.phase_s, arguments.phases))
    print(json.dumps(asdict(result), indent=1))
    _RESULTS.write_text(json.dumps(asdict(result), indent=1) + "\n")
    return int(result.reject_p99_ms > _MAX_REJECT_P99_MS or result.ratio_p50 > _MAX_RATIO)


if __name__ == "__main__":
    sys.exit(main())
