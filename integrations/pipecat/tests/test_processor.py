"""The processor in Pipecat's own pipeline, on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from aiohttp import web
from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    InterruptionFrame,
    TranscriptionFrame,
    TranslationFrame,
    TTSAudioRawFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
    UserAudioRawFrame,
)
from pipecat.tests.utils import SleepFrame, run_test
from pipecat.transcriptions.language import Language
from pipecat_translate_svc import Connection, TranslateSvcProcessor

SPEECH = (TTSStartedFrame, TTSAudioRawFrame, TTSStoppedFrame)
DATA = Path(__file__).resolve().parents[3] / "tests" / "data"


def said(name: str, user_id: str = "ann") -> list[Frame]:
    """A recording and a second of silence, in stereo frames of 20 ms."""
    samples, rate_hz = soundfile.read(DATA / name, dtype="int16")
    samples = np.repeat(np.concatenate([samples, np.zeros(rate_hz, np.int16)]), 2)
    step = rate_hz // 50 * 2
    parts = [samples[start : start + step].tobytes() for start in range(0, len(samples), step)]
    return [UserAudioRawFrame(part, rate_hz, 2, user_id=user_id) for part in parts]


async def sent(processor: TranslateSvcProcessor, frames: list[Frame]) -> tuple[list[Any], list[Any]]:
    """What leaves the processor, downstream and upstream, without the audio that passes."""
    down, up = await run_test(processor, frames_to_send=frames, start_timeout=10.0)
    return [frame for frame in down if not isinstance(frame, InputAudioRawFrame)], list(up)


def of(frames: list[Any], kind: type) -> list[Any]:
    return [frame for frame in frames if type(frame) is kind]


@asynccontextmanager
async def answering(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    """A server of the protocol that behaves as ``handler`` does. Yields its address."""
    application = web.Application()
    application.router.add_get("/v1/realtime/translations", handler)
    runner = web.AppRunner(application, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_two_people_in_turns_each_hear_the_other_language(base_url: str) -> None:
    processor = TranslateSvcProcessor(
        target_language="es", between=("en", "es"), simultaneous=False, connection=Connection(base_url)
    )
    down, up = await sent(processor, said("eng_1.flac") + said("spa_1.flac", "juan"))
    assert not of(up, ErrorFrame)
    translations = [(frame.text, frame.language) for frame in of(down, TranslationFrame)]
    assert translations == [
        ("David envió el mensaje.", Language.ES),
        ("Can my daughter dance tonight?", Language.EN),
    ]
    assert [frame.language for frame in of(down, TranscriptionFrame)] == [Language.EN, Language.ES]
    assert len(of(down, TTSStartedFrame)) == 2


def test_a_conversation_keeps_its_languages() -> None:
    with pytest.raises(ValueError, match="source_language"):
        TranslateSvcProcessor(target_language="es", between=("en", "es"), source_language="en")
    with pytest.raises(ValueError, match="target_language"):
        TranslateSvcProcessor(target_language="fr", between=("en", "es"))
    with pytest.raises(ValueError, match="between"):
        TranslateSvcProcessor(target_language="es", between=("en", "es")).set_target_language("fr")


async def test_an_utterance_becomes_its_texts_and_its_speech(base_url: str) -> None:
    processor = TranslateSvcProcessor(
        target_language="es", source_language="en", simultaneous=False, connection=Connection(base_url)
    )
    down, up = await sent(processor, said("eng_1.flac"))
    assert not of(up, ErrorFrame)
    (translation,) = of(down, TranslationFrame)
    assert translation.text == "David envió el mensaje."
    assert (translation.user_id, translation.language) == ("ann", Language.ES)
    assert translation.timestamp
    assert translation.skip_tts
    (transcription,) = of(down, TranscriptionFrame)
    assert transcription.text == "David sent the message."
    assert (transcription.language, transcription.finalized) == (Language.EN, True)
    kinds = [
        type(frame)
        for frame in down
        if isinstance(frame, TTSAudioRawFrame | TTSStartedFrame | TTSStoppedFrame)
    ]
    assert kinds[0] is TTSStartedFrame
    assert kinds[-1] is TTSStoppedFrame
    assert set(kinds[1:-1]) == {TTSAudioRawFrame}
    spoken = np.concatenate([np.frombuffer(frame.audio, np.int16) for frame in of(down, TTSAudioRawFrame)])
    assert len(spoken) > 24_000
    assert np.abs(spoken).max() > 3_000


async def test_while_somebody_speaks_the_text_is_still_one_frame_an_utterance(base_url: str) -> None:
    processor = TranslateSvcProcessor(target_language="fr", speech=False, connection=Connection(base_url))
    down, _ = await sent(processor, said("demo_eng.flac"))
    translations = of(down, TranslationFrame)
    assert len(translations) == 2
    assert all(frame.text and not frame.skip_tts for frame in translations)
    assert not of(down, TTSAudioRawFrame)
    assert not of(down, TranscriptionFrame), "the source language was not given"


async def test_an_interruption_drops_what_was_said_before(base_url: str) -> None:
    processor = TranslateSvcProcessor(
        target_language="es", simultaneous=False, connection=Connection(base_url)
    )
    heard = [SleepFrame(0.5), *said("eng_1.flac"), SleepFrame(0.05), InterruptionFrame(), SleepFrame(0.5)]
    down, _ = await sent(processor, [*heard, *said("eng_2.flac")])
    (translation,) = of(down, TranslationFrame)
    assert "David" not in translation.text


async def test_the_language_can_change(base_url: str) -> None:
    processor = TranslateSvcProcessor(target_language="es", speech=False, connection=Connection(base_url))

    async def later() -> None:
        await asyncio.sleep(3)
        processor.set_target_language("fr")

    changing = asyncio.ensure_future(later())
    frames = [*said("eng_1.flac"), SleepFrame(4.0), *said("eng_1.flac")]
    down, _ = await sent(processor, frames)
    await changing
    assert [frame.language for frame in of(down, TranslationFrame)] == [Language.ES, Language.FR]


async def test_a_language_that_changes_while_the_session_begins_holds() -> None:
    """The server has the settings, but has not said so yet."""
    asked: list[str] = []

    async def serve(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.json()["type"] == "session.close":
                break
            asked.append(message.json()["session"]["audio"]["output"]["language"])
            if len(asked) == 1:
                processor.set_target_language("fr")
            taken = {"audio": {"output": {"language": asked[-1]}}}
            await socket.send_json({"type": "session.updated", "session": taken})
        await socket.close(code=1000)
        return socket

    async with answering(serve) as address:
        connection = Connection(address)
        processor = TranslateSvcProcessor(target_language="es", connection=connection)
        _, up = await sent(processor, [SleepFrame(0.5)])
        assert (asked, of(up, ErrorFrame)) == (["es", "fr"], [])


async def test_a_refused_language_is_not_asked_for_again() -> None:
    """The next connection begins with the language that the server has taken."""
    asked: list[list[str]] = []

    async def serve(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        asked.append([])
        async for message in socket:
            event = message.json()
            if event["type"] == "session.close":
                await socket.close(code=1000)
                continue
            asked[-1].append(language := event["session"]["audio"]["output"]["language"])
            if language == "tlh":
                error = {"type": "invalid_request_error", "message": "unknown", "event_id": event["event_id"]}
                await socket.send_json({"type": "error", "error": error})
                await socket.close(code=1001)
                continue
            taken = {"audio": {"output": {"language": language}}}
            await socket.send_json({"type": "session.updated", "session": taken})
            if asked == [["es"]]:
                processor.set_target_language("fr")
            elif asked == [["es", "fr"]]:
                processor.set_target_language("tlh")
        return socket

    async with answering(serve) as address:
        connection = Connection(address)
        processor = TranslateSvcProcessor(target_language="es", connection=connection)
        await sent(processor, [SleepFrame(2.0)])
        assert asked == [["es", "fr", "tlh"], ["fr"]]


async def test_a_language_that_nobody_speaks_is_an_error(base_url: str) -> None:
    processor = TranslateSvcProcessor(target_language="tlh", connection=Connection(base_url))
    _, up = await sent(processor, [SleepFrame(1.0)])
    (error,) = of(up, ErrorFrame)
    assert "session.audio.output" in error.error
    assert not processor.is_usable


@pytest.mark.parametrize("ending", ["/v1", "/v1/", "/"])
async def test_an_address_may_be_that_of_openais_clients(base_url: str, ending: str) -> None:
    connection = Connection(base_url + ending)
    processor = TranslateSvcProcessor(target_language="es", speech=False, connection=connection)
    down, up = await sent(processor, said("eng_1.flac"))
    assert (len(of(down, TranslationFrame)), of(up, ErrorFrame)) == (1, [])


async def test_a_wrong_address_is_asked_once(base_url: str) -> None:
    connection = Connection(f"{base_url}/elsewhere", retry_interval_s=0.01)
    processor = TranslateSvcProcessor(target_language="es", connection=connection)
    _, up = await sent(processor, [SleepFrame(1.0)])
    (error,) = of(up, ErrorFrame)
    assert "/elsewhere/v1/realtime/translations answers 404" in error.error
    assert not processor.is_usable


async def test_a_server_that_restarts_is_asked_again() -> None:
    connections = 0

    async def restart(request: web.Request) -> web.StreamResponse:
        nonlocal connections
        connections += 1
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.close(code=1012 if connections < 3 else 1008)
        return socket

    async with answering(restart) as address:
        connection = Connection(address, retry_interval_s=0.01)
        processor = TranslateSvcProcessor(target_language="es", connection=connection)
        _, up = await sent(processor, [SleepFrame(1.0)])
        assert connections == 3, "1012 says: come again; 1008: do not"
        assert len(of(up, ErrorFrame)) == 3
        assert not processor.is_usable
