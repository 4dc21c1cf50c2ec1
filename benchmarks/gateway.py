"""``make gateway``: what OpenAI's protocol costs beside gRPC. Writes benchmarks/results/gateway.json.

The server is that of ``benchmarks.soak``: one process that serves both, whose engine follows a script.

* Added latency: one gRPC stream and one WebSocket session take turns. Each says the same utterance, and the
  time from its end (``finalize``, ``commit``) to its first text is compared.
* 100 sessions send 40 ms of audio each at the pace of speech. The server runs on one core. The time from the
  client's write until the session has taken the audio is counted.

Exits with 1 if the 95th percentile grows by more than 5 ms, or if the 99th percentile of the handling is over
50 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import sys
import time
from array import array
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path

import aiohttp
import numpy as np
import numpy.typing as npt

from benchmarks.soak.server import ServerSetup
from benchmarks.soak.server_process import ServerProcess, server_process
from translate_svc.client import AsyncClient
from translate_svc.types import Segmentation, TextDelta, UtteranceDone

_RESULTS = Path(__file__).parent / "results" / "gateway.json"
_PATH = "/v1/realtime/translations?model=m"
_RATE_HZ, _CHUNK_S, _STREAMS = 24_000, 0.04, 100
_CHUNK_SAMPLES = round(_RATE_HZ * _CHUNK_S)
_ENCODE_MS = 20
_UTTERANCE_CHUNKS = 15
_MAX_ADDED_P95_MS, _MAX_HANDLING_P99_MS = 5.0, 50.0
_TONE = 0.3 * np.sin(2 * np.pi * 440 * np.arange(_CHUNK_SAMPLES) / _RATE_HZ)
_CHUNK = (_TONE * 32_767).astype("<i2").tobytes()


def _append(chunk: bytes) -> str:
    audio = base64.b64encode(chunk).decode()
    return json.dumps({"type": "session.input_audio_buffer.append", "audio": audio})


_SPEECH, _PAUSE = _append(_CHUNK), _append(bytes(len(_CHUNK)))
_COMMIT = json.dumps({"type": "session.input_audio_buffer.commit"})
_CLOSE = json.dumps({"type": "session.close"})


def _update(turn_detection: dict[str, str] | None) -> str:
    audio = {"input": {"turn_detection": turn_detection}, "output": {"language": "es"}}
    return json.dumps({"type": "session.update", "session": {"audio": audio}})


@dataclass(frozen=True, slots=True)
class GatewayResult:
    """Latencies in ms. ``cpu_us``: what the server's process took for one message of 40 ms."""

    utterances: int
    grpc_p50_ms: float
    grpc_p95_ms: float
    websocket_p50_ms: float
    websocket_p95_ms: float
    added_p95_ms: float
    streams: int
    seconds: float
    messages: int
    handling_p50_ms: float
    handling_p99_ms: float
    handling_max_ms: float
    client_late_p99_ms: float
    server_cpu_share: float
    cpu_us: float
    load_average: float


async def _websocket_latencies_ms(session: aiohttp.ClientWebSocketResponse) -> float:
    for _ in range(_UTTERANCE_CHUNKS):
        await session.send_str(_SPEECH)
    began_s = time.perf_counter()
    await session.send_str(_COMMIT)
    first_s = 0.0
    while True:
        event = json.loads((await session.receive()).data)
        if not first_s and event["type"] == "session.output_transcript.delta":
            first_s = time.perf_counter() - began_s
        if event["type"] == "session.output_audio.delta" and event["is_final"]:
            return 1000 * first_s


async def measure_latency(server: ServerProcess, utterances: int) -> tuple[list[float], list[float]]:
    """Latencies in ms of both transports, whose utterances take turns."""
    grpc_ms: list[float] = []
    websocket_ms: list[float] = []
    async with (
        AsyncClient(server.target) as client,
        client.stream(targets=["es"], sample_rate_hz=_RATE_HZ, segmentation=Segmentation.MANUAL) as stream,
        aiohttp.ClientSession() as http,
        http.ws_connect(server.http + _PATH) as session,
    ):
        await session.send_str(_update(None))
        events = aiter(stream)
        for _ in range(utterances):
            for _ in range(_UTTERANCE_CHUNKS):
                await stream.send(_CHUNK)
            began_s = time.perf_counter()
            await stream.finalize()
            async for event in events:
                if isinstance(event, TextDelta):
                    grpc_ms.append(1000 * (time.perf_counter() - began_s))
                    break
            async for event in events:
                if isinstance(event, UtteranceDone):
                    break
            websocket_ms.append(await _websocket_latencies_ms(session))
    return grpc_ms, websocket_ms


