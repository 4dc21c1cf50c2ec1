"""A telephone provider: it dials a server, sends what a caller says, and plays what it is sent.

Its messages are the examples of the providers' references, with audio of ours.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np

from tests.fakes.engine_script import Script, ScriptedRequest, ScriptedSequence
from tests.gateway.clients import ROOT
from translate_svc.audio.codecs.g711 import from_mulaw, to_mulaw
from translate_svc.audio.files import read_audio
from translate_svc.audio.resampler import Resampler
from translate_svc.engine.request import Request
from translate_svc.telephone.telephone_file import Telephone
from translate_svc.types import Samples

RATE_HZ = 8_000
FRAME_BYTES = 160
FRAME_S = 0.02
TOKEN = "12345"


def telephone(folder: Path, text: str = "") -> Telephone:
    """The operator's file: Twilio, and ``text``."""
    path = folder / "telephone.toml"
    path.write_text(f'[twilio]\nsecrets = ["{TOKEN}"]\n{text}')
    return Telephone(path)


def spoken(name: str, silence_s: float = 1.0) -> Samples:
    """A recording of ``tests/data`` as a telephone has it, and silence after it."""
    samples, rate_hz = read_audio(ROOT / "tests" / "data" / name)
    resampler = Resampler(rate_hz, RATE_HZ)
    parts = (resampler.push(samples), resampler.flush(), np.zeros(round(silence_s * RATE_HZ), np.float32))
    return np.concatenate(parts)


def tone(duration_s: float, silence_s: float = 0.8) -> Samples:
    """A sound that ``EnergyVad`` takes for speech, and silence after it."""
    times = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    speech = 0.5 * np.sin(2 * np.pi * 440 * times)
    return np.concatenate([speech, np.zeros(round(silence_s * RATE_HZ))]).astype(np.float32)


def speaks(units: int, amplitude: float = 0.25) -> Script:
    """A script whose speech is ``units`` of 20 ms, louder by the number of its language."""

    def script(request: Request) -> ScriptedRequest:
        level = {"spa": 0.25, "fra": 0.5}
        return ScriptedRequest(
            tuple(
                ScriptedSequence(piece_units=(units,), amplitude=level.get(each.language, amplitude))
                for each in request.sequences
            ),
            encode_s=0.0,
        )

    return script


class Twilio:
    """One call. ``heard`` is what the caller has heard so far, without the pauses."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.raw = socket
        self.sid = "MZ18ad3ab5a668481ce02b83e7395059f0"
        self.heard = bytearray()
        self.marks: list[str] = []
        self.clears = 0
        self._sequence = self._chunk = 0

    async def send(self, event: str, **fields: Any) -> None:
        self._sequence += 1
        head = {"event": event, "sequenceNumber": str(self._sequence), "streamSid": self.sid}
        await self.raw.send_str(json.dumps(head | fields))

    async def start(self, **parameters: str) -> None:
        await self.raw.send_str('{"event":"connected","protocol":"Call","version":"1.0.0"}')
        start = {
            "accountSid": "AC123", "streamSid": self.sid, "callSid": "CA123", "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": RATE_HZ, "channels": 1},
            "customParameters": parameters,
        }  # fmt: skip
        await self.send("start", start=start)

    async def say(self, samples: Samples) -> None:
        data = to_mulaw(samples).tobytes()
        for start in range(0, len(data), FRAME_BYTES):
            await self.send_frame(data[start : start + FRAME_BYTES])

    async def send_frame(self, data: bytes) -> None:
        self._chunk += 1
        payload = base64.b64encode(data).decode()
        media = {"track": "inbound", "chunk": str(self._chunk), "timestamp": "5", "payload": payload}
        await self.send("media", media=media)

    async def press(self, digit: str) -> None:
        await self.send("dtmf", dtmf={"track": "inbound_track", "digit": digit})

    async def hang_up(self) -> int:
        """Ends the call; returns the code that the server closes with."""
        await self.send("stop", stop={"accountSid": "AC123", "callSid": "CA123"})
        return await self.to_the_end()

    def lose(self) -> None:
        """Ends the connection without a word."""
        transport = self.raw.get_extra_info("socket")
        transport.shutdown(socket.SHUT_RDWR)

    async def receive(self) -> dict[str, Any] | None:
        """The server's next message, taken note of; None once the connection is closed."""
        message = await self.raw.receive()
        if message.type is not aiohttp.WSMsgType.TEXT:
            return None
        event: dict[str, Any] = message.json()
        assert event["streamSid"] == self.sid
        match event["event"]:
            case "media":
                self.heard += base64.b64decode(event["media"]["payload"])
            case "mark":
                self.marks.append(event["mark"]["name"])
                await self.send("mark", mark=event["mark"])
            case "clear":
                self.clears += 1
        return event

    async def until_mark(self, timeout_s: float = 60.0) -> Samples:
        """Listens until the server has said something; returns that."""
        before = len(self.heard)
        async with asyncio.timeout(timeout_s):
            while (event := await self.receive()) is not None:
                if event["event"] == "mark":
                    return from_mulaw(np.frombuffer(bytes(self.heard[before:]), np.uint8))
        raise AssertionError(f"closed with {self.raw.close_code}")

    async def to_the_end(self, timeout_s: float = 30.0) -> int:
        async with asyncio.timeout(timeout_s):
            while await self.receive() is not None:
                pass
        assert self.raw.close_code is not None
        return self.raw.close_code


@asynccontextmanager
async def dialled(
    target: str,
    path: str = "/v1/telephone/twilio",
    *,
    headers: dict[str, str] | None = None,
    receives_pongs: bool = False,
) -> AsyncIterator[Twilio]:
    """A call to the server at ``target``, signed unless ``headers`` are given."""
    if headers is None:
        headers = {"X-Twilio-Signature": signature(target, path)}
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(target + path, headers=headers, autoping=not receives_pongs) as socket,
    ):
        yield Twilio(socket)


def signature(origin: str, path: str, token: str = TOKEN) -> str:
    """Twilio's, of the URL as its caller sees it."""
    url = f"wss://{origin.partition('://')[2]}{path}"
    return base64.b64encode(hmac.new(token.encode(), url.encode(), hashlib.sha1).digest()).decode()
