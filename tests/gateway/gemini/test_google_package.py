"""Google's own package, unmodified, translates with the starter checkpoint behind a server of ours."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import numpy as np
import pytest
import pytest_asyncio
from google.genai import errors, types

from tests.certificates import Authority
from tests.clips import texts
from tests.gateway.clients import clip, from_pcm16, silence
from tests.gateway.conftest import STARTER
from tests.gateway.gemini.clients import Heard, config, say, session
from translate_svc.gateway.server import GatewayServer
from translate_svc.gateway.tls import server_context
from translate_svc.service import Service
from translate_svc.serving.tls_files import TlsFiles

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def target(authority: Authority) -> AsyncIterator[str]:
    issued = authority.issue("server")
    tls = server_context(TlsFiles(issued.certificate, issued.key))
    async with Service.start(STARTER) as service, GatewayServer(service, tls=tls) as running:
        yield running.target


async def test_speech_is_translated_and_both_texts_come(target: str, authority: Authority) -> None:
    """The language is found out; the turn is complete when all is translated that the client sent."""
    async with session(target, authority, config()) as opened:
        assert opened.session_id
        await say(opened, clip("eng_2.flac"))
        await opened.send_realtime_input(audio_stream_end=True)
        heard = Heard()
        await heard.turn(opened)
        assert heard.contents[-1].turn_complete
        assert heard.said == texts("eng_2")["eng"]
        assert heard.translated == texts("eng_2")["spa"]
        speech = from_pcm16(heard.speech)
        assert len(speech) > 24_000, "a second at 24 kHz"
        assert float(np.abs(speech).max()) > 0.05
        transcriptions = [each.input_transcription for each in heard.contents if each.input_transcription]
        assert {each.language_code for each in transcriptions} == {"en"}
        assert [each.finished for each in transcriptions if each.finished] == [True]
        usage = [each.usage_metadata for each in heard.messages if each.usage_metadata]
        assert sum(each.prompt_token_count or 0 for each in usage) == pytest.approx(25 * 2.9, abs=10)


async def test_a_turn_goes_on_while_somebody_speaks(target: str, authority: Authority) -> None:
    """So the loop of Google's page, which ends with a turn, hears all utterances."""
    heard = Heard()
    translated = f"{texts('eng_2')['spa']} {texts('fra_1')['spa']}"
    said = f"{texts('eng_2')['eng']} {texts('fra_1')['fra']}"
    async with session(target, authority, config()) as opened:
        for name in ("eng_2.flac", "fra_1.flac"):
            await say(opened, np.concatenate([clip(name), silence(1.5)]))
        await heard.until(opened, lambda _: (heard.said, heard.translated) == (said, translated))


@pytest.mark.parametrize("echo", [None, False, True])
async def test_the_echo_switch(target: str, authority: Authority, echo: bool | None) -> None:
    """Who speaks the target language already is spoken again only where that is asked for."""
    heard = Heard()
    async with session(target, authority, config("en", echo=echo)) as opened:
        await say(opened, clip("eng_2.flac"))
        await opened.send_realtime_input(audio_stream_end=True)
        await heard.turn(opened)
    assert heard.said == texts("eng_2")["eng"]
    assert bool(heard.speech) == bool(heard.translated) == bool(echo)


async def test_texts_alone_come_as_the_models_turn(target: str, authority: Authority) -> None:
    wanted = config(
        "de",
        response_modalities=[types.Modality.TEXT],
        input_audio_transcription=None,
        output_audio_transcription=None,
    )
    heard = Heard()
    async with session(target, authority, wanted) as opened:
        await say(opened, clip("eng_2.flac"))
        await opened.send_realtime_input(audio_stream_end=True)
        await heard.turn(opened)
    assert heard.written == texts("eng_2")["deu"]
    assert (heard.speech, heard.said, heard.translated) == (b"", "", "")


