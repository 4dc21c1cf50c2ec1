"""The kinds of callers of mixed traffic, each of which makes one call in real time."""

from __future__ import annotations

import asyncio
import contextlib
import io
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
import soundfile
import soxr

from benchmarks.soak.speaker import RATE_HZ
from tests.gateway.clients import RATE_HZ as OPENAI_RATE_HZ
from tests.gateway.clients import TRANSLATIONS, base64_parts, pcm16
from tests.gateway.webrtc.caller import calling
from translate_svc.client import AsyncClient, ClientOptions, pace
from translate_svc.errors import ResourceExhausted
from translate_svc.types import Samples, SimultaneousSettings, TargetSettings, TextDelta, UtteranceDone

PART_MS = 100
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


async def openai_session(
    places: Places,
    key: str,
    said: Samples,
    *,
    times: int = 1,
    include: Sequence[str] = (),
    hear: Callable[[dict[str, Any], float], None] = lambda event, at_s: None,
) -> float:
    """A session of OpenAI's translation protocol over a WebSocket, in which ``said`` is said so many times.
    Returns how many seconds after the last audio the last text came.

    ``hear`` is told each event, and how many seconds after the beginning of the audio it came. ``include``:
    what the session asks for beside OpenAI's events.

    Raises:
        ResourceExhausted: the session was refused.
    """
    parts = base64_parts(pcm16(_resampled(said)), PART_MS * OPENAI_RATE_HZ // 1000 * 2) * times
    translated = ""
    async with (
        aiohttp.ClientSession(places.http, headers=bearer(key)) as http,
        http.ws_connect(f"{TRANSLATIONS}?model=starter") as socket,
    ):
        await socket.send_json({"type": "session.update", "session": _SPANISH | {"include": [*include]}})
        began_s = text_s = time.monotonic()
        speaking = asyncio.create_task(_speak(socket, parts, began_s))
        try:
            async for event in _events(socket):
                hear(event, time.monotonic() - began_s)
                if event["type"] == "session.output_transcript.delta":
                    translated += event["delta"]
                    text_s = time.monotonic()
        finally:
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)
    _check(translated)
    return max(0.0, text_s - began_s - len(parts) * PART_MS / 1000)


async def _speak(socket: aiohttp.ClientWebSocketResponse, parts: Sequence[str], began_s: float) -> None:
    """Each part at the time of its last sample. Ends early where the server has closed the session."""
    with contextlib.suppress(aiohttp.ClientConnectionResetError):
        for number, part in enumerate(parts):
            await asyncio.sleep(began_s + (number + 1) * PART_MS / 1000 - time.monotonic())
            await socket.send_json({"type": "session.input_audio_buffer.append", "audio": part})
        await socket.send_json({"type": "session.close"})


async def _events(socket: aiohttp.ClientWebSocketResponse) -> AsyncIterator[dict[str, Any]]:
    """All of a session. RuntimeError if it has another end than `session.closed`."""
    async for message in socket:
        event = message.json()
        if event["type"] == "error":
            kind = ResourceExhausted if event["error"]["code"] == "overloaded" else RuntimeError
            raise kind(event["error"]["message"])
        yield event
        if event["type"] == "session.closed":
            return
    raise RuntimeError(f"the session was closed before its end: {socket.close_code}")


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
