"""All kinds of callers at two servers, one of which is killed again and again; the other stays as it was."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import random
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import aiohttp
import numpy as np
import soundfile
import soxr

from benchmarks.newcomers import speech
from benchmarks.resume.servers import Server, free_ports, servers, starter_command
from benchmarks.soak.speaker import RATE_HZ
from translate_svc.access.resume_tokens import new_resume_key
from translate_svc.client import AsyncClient, pace
from translate_svc.types import Samples, SimultaneousSettings, TargetSettings, TextDelta, UtteranceDone

_STREAM_S = 20.0
_SAMPLE_S = 2.0
_DOWN_S = 3.0
_WHOLE, _SIMULTANEOUS = 3, 1
_OPENAI_RATE_HZ = 24_000
_PART_S = 0.2
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class MixedResult:
    """``different``: streams by utterance with another text than the same stream had before the first kill.
    ``failed``: by kind of caller. ``grown_...``: of the server that lives, from the second quarter of the run
    to its last, by medians. ``first_text_p95_ms``: after the end of an utterance, in those two quarters.
    """

    seconds: float
    kills: int
    streams: dict[str, int]
    failed: dict[str, int]
    different: int
    grown_mib: float
    grown_descriptors: float
    grown_threads: float
    first_text_p95_ms: tuple[float, float]


@dataclass(slots=True)
class _Seen:
    """``first_texts``: when, and after how many ms. ``states``: when, MiB, descriptors and threads."""

    streams: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    different: int = 0
    first_texts: list[tuple[float, float]] = field(default_factory=list)
    states: list[tuple[float, float, float, float]] = field(default_factory=list)


async def run_mixed(seconds: float, kill_every_s: float) -> MixedResult:
    """Real servers with the starter checkpoint: streams by utterance and simultaneously, which are resumed at
    the other server, a session of OpenAI's protocol, and files.
    """
    seen, said = _Seen(), speech(_STREAM_S)
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory() as folder:
        keys = Path(folder) / "resume-keys"
        keys.write_text(new_resume_key() + "\n")
        http = ("--http", f"127.0.0.1:{port}")
        async with (
            servers(1, starter_command(keys, *http)) as (lasting,),
            servers(1, starter_command(keys)) as (mortal,),
        ):
            both = [mortal.address, lasting.address]
            wanted = await _stream(both, said, seen, None)
            callers: list[tuple[str, Callable[[], Awaitable[None]]]] = [
                *[("whole", lambda: _whole(both, said, seen, wanted))] * _WHOLE,
                *[("simultaneous", lambda: _simultaneous(both, said))] * _SIMULTANEOUS,
                ("openai", lambda: _openai(port, said)),
                ("file", lambda: _file(port, said)),
            ]
            seen.first_texts.clear()
            began_s = time.monotonic()
            running = [asyncio.create_task(_again(kind, call, seen)) for kind, call in callers]
            running.append(asyncio.create_task(_watch(lasting.pid, seen)))
            kills = await _kill_again_and_again(mortal, seconds, kill_every_s)
            for each in running:
                each.cancel()
            await asyncio.gather(*running, return_exceptions=True)
    return _result(seen, began_s, seconds, kills)


async def _kill_again_and_again(server: Server, seconds: float, every_s: float) -> int:
    kills, end_s = 0, time.monotonic() + seconds
    while (left_s := end_s - time.monotonic()) > 0:
        await asyncio.sleep(min(every_s, left_s))
        if time.monotonic() + every_s / 2 < end_s:
            await server.kill()
            await asyncio.sleep(_DOWN_S)
            await server.start()
            kills += 1
    return kills


async def _again(kind: str, call: Callable[[], Awaitable[None]], seen: _Seen) -> None:
    """One call after another, for ever."""
    await asyncio.sleep(random.uniform(0, _STREAM_S / 4))
    while True:
        try:
            await call()
            seen.streams[kind] += 1
        except Exception:
            seen.failed[kind] += 1
            await asyncio.sleep(1.0)


async def _stream(
    addresses: Sequence[str], said: Samples, seen: _Seen, simultaneous: SimultaneousSettings | None
) -> str:
    """One live stream, resumed wherever it breaks. Returns its text."""
    text = ""
    async with (
        AsyncClient(list(addresses)) as client,
        client.stream(
            source="en",
            targets=[TargetSettings("es")],
            simultaneous=simultaneous,
            sample_rate_hz=RATE_HZ,
            resume=True,
        ) as stream,
    ):
        stream.feed(pace(said, RATE_HZ))
        async for event in stream:
            if isinstance(event, TextDelta):
                text += event.delta
            elif isinstance(event, UtteranceDone) and event.end_to_first_text_ms is not None:
                seen.first_texts.append((time.monotonic(), event.end_to_first_text_ms))
    return text


async def _whole(addresses: Sequence[str], said: Samples, seen: _Seen, wanted: str) -> None:
    seen.different += await _stream(addresses, said, seen, None) != wanted


async def _simultaneous(addresses: Sequence[str], said: Samples) -> None:
    if not await _stream(addresses, said, _Seen(), SimultaneousSettings()):
        raise RuntimeError("nothing was translated")


async def _openai(port: int, said: Samples) -> None:
    """A session of OpenAI's translation protocol, in real time."""
    pcm = (soxr.resample(said, RATE_HZ, _OPENAI_RATE_HZ) * 32_767).astype("<i2").tobytes()
    part = round(_PART_S * _OPENAI_RATE_HZ) * 2
    translated = ""
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"http://127.0.0.1:{port}/v1/realtime/translations?model=starter") as socket,
    ):

        async def speak() -> None:
            await socket.send_json(
                {"type": "session.update", "session": {"audio": {"output": {"language": "es"}}}}
            )
            for start in range(0, len(pcm), part):
                data = base64.b64encode(pcm[start : start + part]).decode()
                await socket.send_json({"type": "session.input_audio_buffer.append", "audio": data})
                await asyncio.sleep(_PART_S)
            await socket.send_json({"type": "session.close"})

        async with asyncio.TaskGroup() as tasks:
            speaking = tasks.create_task(speak())
            async for message in socket:
                event = message.json()
                if event["type"] == "session.output_transcript.delta":
                    translated += event["delta"]
            speaking.cancel()
    if not translated:
        raise RuntimeError("nothing was translated")