async def test_who_leaves_has_ended_the_session(
    target: str, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    """In good order, although the protocol has no other end than the close of the connection."""
    with caplog.at_level(logging.INFO, "translate_svc.stream"):
        async with session(target, authority, config()) as opened:
            await say(opened, clip("eng_2.flac")[:36_000])
        async with asyncio.timeout(10):
            while not caplog.records:  # noqa: ASYNC110 - a log has no event
                await asyncio.sleep(0.01)
    (ended,) = (vars(record)["fields"] for record in caplog.records)
    assert (ended["cause"], ended["status"]) == ("complete", "1000")
    assert ended["input_s"] == pytest.approx(1.5, abs=0.1)


async def test_the_client_may_say_when_somebody_speaks(target: str, authority: Authority) -> None:
    detection = types.AutomaticActivityDetection(disabled=True)
    realtime = types.RealtimeInputConfig(automatic_activity_detection=detection)
    async with session(target, authority, config(realtime_input_config=realtime)) as opened:
        for name in ("eng_2.flac", "eng_3.flac"):
            heard = Heard()
            await opened.send_realtime_input(activity_start=types.ActivityStart())
            await say(opened, clip(name))
            await opened.send_realtime_input(activity_end=types.ActivityEnd())
            await heard.turn(opened)
            assert heard.translated.strip() == texts(name.removesuffix(".flac"))["spa"]


@asynccontextmanager
async def cut_wire(target: str) -> AsyncIterator[tuple[str, asyncio.Event]]:
    """Another address of the server, whose connections break without a word when the event is set."""
    cut, server = asyncio.Event(), urlsplit(target)

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(server.hostname, server.port)
        pumps = [asyncio.create_task(pump(reader, far_writer)), asyncio.create_task(pump(far_reader, writer))]
        await cut.wait()
        for each in (writer, far_writer):
            each.transport.abort()
        await asyncio.gather(*pumps, return_exceptions=True)

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as wire:
        yield f"https://127.0.0.1:{wire.sockets[0].getsockname()[1]}", cut


async def test_a_session_goes_on_after_its_connection_broke(target: str, authority: Authority) -> None:
    """With what was not translated yet, and with another setup."""
    wanted = config(session_resumption=types.SessionResumptionConfig())
    heard = Heard()
    async with cut_wire(target) as (address, cut), session(address, authority, wanted) as opened:
        await say(opened, np.concatenate([clip("eng_2.flac"), silence(1.5)]))
        await heard.until(opened, lambda message: message.usage_metadata)
        await heard.until(opened, lambda message: message.session_resumption_update)
        await say(opened, clip("eng_1.flac")[:24_000])
        cut.set()
        with pytest.raises(errors.APIError) as broken:
            await heard.turn(opened)
        assert broken.value.code == 1006
    assert heard.translated.startswith(texts("eng_2")["spa"])
    again, resumption = Heard(), types.SessionResumptionConfig(handle=heard.handle)
    async with session(target, authority, config("fr", session_resumption=resumption)) as opened:
        await say(opened, clip("eng_1.flac"))
        await opened.send_realtime_input(audio_stream_end=True)
        await again.turn(opened)
    assert again.translated == texts("eng_1")["fra"]
    assert again.handle != heard.handle


async def test_what_it_asks_for_and_is_not_served_is_named(target: str, authority: Authority) -> None:
    tools = [types.Tool(function_declarations=[types.FunctionDeclaration(name="turn_on_the_lights")])]
    for wanted, told in (
        (config(tools=tools), "setup.tools are not called by a translation"),
        (config(system_instruction="Be polite."), "setup.systemInstruction cannot instruct a translation"),
        (types.LiveConnectConfig(), "setup.generationConfig.translationConfig is required"),
        (config("xx"), "setup.generationConfig.translationConfig.targetLanguageCode"),
    ):
        with pytest.raises(errors.APIError) as refused:
            async with session(target, authority, wanted):
                pass
        assert refused.value.code == 1007
        assert told in str(refused.value.details)
