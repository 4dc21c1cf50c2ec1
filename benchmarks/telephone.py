"""The telephone: what its protocol adds, and how many calls a core carries. `python -m benchmarks.telephone`.

1. Mouth to ear. The starter's recordings are said in real time, in G.711, to one server: over Twilio's
   protocol and over gRPC in turns. What counts is the time from the end of speech to the first sound of the
   translation.
2. Messages. Calls that all speak, in frames of 20 ms, to a server of its own on one core whose engine follows
   a script; everything else, the detector of voices too, is real. What counts is how long a ping waits behind
   the frames before it, which is how long these wait to be handled.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np

import translate_svc.cli  # noqa: F401 - before grpc, which is set up there
from tests.fakes.model_free_service import model_free_service
from tests.gateway.telephone.provider import (
    FRAME_BYTES,
    FRAME_S,
    RATE_HZ,
    dialled,
    speaks,
    spoken,
    telephone,
)
from translate_svc.audio.codecs.g711 import to_mulaw
from translate_svc.client import AsyncClient
from translate_svc.config import Settings
from translate_svc.gateway.server import GatewayServer
from translate_svc.rpc.server import RpcServer
from translate_svc.service import Service
from translate_svc.session.admission import AdmissionOptions
from translate_svc.types import (
    AudioFormat,
    Encoding,
    SpeechChunk,
    StreamConfig,
    StreamSettings,
    TargetSettings,
)
from translate_svc.vad.silero import SileroVad

_CLIPS = ("eng_1", "eng_2", "eng_3")
_SPEECH_UNITS = 100
_PAUSE_S = 1.0
_PING_S = 1.0
_FRAMES_A_PING = round(_PING_S / FRAME_S)
_MULAW = AudioFormat(Encoding.MULAW, RATE_HZ)

Heard = Coroutine[Any, Any, float]
"""Returns when something was heard, as ``time.monotonic`` says."""


def frames_of(name: str) -> list[bytes]:
    """A recording and the pause after it, in frames of 20 ms."""
    data = to_mulaw(spoken(f"{name}.flac", _PAUSE_S)).tobytes()
    return [data[start : start + FRAME_BYTES] for start in range(0, len(data), FRAME_BYTES)]


async def answered_ms(frames: list[bytes], send: Callable[[bytes], Awaitable[None]], answer: Heard) -> float:
    """Says the frames in real time; milliseconds from the end of speech until ``answer`` returns."""
    listening = asyncio.ensure_future(answer)
    began_s, speech = time.monotonic(), len(frames) - round(_PAUSE_S / FRAME_S)
    for number, frame in enumerate(frames, 1):
        await asyncio.sleep(max(began_s + number * FRAME_S - time.monotonic(), 0))
        await send(frame)
    return 1000 * (await asyncio.wait_for(listening, 30) - began_s - speech * FRAME_S)


async def over_the_telephone(target: str, frames: list[bytes]) -> float:
    """What ``answered_ms`` says of a call."""

    async def first_sound() -> float:
        while (event := await call.receive()) is not None and event["event"] != "media":
            pass
        return time.monotonic()

    async with dialled(target) as call:
        await call.start(source="en", target="es", mode="utterance")
        return await answered_ms(frames, call.send_frame, first_sound())


async def over_grpc(address: str, frames: list[bytes]) -> float:
    """What ``answered_ms`` says of a stream."""

    async def first_sound() -> float:
        async for event in stream:
            if isinstance(event, SpeechChunk) and event.sample_count:
                break
        return time.monotonic()

    settings = StreamSettings((TargetSettings("es", text=False),), "en")
    async with AsyncClient(address) as client, client.open(StreamConfig(_MULAW, _MULAW, settings)) as stream:
        return await answered_ms(frames, stream.send, first_sound())


async def mouth_to_ear(rounds: int, folder: Path) -> dict[str, Any]:
    """Medians, and that of the differences of neighbours in time."""
    settings = Settings(model="model_cache/starter", device="cpu", dtype="float32", measure_capacity=False)
    phone: list[float] = []
    grpc: list[float] = []
    async with (
        Service.start(settings) as service,
        GatewayServer(service, telephone=telephone(folder)) as gateway,
        RpcServer(service) as rpc,
    ):
        for number, name in enumerate(itertools.islice(itertools.cycle(_CLIPS), rounds + 1)):
            frames = frames_of(name)
            sides = [(phone, over_the_telephone, gateway.target), (grpc, over_grpc, rpc.target)]
            for times, side, target in reversed(sides) if number % 2 else sides:
                times.append(await side(target, frames))
    phone, grpc = phone[1:], grpc[1:]  # the first round warms up
    added = [mine - theirs for mine, theirs in zip(phone, grpc, strict=True)]
    return {
        "rounds": rounds,
        "telephone_ms": round(statistics.median(phone)),
        "grpc_ms": round(statistics.median(grpc)),
        "added_ms": round(statistics.median(added), 1),
        "added_worst_ms": round(max(added), 1),
    }


async def one_call(target: str, seconds: float, waits_ms: list[float]) -> None:
    """A recording after another; a ping each second, and what was heard is dropped."""
    async with dialled(target, receives_pongs=True) as call:
        await call.start(source="en", target="es", mode="utterance")
        pinged_s = 0.0

        async def listen() -> None:
            async for message in call.raw:
                if message.type is aiohttp.WSMsgType.PONG:
                    waits_ms.append(1000 * (time.monotonic() - pinged_s))  # noqa: PERF401 - it is cancelled

        listening = asyncio.create_task(listen())
        frames = itertools.cycle(frames_of(_CLIPS[0]) + frames_of(_CLIPS[1]))
        await asyncio.sleep(np.random.default_rng().uniform(0, _PING_S))
        began_s = time.monotonic()
        for number in range(int(seconds / FRAME_S)):
            await asyncio.sleep(max(began_s + number * FRAME_S - time.monotonic(), 0))
            await call.send_frame(next(frames))
            if number % _FRAMES_A_PING == 0:
                pinged_s = time.monotonic()
                await call.raw.ping()
        listening.cancel()


async def many_calls(calls: int, seconds: float, folder: Path) -> dict[str, Any]:
    """How long pings wait, and how much of its core the server is busy."""
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.telephone", "--serve", str(folder), stdout=asyncio.subprocess.PIPE
    )
    assert server.stdout is not None
    target = (await server.stdout.readline()).decode().strip()
    waits_ms: list[float] = []
    try:
        before_s = cpu_s(server.pid)
        async with asyncio.TaskGroup() as tasks:
            for _ in range(calls):
                tasks.create_task(one_call(target, seconds, waits_ms))
        busy = (cpu_s(server.pid) - before_s) / seconds
    finally:
        server.terminate()
        await server.wait()
    waits_ms.sort()
    return {
        "calls": calls,
        "seconds": seconds,
        "pings": len(waits_ms),
        "p50_ms": round(waits_ms[len(waits_ms) // 2], 1),
        "p99_ms": round(waits_ms[len(waits_ms) * 99 // 100], 1),
        "core_busy": round(busy, 2),
    }


def cpu_s(pid: int) -> float:
    """Seconds that a process has computed."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def serve(folder: Path) -> None:
    """Serves calls on one core, until it is ended."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    async with (
        model_free_service(
            speaks(_SPEECH_UNITS), admission=AdmissionOptions(max_streams=1_000), vad=SileroVad()
        ) as service,
        GatewayServer(service, telephone=telephone(folder)) as server,
    ):
        print(server.target, flush=True)
        await asyncio.Event().wait()


async def measure(rounds: int, calls: int, seconds: float, folder: Path) -> dict[str, Any]:
    figures: dict[str, Any] = {"load_average_before": os.getloadavg()[0], "cores": os.cpu_count()}
    for name, part in (
        ("mouth_to_ear", mouth_to_ear(rounds, folder)),
        ("messages", many_calls(calls, seconds, folder)),
    ):
        figures[name] = await part
        print(name, figures[name], flush=True)
    return figures | {"load_average_after": os.getloadavg()[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--report", type=Path, help="write the figures to this file")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve is not None:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(serve(arguments.serve))
        return
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(measure(arguments.rounds, arguments.calls, arguments.seconds, Path(folder)))
    if arguments.report is not None:
        arguments.report.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
