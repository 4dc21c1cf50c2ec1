"""Clients of the HTTP server, and audio for them."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np

from translate_svc.audio.files import read_audio
from translate_svc.audio.resampler import Resampler
from translate_svc.types import Samples

ROOT = Path(__file__).resolve().parents[2]
RATE_HZ = 24_000
TRANSLATIONS = "/v1/realtime/translations"


def clip(name: str) -> Samples:
    """A recording of ``tests/data`` at 24 kHz."""
    samples, rate_hz = read_audio(ROOT / "tests" / "data" / name)
    resampler = Resampler(rate_hz, RATE_HZ)
    return np.concatenate([resampler.push(samples), resampler.flush()])


def tone(duration_s: float, *, amplitude: float = 0.5, frequency_hz: float = 440.0) -> Samples:
    """A sine at 24 kHz, which ``EnergyVad`` takes for speech."""
    times = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    return (amplitude * np.sin(2 * np.pi * frequency_hz * times)).astype(np.float32)


def silence(duration_s: float) -> Samples:
    return np.zeros(round(duration_s * RATE_HZ), np.float32)


def pcm16(samples: Samples) -> bytes:
    return (np.clip(samples, -1, 1) * 32_767).astype("<i2").tobytes()


def from_pcm16(data: bytes) -> Samples:
    return (np.frombuffer(data, "<i2") / 32_767).astype(np.float32)


def base64_parts(data: bytes, part_bytes: int = 9_600) -> list[str]:
    """Parts of 200 ms, as the protocol advises, or of another size."""
    return [
        base64.b64encode(data[start : start + part_bytes]).decode()
        for start in range(0, len(data), part_bytes)
    ]


class Socket:
    """A WebSocket that keeps all it has received."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.raw = socket
        self.events: list[dict[str, Any]] = []

    async def send(self, kind: str, **fields: Any) -> None:
        await self.raw.send_json({"type": kind, **fields})

    async def update(self, **session: Any) -> None:
        await self.send("session.update", session=session)

    async def open(self, *languages: str, **session: Any) -> dict[str, Any]:
        """Asks for the targets; returns the session of the answer."""
        output = {"targets": [{"language": language} for language in languages]}
        audio = session.pop("audio", {}) | {"output": output}
        await self.update(audio=audio, **session)
        updated = await self.until("session.updated")
        described: dict[str, Any] = updated["session"]
        return described

    async def append(self, data: bytes, part_bytes: int = 9_600) -> None:
        for part in base64_parts(data, part_bytes):
            await self.send("session.input_audio_buffer.append", audio=part)

    async def receive(self) -> dict[str, Any] | None:
        """The next event; None once the connection is closed."""
        message = await self.raw.receive()
        if message.type is not aiohttp.WSMsgType.TEXT:
            return None
        event: dict[str, Any] = message.json()
        self.events.append(event)
        return event

    async def until(self, kind: str, timeout_s: float = 60.0) -> dict[str, Any]:
        """The next event of a type."""
        async with asyncio.timeout(timeout_s):
            while (event := await self.receive()) is not None:
                if event["type"] == kind:
                    return event
        raise AssertionError(f"closed with {self.raw.close_code} before {kind}: {self.kinds()}")

    async def to_the_end(self, timeout_s: float = 60.0) -> int:
        """Reads until the connection is closed; returns the close code."""
        async with asyncio.timeout(timeout_s):
            while await self.receive() is not None:
                pass
        assert self.raw.close_code is not None
        return self.raw.close_code

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == kind]

    def kinds(self) -> list[str]:
        return [event["type"] for event in self.events]

    def text(self, language: str | None = None, *, kind: str = "output_transcript") -> str:
        """All deltas put together, as a client would."""
        deltas = self.of(f"session.{kind}.delta")
        return "".join(each["delta"] for each in deltas if language in (None, each["language"]))

    def speech(self, language: str | None = None) -> Samples:
        deltas = self.of("session.output_audio.delta")
        chosen = [each for each in deltas if language in (None, each["language"])]
        return from_pcm16(b"".join(base64.b64decode(each["delta"]) for each in chosen))


@asynccontextmanager
async def connect(
    target: str, path: str = f"{TRANSLATIONS}?model=m", *, source: str = "", **options: Any
) -> AsyncIterator[Socket]:
    """A connection to the server at ``target``. ``source``: the address from which it comes."""
    own = (source, 0) if source else None
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(local_addr=own)) as http,
        http.ws_connect(target + path, **options) as socket,
    ):
        yield Socket(socket)
