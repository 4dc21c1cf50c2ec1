"""Who interrupts what is still being said, over Gemini's Live API."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.fakes.engine_script import ScriptedRequest, ScriptedSequence
from tests.fakes.model_free_service import model_free_service
from tests.gateway.clients import pcm16, silence, tone
from tests.gateway.gemini.clients import raw_session
from translate_svc.engine.request import Request
from translate_svc.gateway.server import GatewayServer

_SPEECH_S = 8


@pytest.mark.parametrize("interrupts", [True, False])
async def test_who_begins_to_speak_interrupts_if_that_is_asked_for(interrupts: bool) -> None:
    """Not by default: who is interpreted goes on speaking while the last sentence is still being said."""
    handling = {"activityHandling": "START_OF_ACTIVITY_INTERRUPTS"} if interrupts else {}
    async with (
        model_free_service(_slowly) as service,
        GatewayServer(service) as server,
        raw_session(server) as opened,
    ):
        await opened.setup(realtimeInputConfig=handling)
        await opened.say()
        contents: list[dict[str, Any]] = [{"modelTurn": await opened.until("serverContent", "modelTurn")}]
        await opened.say(audioStreamEnd=True)
        while not contents[-1].get("turnComplete"):
            contents.append((await opened.receive()).get("serverContent", {}))
    interrupted = [number for number, each in enumerate(contents) if each.get("interrupted")]
    assert len(interrupted) == interrupts
    heard = contents[interrupted[0] :] if interrupts else contents
    assert sum(map(_spoken_samples, heard)) == (1 if interrupts else 2) * _SPEECH_S * 24_000


async def test_who_speaks_for_longer_than_an_utterance_interrupts_nobody() -> None:
    """The utterance is cut for its length, and the next one is the same speech."""
    long = pcm16(tone(20.0)) + pcm16(silence(1.0))
    async with (
        model_free_service(_slowly) as service,
        GatewayServer(service) as server,
        raw_session(server) as opened,
    ):
        await opened.setup(realtimeInputConfig={"activityHandling": "START_OF_ACTIVITY_INTERRUPTS"})
        await opened.say(long, audioStreamEnd=True)
        contents: list[dict[str, Any]] = [{}]
        while not contents[-1].get("turnComplete"):
            contents.append((await opened.receive()).get("serverContent", {}))
    assert not any("interrupted" in each for each in contents)
    assert sum(map(_spoken_samples, contents)) == 2 * _SPEECH_S * 24_000


def _spoken_samples(content: dict[str, Any]) -> int:
    parts = content.get("modelTurn", {}).get("parts", ())
    return sum(len(base64.b64decode(part["inlineData"]["data"])) // 2 for part in parts)


def _slowly(request: Request) -> ScriptedRequest:
    """Its speech takes its time."""
    sequence = ScriptedSequence(piece_units=(50,) * _SPEECH_S, piece_interval_s=0.1)
    return ScriptedRequest(tuple(sequence for _ in request.sequences))
