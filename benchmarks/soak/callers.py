"""The kinds of callers of mixed traffic, each of which makes one call in real time."""

from __future__ import annotations

import asyncio
import base64
import io
import time
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp
import soundfile
import soxr

from benchmarks.soak.speaker import RATE_HZ
from tests.gateway.clients import RATE_HZ as OPENAI_RATE_HZ
from tests.gateway.clients import TRANSLATIONS, pcm16
from tests.gateway.webrtc.caller import calling
from translate_svc.client import AsyncClient, ClientOptions, pace
from translate_svc.errors import ResourceExhausted
from translate_svc.types import Samples, SimultaneousSettings, TargetSettings, TextDelta, UtteranceDone

_PART_S = 0.2
_PAUSE_S = 10.0
_ENDS_WITHIN_S = 60.0
_SPANISH = {"audio": {"output": {"language": "es"}}}


@dataclass(frozen=True, slots=True)
class Places:
    """Where one calls: ``addresses`` over gRPC, of which each may be gone, and ``http``, which stays."""

    addresses: Sequence[str]
    http: str


async def stream(
    addresses: Sequence[str],
    key: str,
    said: Samples,
    *,
    simultaneous: SimultaneousSettings | None = None,
    first_texts: list[tuple[float, float]] | None = None,
) -> str:
    """One live stream, resumed wherever it breaks. Returns its text.

    Appends to ``first_texts`` when an utterance was done, and how many ms after its end its text began.
    """
    text, waits_ms = "", [] if first_texts is None else first_texts
    async with (
        AsyncClient(list(addresses), ClientOptions(api_key=key)) as client,
        client.stream(
            source="en",
            targets=[TargetSettings("es")],
            simultaneous=simultaneous,
            sample_rate_hz=RATE_HZ,
            resume=True,
        ) as live,
    ):
        live.feed(pace(said, RATE_HZ))
        async for event in live:
            if isinstance(event, TextDelta):
                text += event.delta
            elif isinstance(event, UtteranceDone) and event.end_to_first_text_ms is not None:
                waits_ms.append((time.monotonic(), event.end_to_first_text_ms))
    return text


async def simultaneous_stream(places: Places, key: str, said: Samples) -> None:
    """A live stream whose text comes while somebody speaks."""
    _check(await stream(places.addresses, key, said, simultaneous=SimultaneousSettings()))


async def openai_session(places: Places, key: str, said: Samples) -> float:
    """A session of OpenAI's translation protocol over a WebSocket. Returns how many seconds after the last
    audio the last text came.

    Raises:
        ResourceExhausted: the session was refused.
    """
    pcm = pcm16(_resampled(said))
    part = round(_PART_S * OPENAI_RATE_HZ) * 2
    translated, failure = "", {}
    said_s = text_s = time.monotonic()
    async with (
        aiohttp.ClientSession(places.http, headers=bearer(key)) as http,
        http.ws_connect(f"{TRANSLATIONS}?model=starter") as socket,
    ):

        async def speak() -> None:
            nonlocal said_s
            await socket.send_json({"type": "session.update", "session": _SPANISH})
            for start in range(0, len(pcm), part):
                data = base64.b64encode(pcm[start : start + part]).decode()
                await socket.send_json({"type": "session.input_audio_buffer.append", "audio": data})
                await asyncio.sleep(_PART_S)
            said_s = time.monotonic()
            await socket.send_json({"type": "session.close"})

        async with asyncio.TaskGroup() as tasks:
            speaking = tasks.create_task(speak())
            async for message in socket:
                event = message.json()
                if event["type"] == "session.output_transcript.delta":
                    translated += event["delta"]
                    text_s = time.monotonic()
                elif event["type"] == "error":
                    failure = event["error"]
                    break
            speaking.cancel()
    if failure:
        kind = ResourceExhausted if failure["code"] == "overloaded" else RuntimeError
        raise kind(failure["message"])
    _check(translated)
    return max(0.0, text_s - said_s)


async def webrtc_call(places: Places, key: str, said: Samples) -> None:
    """The same protocol over WebRTC: Opus in both directions, and events by the data channel."""
    async with calling(places.http, Authorization=bearer(key)["Authorization"]) as caller:
        await caller.until("session.created")
        caller.send("session.update", session=_SPANISH)
        await caller.until("session.updated")
        caller.track.say(_resampled(said))
        await caller.track.finished.wait()
        caller.send("session.close")
        async with asyncio.timeout(_ENDS_WITHIN_S):
            await caller.closed.wait()
        if errors := caller.of("error"):
            raise RuntimeError(errors[0]["error"]["message"])
        _check(caller.text())
        if not caller.heard.any():
            raise RuntimeError("nothing was heard")


async def file(places: Places, key: str, said: Samples) -> None:
    """A recording, and a pause after it."""
    content = io.BytesIO()
    soundfile.write(content, said, RATE_HZ, format="flac")
    form = aiohttp.FormData({"model": "starter"})
    form.add_field("file", content.getvalue(), filename="said.flac")
    async with (
        aiohttp.ClientSession(places.http, headers=bearer(key)) as http,
        http.post("/v1/audio/translations", data=form) as response,
    ):
        response.raise_for_status()
    await asyncio.sleep(_PAUSE_S)


def bearer(key: str) -> dict[str, str]:
    """The header of a caller over HTTP."""
    return {"Authorization": f"Bearer {key}"}


def _resampled(said: Samples) -> Samples:
    resampled: Samples = soxr.resample(said, RATE_HZ, OPENAI_RATE_HZ)
    return resampled


def _check(translated: str) -> None:
    if not translated:
        raise RuntimeError("nothing was translated")
