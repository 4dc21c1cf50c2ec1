"""Transcription sessions that list the languages that may be spoken, as clients of gpt-transcribe do."""

from __future__ import annotations

import pytest

from tests.clips import texts
from tests.gateway.clients import base64_parts, clip, connect, pcm16, silence
from translate_svc.gateway.server import GatewayServer

PATH = "/v1/realtime?intent=transcription"
LANGUAGES = "session.audio.input.transcription.languages"

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize(("possible", "told"), [(["en", "es"], None), (["es"], "es")])
async def test_one_is_the_language_and_several_are_candidates(
    starter: GatewayServer, possible: list[str], told: str | None
) -> None:
    async with connect(starter.target, PATH) as session:
        # LiveKit's plugin sends keywords even if there are none
        wanted = {"model": "gpt-transcribe", "languages": possible, "keywords": []}
        await session.update(type="transcription", audio={"input": {"transcription": wanted}})
        described = (await session.until("session.updated"))["session"]["audio"]["input"]["transcription"]
        assert described["language"] == told
        assert described.get("languages") == (possible if told is None else None)
        for part in base64_parts(pcm16(clip("spa_1.flac")) + pcm16(silence(1.0))):
            await session.send("input_audio_buffer.append", audio=part)
        completed = await session.until("conversation.item.input_audio_transcription.completed")
        assert completed["transcript"] == texts("spa_1")["spa"]
        await session.send("session.close")
        assert await session.to_the_end() == 1000


async def test_an_unknown_one_is_refused_by_the_field(starter: GatewayServer) -> None:
    async with connect(starter.target, PATH) as session:
        wanted = {"languages": ["en", "tlh"]}
        await session.update(type="transcription", audio={"input": {"transcription": wanted}})
        assert (await session.until("error"))["error"]["param"] == LANGUAGES
