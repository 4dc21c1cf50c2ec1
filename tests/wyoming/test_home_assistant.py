"""What Home Assistant asks for, with its package ``wyoming``, and the starter checkpoint behind."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import numpy as np
import pytest
import pytest_asyncio
from wyoming.asr import Transcribe, Transcript, TranscriptChunk
from wyoming.audio import AudioChunk
from wyoming.event import Event
from wyoming.handle import Handled
from wyoming.info import SelectProgram
from wyoming.tts import Synthesize, SynthesizeVoice

from tests.clips import texts
from tests.gateway.conftest import STARTER
from tests.wyoming.clients import CHANNELS, RATE_HZ, WIDTH, connected, described, spoken, transcribed, until
from translate_svc.service import Service
from translate_svc.wyoming.server import WyomingServer

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def starter() -> AsyncIterator[Service]:
    async with Service.start(STARTER) as service:
        yield service


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def plain(starter: Service) -> AsyncIterator[WyomingServer]:
    async with WyomingServer(starter) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def spanish(starter: Service) -> AsyncIterator[WyomingServer]:
    """A server whose operator wants Spanish."""
    async with WyomingServer(starter, target="es") as running:
        yield running


async def test_what_it_has_is_described(plain: WyomingServer, spanish: WyomingServer) -> None:
    async with connected(plain) as client:
        info = await described(client)
    assert [each.name for each in info.asr] == [
        "translate-svc",
        *(f"translate-svc-{each}" for each in ("de", "en", "fr", "es")),
    ]
    assert set(info.asr[0].models[0].languages) == {"de", "en", "es", "fr"}
    assert info.asr[0].models[0].name == "starter"
    assert info.asr[0].supports_transcript_streaming
    assert info.handle == []
    (tts,) = info.tts
    assert len(tts.voices) == 12, "each language in each other one"
    assert [each.name for each in tts.voices if each.languages == ["en"]] == ["en>de", "en>fr", "en>es"]
    async with connected(spanish) as client:
        info = await described(client)
    assert info.asr[0].name == "translate-svc-es"
    assert [each.name for each in info.handle] == ["translate-svc-es"]
    assert {each.name for each in info.tts[0].voices} == {"de>es", "en>es", "fr>es"}


async def test_what_is_said_is_written(plain: WyomingServer) -> None:
    """One request after another over a connection; without a language it is found out."""
    async with connected(plain) as client:
        before: list[Event] = []
        transcript = await transcribed(client, spoken("eng_two.flac"), Transcribe(language="en-US"), before)
        assert transcript == Transcript(texts("eng_two")["eng"], language="en")
        chunks = [TranscriptChunk.from_event(each).text for each in before if each.type == "transcript-chunk"]
        assert "".join(chunks) == transcript.text
        await until(client, "transcript-stop")
        assert await transcribed(client, spoken("fra_1.flac"), Transcribe()) == Transcript(
            texts("fra_1")["fra"], language="fr"
        )


async def test_a_request_is_for_the_audio_that_follows_it(plain: WyomingServer) -> None:
    """And for no later one."""
    async with connected(plain) as client:
        request = Transcribe(name="translate-svc-de", language="en")
        assert (await transcribed(client, spoken("eng_2.flac"), request)).language == "de"
        assert (await transcribed(client, spoken("eng_2.flac"), None)).language == "en"


async def test_who_leaves_has_ended_the_request(
    plain: WyomingServer, caplog: pytest.LogCaptureFixture
) -> None:
    """In good order: nobody hears the rest."""
    with caplog.at_level(logging.INFO, "translate_svc.stream"):
        async with connected(plain) as client:
            await client.write_event(AudioChunk(RATE_HZ, WIDTH, CHANNELS, spoken("eng_2.flac")).event())
            await until(client, "transcript-start")
        async with asyncio.timeout(10):
            while not caplog.records:  # noqa: ASYNC110 - a log has no event
                await asyncio.sleep(0.01)
    (ended,) = (vars(record)["fields"] for record in caplog.records)
    assert (ended["cause"], ended["status"]) == ("complete", "OK")


async def test_who_leaves_while_it_is_answered_is_no_error_of_the_server(
    spanish: WyomingServer, caplog: pytest.LogCaptureFixture
) -> None:
    """It gets no status, and alerts of the server's errors are not about it."""
    with caplog.at_level(logging.INFO, "translate_svc.stream"):
        async with connected(spanish) as client:
            text = "The meeting is on Monday at twenty past five. " * 20
            await client.write_event(Synthesize(text, SynthesizeVoice("en>es")).event())
            await until(client, "audio-start")
        async with asyncio.timeout(30):
            while not caplog.records:  # noqa: ASYNC110 - a log has no event
                await asyncio.sleep(0.01)
    (ended,) = (vars(record)["fields"] for record in caplog.records)
    assert (ended["cause"], ended.get("status")) == ("cancelled", None)


async def test_a_program_translates(plain: WyomingServer, spanish: WyomingServer) -> None:
    """The one that a client selects, or the operator's, which Home Assistant takes."""
    async with connected(plain) as client:
        await client.write_event(SelectProgram("translate-svc-de").event())
        assert await transcribed(
            client, spoken("eng_2.flac"), Transcribe(name="starter", language="en")
        ) == Transcript(texts("eng_2")["deu"], language="de")
    async with connected(spanish) as client:
        for name in ("eng_2", "spa_1"):
            transcript = await transcribed(client, spoken(f"{name}.flac"), Transcribe())
            assert transcript.text == texts(name)["spa"]


async def test_a_text_is_handled_by_its_translation(spanish: WyomingServer) -> None:
    """So an assistant answers in another language."""
    context = {"conversation_id": "01"}
    async with connected(spanish) as client:
        await client.write_event(Transcript(texts("eng_2")["eng"], context, "en").event())
        handled = Handled.from_event(await until(client, "handled"))
        assert handled == Handled(texts("eng_2")["spa"], context)
        await client.write_event(Transcript("Hola.", language="es").event())
        assert Handled.from_event(await until(client, "handled")) == Handled("Hola.")


async def test_a_text_is_spoken_in_another_language_or_as_it_is(
    plain: WyomingServer, spanish: WyomingServer
) -> None:
    said = texts("eng_2")["eng"]
    for server, voice, code, tag in (
        (plain, SynthesizeVoice("en>es"), "spa", "es"),
        (plain, SynthesizeVoice("en>en"), "eng", "en"),
        (spanish, SynthesizeVoice("en>es", speaker="0"), "spa", "es"),
        (spanish, SynthesizeVoice(language="en"), "spa", "es"),
    ):
        async with connected(server) as client:
            await client.write_event(Synthesize(said, voice).event())
            events: list[Event] = []
            await until(client, "audio-stop", events)
            assert events[0].type == "audio-start"
            chunks = [AudioChunk.from_event(each) for each in events[1:]]
            assert {(each.rate, each.width, each.channels) for each in chunks} == {(16_000, 2, 1)}
            samples = np.frombuffer(b"".join(each.audio for each in chunks), "<i2")
            assert len(samples) > 16_000
            assert chunks[-1].timestamp == sum(each.milliseconds for each in chunks[:-1])
            transcript = await transcribed(
                client, samples.tobytes() + bytes(32_000), Transcribe(language=tag)
            )
            assert transcript.text == texts("eng_2")[code]
