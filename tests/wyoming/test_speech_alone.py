"""A server whose model reads no text and has no voice, such as Whisper: it offers and tells nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from wyoming.tts import Synthesize, SynthesizeVoice

from tests.whisper_checkpoints import whisper_folder
from tests.wyoming.clients import closed_with, connected, described
from translate_svc.config import Settings
from translate_svc.service import Service
from translate_svc.wyoming.server import WyomingServer

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def server() -> AsyncIterator[WyomingServer]:
    settings = Settings(model=str(whisper_folder("tiny")), max_utterance_ms=3_000)
    async with Service.start(settings) as service, WyomingServer(service, target="en") as running:
        yield running


async def test_no_agent_and_no_voice_are_on_offer(server: WyomingServer) -> None:
    """An agent that answers texts would refuse every one."""
    async with connected(server) as client:
        info = await described(client)
    assert [each.name for each in info.asr] == ["translate-svc-en", "translate-svc"]
    assert not info.handle
    assert not info.tts


@pytest.mark.parametrize("voice", [None, SynthesizeVoice("en>en"), SynthesizeVoice(language="es")])
async def test_who_wants_a_text_spoken_is_told_that_there_is_no_voice(
    server: WyomingServer, voice: SynthesizeVoice | None
) -> None:
    async with connected(server) as client:
        await client.write_event(Synthesize("Hello.", voice).event())
        told = await closed_with(client)
    assert told == ("voice.name: needs a voice, and this model has none for texts", "InvalidArgument")
