"""The connection of a call, with a data channel that is not real."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from typing import Any, cast

import pytest
from aiortc import RTCDataChannel

from translate_svc.errors import ResourceExhausted
from translate_svc.gateway.options import GatewayOptions
from translate_svc.gateway.webrtc.call_connection import CallConnection
from translate_svc.gateway.webrtc.speech_track import SpeechTrack
from translate_svc.types import Cleared

_CLEAR = json.dumps({"type": "session.input_audio_buffer.clear"})
_UPDATED = {
    "type": "session.updated",
    "session": {"audio": {"output": {"targets": [{"language": "es", "speech": True}]}}},
}


class _Channel:
    """Keeps the sent messages, and receives those that a test gives."""

    readyState = "open"  # noqa: N815
    bufferedAmount = 0  # noqa: N815

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.handlers: dict[str, Callable[..., None]] = {}

    def on(self, name: str, handler: Callable[..., None]) -> None:
        self.handlers[name] = handler

    def send(self, text: str) -> None:
        self.sent.append(json.loads(text))


class _Call:
    def __init__(self) -> None:
        self.track, self.channel = SpeechTrack(), _Channel()
        self.connection = CallConnection(GatewayOptions(), self.track, lambda: None)
        self.connection.attach(cast(RTCDataChannel, self.channel))

    def say(self, text: str) -> None:
        self.channel.handlers["message"](text)

    async def speak(self, language: str = "es") -> bool:
        """Sends speech; whether it will be heard on the track."""
        self.track.clear()
        audio = base64.b64encode(bytes(2_000)).decode()
        await self.connection.send(
            {"type": "session.output_audio.delta", "language": language, "delta": audio}
        )
        waiting = asyncio.ensure_future(self.track.played())
        await asyncio.sleep(0)
        heard = not waiting.done()
        waiting.cancel()
        return heard


@pytest.fixture
async def call() -> _Call:
    made = _Call()
    await made.connection.send(_UPDATED)
    return made


async def test_speech_from_before_a_clear_is_not_played_after_it(call: _Call) -> None:
    assert await call.speak()
    call.say(_CLEAR)
    await call.connection.receive()
    assert not await call.speak(), "the session had sent this before it took the clear"
    call.connection.follow(Cleared(0))
    assert await call.speak()


async def test_a_clear_that_the_session_will_refuse_silences_nothing() -> None:
    call = _Call()
    call.say(_CLEAR)
    await call.connection.receive()
    await call.connection.send(_UPDATED)
    assert await call.speak()
    call.say(json.dumps({"type": "session.close"}))
    await call.connection.receive()
    call.say(_CLEAR)
    await call.connection.receive()
    assert await call.speak()


async def test_only_the_first_spoken_language_is_on_the_track(call: _Call) -> None:
    assert not await call.speak("fr")
    assert [event["type"] for event in call.channel.sent] == ["session.updated", "session.output_audio.delta"]


async def test_audio_counts_from_the_target_on_and_until_the_end(call: _Call) -> None:
    early = _Call()
    early.connection.hear(b"\1\0")
    early.say("x")
    assert await early.connection.receive() == "x", "the audio before it was dropped"
    call.connection.hear(b"\1\0")
    assert json.loads(await call.connection.receive())["audio"] == "AQA="
    call.say(json.dumps({"type": "session.close"}))
    call.say("y")
    call.connection.hear(b"\1\0")
    assert json.loads(await call.connection.receive())["audio"] == "AQA=", "it was on its way"
    call.connection.hear(b"\1\0")
    assert "session.close" in await call.connection.receive()
    call.connection.hear(b"\1\0")
    call.say("z")
    assert await call.connection.receive() == "y", "a microphone stays on while the call ends"
    assert await call.connection.receive() == "z"


async def test_who_sends_more_than_is_taken_is_told_so(call: _Call) -> None:
    for _ in range(600):
        call.connection.hear(bytes(1_920))
    with pytest.raises(ResourceExhausted):
        await call.connection.receive()