@dataclass(slots=True, eq=False)
class _Speaker:
    """One session that says chunks at the pace of speech: 30 of speech, 20 of silence, and so on."""

    session: aiohttp.ClientWebSocketResponse
    sent_s: array[float] = field(default_factory=lambda: array("d"))
    late_s: array[float] = field(default_factory=lambda: array("d"))

    async def open(self) -> None:
        await self.session.send_str(_update({"type": "server_vad"}))
        while json.loads((await self.session.receive()).data)["type"] != "session.updated":
            pass

    async def run(self, chunks: int, start_s: float) -> None:
        reading = asyncio.create_task(self._read())
        for index in range(chunks):
            due_s = start_s + index * _CHUNK_S
            if (early_s := due_s - time.monotonic()) > 0:
                await asyncio.sleep(early_s)
            now_s = time.monotonic()
            self.sent_s.append(now_s)
            self.late_s.append(now_s - due_s)
            await self.session.send_str(_SPEECH if index % 50 < 30 else _PAUSE)
        await self.session.send_str(_CLOSE)
        assert await reading == 1000, "the session ended well"

    async def _read(self) -> int | None:
        while (await self.session.receive()).type is aiohttp.WSMsgType.TEXT:
            pass
        return self.session.close_code


async def measure_streams(server: ServerProcess, streams: int, seconds: float) -> dict[str, float]:
    """How fast the audio of all sessions is handled, and what it costs."""
    await server.take_times()
    speakers: list[_Speaker] = []
    async with AsyncExitStack() as stack:
        connector = aiohttp.TCPConnector(limit=0)
        http = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        for _ in range(streams):
            session = await stack.enter_async_context(http.ws_connect(server.http + _PATH))
            speakers.append(_Speaker(session))
            await speakers[-1].open()  # one after another: so the server's order is ours
        before, began_s = await server.state(), time.monotonic()
        phases = np.random.default_rng(0).uniform(0, 1.0, streams)
        async with asyncio.TaskGroup() as tasks:
            for speaker, phase in zip(speakers, phases, strict=True):
                tasks.create_task(speaker.run(round(seconds / _CHUNK_S), began_s + 1 + phase))
        wall_s = time.monotonic() - began_s
    after = await server.at_rest()
    handled = list((await server.take_times()).values())
    handling_ms = 1000 * np.concatenate(
        [np.array(times) - np.array(each.sent_s) for times, each in zip(handled, speakers, strict=True)]
    )
    late_ms = 1000 * np.concatenate([np.array(each.late_s) for each in speakers])
    cpu_s = after.cpu_s - before.cpu_s
    return {
        "streams": streams,
        "seconds": round(wall_s, 1),
        "messages": len(handling_ms),
        "handling_p50_ms": _percentile(handling_ms, 50),
        "handling_p99_ms": _percentile(handling_ms, 99),
        "handling_max_ms": round(float(handling_ms.max()), 1),
        "client_late_p99_ms": _percentile(late_ms, 99),
        "server_cpu_share": round(cpu_s / wall_s, 3),
        "cpu_us": round(1e6 * cpu_s / len(handling_ms), 1),
    }


def _percentile(values: Sequence[float] | npt.NDArray[np.float64], percent: float) -> float:
    return round(float(np.percentile(values, percent)), 2)


async def run(utterances: int, streams: int, seconds: float) -> GatewayResult:
    """Both measurements, one after the other, each with a server of its own."""
    quick = ServerSetup(encode_ms=_ENCODE_MS, http=True, timed=True)
    async with server_process(quick) as server:
        grpc_ms, websocket_ms = await measure_latency(server, utterances)
    async with server_process(quick) as server:
        server.pin(0)
        measured = await measure_streams(server, streams, seconds)
    added_ms = np.percentile(websocket_ms, 95) - np.percentile(grpc_ms, 95)
    return GatewayResult(
        utterances=utterances,
        grpc_p50_ms=_percentile(grpc_ms, 50),
        grpc_p95_ms=_percentile(grpc_ms, 95),
        websocket_p50_ms=_percentile(websocket_ms, 50),
        websocket_p95_ms=_percentile(websocket_ms, 95),
        added_p95_ms=round(float(added_ms), 2),
        load_average=round(os.getloadavg()[0], 1),
        **measured,  # type: ignore[arg-type]  # the names are the fields
    )


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--utterances", type=int, default=300)
    parser.add_argument("--streams", type=int, default=_STREAMS)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--out", type=Path, default=_RESULTS)
    arguments = parser.parse_args()
    result = asyncio.run(run(arguments.utterances, arguments.streams, arguments.seconds))
    text = json.dumps(asdict(result), indent=1)
    arguments.out.write_text(text + "\n")
    print(text)
    slow = result.added_p95_ms > _MAX_ADDED_P95_MS or result.handling_p99_ms > _MAX_HANDLING_P99_MS
    sys.exit(1 if slow else 0)


if __name__ == "__main__":
    main()