async def _file(port: int, said: Samples) -> None:
    """A recording, and a pause after it."""
    content = io.BytesIO()
    soundfile.write(content, said, RATE_HZ, format="flac")
    form = aiohttp.FormData({"model": "starter"})
    form.add_field("file", content.getvalue(), filename="said.flac")
    async with (
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http,
        http.post("/v1/audio/translations", data=form) as response,
    ):
        response.raise_for_status()
    await asyncio.sleep(_STREAM_S / 2)


async def _watch(pid: int, seen: _Seen) -> None:
    process = Path(f"/proc/{pid}")
    while True:
        with contextlib.suppress(FileNotFoundError):
            status = dict(
                line.split(":", 1) for line in (process / "status").read_text().splitlines() if ":" in line
            )
            mib = int(status["VmRSS"].split()[0]) * 1024 / _MIB
            descriptors = len(list((process / "fd").iterdir()))
            seen.states.append((time.monotonic(), mib, descriptors, int(status["Threads"])))
        await asyncio.sleep(_SAMPLE_S)


def _result(seen: _Seen, began_s: float, seconds: float, kills: int) -> MixedResult:
    def quarter(at_s: float) -> int:
        return int(4 * (at_s - began_s) / seconds)

    def grown(column: int) -> float:
        second, last = ([row[column] for row in seen.states if quarter(row[0]) == place] for place in (1, 3))
        return round(median(last) - median(second), 1)

    def p95(place: int) -> float:
        times = [ms for at_s, ms in seen.first_texts if quarter(at_s) == place]
        return round(float(np.percentile(times, 95)), 1)

    return MixedResult(
        seconds,
        kills,
        dict(seen.streams),
        dict(seen.failed),
        seen.different,
        grown(1),
        grown(2),
        grown(3),
        (p95(1), p95(3)),
    )
