"""Google's package as a client of a server of ours. It speaks TLS alone."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from google import genai
from google.genai import live, types

from tests.certificates import Authority
from tests.gateway.clients import RATE_HZ, clip, pcm16, silence, tone
from translate_svc.audio.resampler import resample
from translate_svc.gateway.server import GatewayServer
from translate_svc.types import Samples

MODEL = "gemini-3.5-live-translate-preview"
PATH = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
CHUNK_BYTES = RATE_HZ // 10 * 2
"""100 ms, as Google advises."""
SPOKEN = pcm16(tone(0.6)) + pcm16(silence(1.0))
"""An utterance of the scripted engine."""
MIME_TYPE = f"audio/pcm;rate={RATE_HZ}"


def config(target: str = "es", *, echo: bool | None = None, **fields: Any) -> types.LiveConnectConfig:
    """The configuration of Google's page on live translation, with other fields."""
    translation = types.TranslationConfig(target_language_code=target, echo_target_language=echo)
    transcribed = types.AudioTranscriptionConfig()
    return types.LiveConnectConfig(
        response_modalities=fields.pop("response_modalities", [types.Modality.AUDIO]),
        input_audio_transcription=fields.pop("input_audio_transcription", transcribed),
        output_audio_transcription=fields.pop("output_audio_transcription", transcribed),
        translation_config=translation,
        **fields,
    )


@asynccontextmanager
async def session(
    target: str, authority: Authority, wanted: types.LiveConnectConfig, key: str = "k", **client: Any
) -> AsyncIterator[live.AsyncSession]:
    """A session with the server at ``target``, an URL."""
    trusting = ssl.create_default_context(cafile=authority.ca)
    options = types.HttpOptions(base_url=target, async_client_args={"ssl": trusting})
    google = genai.Client(api_key=key, http_options=options, **client)
    async with asyncio.timeout(60), google.aio.live.connect(model=MODEL, config=wanted) as opened:
        yield opened


async def say(opened: live.AsyncSession, samples: Samples) -> None:
    """Sends ``samples`` of 24 kHz."""
    data = pcm16(samples)
    for start in range(0, len(data), CHUNK_BYTES):
        blob = types.Blob(data=data[start : start + CHUNK_BYTES], mime_type=MIME_TYPE)
        await opened.send_realtime_input(audio=blob)


def pcm_16k(name: str) -> bytes:
    """A recording of ``tests/data`` as Google's pages send it."""
    return pcm16(resample(clip(name), RATE_HZ, 16_000))


class Heard:
    """What a client has got."""

    def __init__(self) -> None:
        self.messages: list[types.LiveServerMessage] = []

    async def until(
        self, opened: live.AsyncSession, done: Callable[[types.LiveServerMessage], object]
    ) -> types.LiveServerMessage:
        """Receives up to a message."""
        async for message in opened.receive():
            self.messages.append(message)
            if done(message):
                return message
        raise AssertionError(f"the turn is complete: {self.messages}")

    async def turn(self, opened: live.AsyncSession) -> None:
        """Receives up to the end of the turn."""
        self.messages += [message async for message in opened.receive()]

    @property
    def contents(self) -> list[types.LiveServerContent]:
        return [each.server_content for each in self.messages if each.server_content is not None]

    @property
    def speech(self) -> bytes:
        return b"".join(
            part.inline_data.data or b""
            for content in self.contents
            if content.model_turn is not None
            for part in content.model_turn.parts or ()
            if part.inline_data is not None
        )

    @property
    def written(self) -> str:
        """The text of the model's turns."""
        return "".join(message.text or "" for message in self.messages)

    @property
    def said(self) -> str:
        return "".join(
            each.input_transcription.text or "" for each in self.contents if each.input_transcription
        )

    @property
    def translated(self) -> str:
        texts = [each.output_transcription for each in self.contents if each.output_transcription]
        return "".join(each.text or "" for each in texts)

    @property
    def handle(self) -> str:
        """That of the last update."""
        updates = [each.session_resumption_update for each in self.messages if each.session_resumption_update]
        assert updates[-1].resumable
        return updates[-1].new_handle or ""


def audio(data: bytes, mime_type: str = MIME_TYPE) -> dict[str, Any]:
    """A blob of a message."""
    return {"data": base64.b64encode(data).decode(), "mimeType": mime_type}


class RawSession:
    """A WebSocket without Google's package, over plaintext."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def setup(self, **fields: Any) -> None:
        await self.socket.send_json({"setup": translation("es") | fields})

    async def say(self, data: bytes = SPOKEN, **others: Any) -> None:
        """Sends ``data`` in one message, which has ``others``, too."""
        await self.socket.send_json({"realtimeInput": {"audio": audio(data)} | others})

    async def receive(self) -> dict[str, Any]:
        """The next message, which Google's server sends as binary."""
        received = await self.socket.receive()
        assert received.type is aiohttp.WSMsgType.BINARY, received
        message: dict[str, Any] = received.json()
        return message

    async def until(self, *path: str) -> Any:
        """The value at ``path`` of the next message that has one."""
        while True:
            value: Any = await self.receive()
            for name in path:
                value = value.get(name) if isinstance(value, dict) else None
            if value is not None:
                return value

    async def closed(self) -> tuple[int, str]:
        """Code and reason of the close. Receives what comes before it."""
        while (received := await self.socket.receive()).type is aiohttp.WSMsgType.BINARY:
            pass
        assert received.type is aiohttp.WSMsgType.CLOSE
        return received.data, str(received.extra)


def translation(target: str, **fields: Any) -> dict[str, Any]:
    """The ``setup`` of a translation, with fields of its ``generationConfig``."""
    generation = {"responseModalities": ["AUDIO"], "translationConfig": {"targetLanguageCode": target}}
    return {
        "model": f"models/{MODEL}",
        "generationConfig": generation | fields,
        "inputAudioTranscription": {"languageCodes": ["en"]},
        "outputAudioTranscription": {},
    }


@asynccontextmanager
async def raw_session(server: GatewayServer, query: str = "", **options: Any) -> AsyncIterator[RawSession]:
    async with (
        asyncio.timeout(60),
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{server.target}{PATH}{query}", **options) as socket,
    ):
        yield RawSession(socket)
