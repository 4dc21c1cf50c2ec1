"""LiveKit's own ``TranslationSession``, without a room, on a real server."""

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
from livekit import rtc
from livekit.agents.beta.translation import TranslationSession
from livekit.agents.voice import io
from livekit_translate_svc import Connection, TranslateSvcModel

DATA = Path(__file__).resolve().parents[3] / "tests" / "data"
RATE_HZ = 48_000


class Microphone(io.AudioInput):
    """Says in stereo what it is given, as fast as it is heard."""

    def __init__(self) -> None:
        super().__init__(label="clip")
        self._frames: asyncio.Queue[rtc.AudioFrame] = asyncio.Queue()

    def say(self, name: str) -> None:
        samples, rate_hz = soundfile.read(DATA / name, dtype="int16")
        resampler = rtc.AudioResampler(input_rate=rate_hz, output_rate=RATE_HZ)
        mono = rtc.AudioFrame(samples.tobytes(), rate_hz, 1, len(samples))
        parts = [
            np.frombuffer(bytes(part.data), np.int16) for part in (*resampler.push(mono), *resampler.flush())
        ]
        said = np.concatenate([*parts, np.zeros(RATE_HZ, np.int16)])
        for start in range(0, len(said), 960):
            part = np.repeat(said[start : start + 960], 2)
            self._frames.put_nowait(rtc.AudioFrame(part.tobytes(), RATE_HZ, 2, len(part) // 2))

    @property
    def is_silent(self) -> bool:
        return self._frames.empty()

    async def __anext__(self) -> rtc.AudioFrame:
        return await self._frames.get()


class Loudspeaker(io.AudioOutput):
    """Keeps the played speech, segment by segment."""

    def __init__(self) -> None:
        super().__init__(
            label="memory", capabilities=io.AudioOutputCapabilities(pause=False), sample_rate=16_000
        )
        self.segments: list[list[rtc.AudioFrame]] = [[]]

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        self.segments[-1].append(frame)

    def flush(self) -> None:
        super().flush()
        self.segments.append([])

    def clear_buffer(self) -> None:
        self.segments[-1] = []


class Interpreting:
    """A running session and all that it told."""

    def __init__(self, model: TranslateSvcModel) -> None:
        self.session: TranslationSession[None] = TranslationSession(model=model)
        self.microphone, self.loudspeaker = Microphone(), Loudspeaker()
        self.session.input.audio = self.microphone
        self.session.output.audio = self.loudspeaker
        self.told: list[Any] = []
        for kind in (
            "user_state_changed",
            "user_input_transcribed",
            "translation_transcribed",
            "error",
            "close",
        ):
            self.session.on(kind, self.told.append)  # type: ignore[arg-type]

    def of(self, kind: str) -> list[Any]:
        return [event for event in self.told if event.type == kind]

    def final_languages(self) -> list[str]:
        """The languages of what was said, utterance by utterance."""
        return [event.language for event in self.of("user_input_transcribed") if event.is_final]

    def translation(self, language: str) -> str:
        events = self.of("translation_transcribed")
        return "".join(event.transcript for event in events if event.language == language)


async def until(condition: Callable[[], Any], timeout_s: float = 40.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - the condition has no event
            await asyncio.sleep(0.02)


@asynccontextmanager
async def interpreting(model: TranslateSvcModel) -> AsyncIterator[Interpreting]:
    running = Interpreting(model)
    await running.session.start()
    try:
        yield running
    finally:
        await running.session.aclose()
        await model.aclose()


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


async def test_it_has_all_capabilities_and_keeps_them(base_url: str) -> None:
    model = TranslateSvcModel(
        target_language="es", source_language="en", simultaneous=False, connection=Connection(base_url)
    )
    assert all(vars(model.capabilities).values())
    async with interpreting(model) as running:
        running.microphone.say("eng_1.flac")
        await until(lambda: len(running.loudspeaker.segments) == 2)
        heard = running.of("user_input_transcribed")
        assert heard[-1].is_final
        assert heard[-1].language == "en"
        assert heard[-1].transcript == "David sent the message."
        assert running.translation("es") == "David envió el mensaje."
        assert [event.new_state for event in running.of("user_state_changed")] == ["speaking", "listening"]
        (spoken, rest) = running.loudspeaker.segments
        assert not rest
        samples = np.concatenate([np.frombuffer(bytes(frame.data), np.int16) for frame in spoken])
        assert {frame.sample_rate for frame in spoken} == {16_000}
        assert np.abs(samples).max() > 3_000
        assert len(samples) > 16_000

        running.session.set_target_language("fr")
        await asyncio.sleep(0.2)
        running.microphone.say("eng_1.flac")
        await until(lambda: len(running.loudspeaker.segments) == 3)
        assert "message" in running.translation("fr")
        assert not running.of("error")


async def test_two_people_in_turns_each_hear_the_other_language(base_url: str) -> None:
    model = TranslateSvcModel(
        target_language="es", between=("en", "es"), simultaneous=False, connection=Connection(base_url)
    )
    assert model.capabilities.input_transcription
    assert not model.capabilities.retargetable
    async with interpreting(model) as running:
        running.microphone.say("eng_1.flac")
        await until(lambda: len(running.loudspeaker.segments) == 2)
        running.microphone.say("spa_1.flac")
        await until(lambda: len(running.loudspeaker.segments) == 3)
        await until(lambda: running.translation("en") == "Can my daughter dance tonight?")
        assert running.translation("es") == "David envió el mensaje."
        await until(lambda: running.final_languages() == ["en", "es"])
        assert not running.of("error")
    with pytest.raises(ValueError, match="target_language"):
        TranslateSvcModel(target_language="fr", between=("en", "es"))


async def test_without_a_source_language_it_promises_no_transcript(base_url: str) -> None:
    model = TranslateSvcModel(target_language="es", connection=Connection(base_url))
    assert not model.capabilities.input_transcription
    async with interpreting(model) as running:
        running.microphone.say("eng_1.flac")
        await until(lambda: "mensaje" in running.translation("es"))
        assert not running.of("user_input_transcribed")


async def test_what_was_cleared_is_not_heard(base_url: str) -> None:
    model = TranslateSvcModel(target_language="es", simultaneous=False, connection=Connection(base_url))
    session = model.session()
    spoken: list[Any] = []

    async def listen() -> None:
        async for event in session.audio_stream:
            spoken.append(event)  # noqa: PERF401 - the test looks at it meanwhile

    listening = asyncio.ensure_future(listen())
    started = asyncio.Event()
    session.on("input_speech_started", lambda _: started.set())
    microphone = Microphone()
    microphone.say("eng_1.flac")
    while not microphone.is_silent:
        session.push_audio(await anext(microphone))
    await asyncio.wait_for(started.wait(), 20)
    session.clear_audio()
    await asyncio.sleep(1.5)
    assert not spoken
    microphone.say("eng_2.flac")
    while not microphone.is_silent:
        session.push_audio(await anext(microphone))
    await until(lambda: spoken)
    await model.aclose()
    await asyncio.wait_for(listening, 5)


async def test_a_language_that_nobody_speaks_closes_the_session(base_url: str) -> None:
    model = TranslateSvcModel(target_language="tlh", connection=Connection(base_url))
    async with interpreting(model) as running:
        await until(lambda: running.of("close"))
        (error,) = running.of("error")
        assert not error.error.recoverable
        assert "session.audio.output" in str(error.error.error)
        assert running.of("close")[0].reason == "error"


async def test_a_lost_connection_is_made_again(base_url: str) -> None:
    """The first connection is closed as by a server that restarts; the second one is a real one."""
    connections = 0

    async def relay(request: web.Request) -> web.StreamResponse:
        nonlocal connections
        connections += 1
        near = web.WebSocketResponse()
        await near.prepare(request)
        if connections == 1:
            await near.close(code=1012)
            return near
        import aiohttp

        async with aiohttp.ClientSession() as http, http.ws_connect(base_url + request.path) as far:

            async def upward() -> None:
                async for message in near:
                    await far.send_str(message.data)

            task = asyncio.ensure_future(upward())
            async for message in far:
                await near.send_str(message.data)
            task.cancel()
        return near

    async with answering(relay) as address:
        model = TranslateSvcModel(target_language="es", connection=Connection(address))
        async with interpreting(model) as running:
            running.microphone.say("eng_1.flac")
            await until(lambda: "mensaje" in running.translation("es"))
            (error,) = running.of("error")
            assert error.error.recoverable
            assert not running.of("close")
        assert connections == 2


async def test_a_language_that_changes_while_the_session_begins_holds() -> None:
    """The server has the settings, but has not said so yet."""
    asked: list[str] = []

    async def serve(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            asked.append(message.json()["session"]["audio"]["output"]["language"])
            if len(asked) == 1:
                running.session.set_target_language("fr")
            taken = {"audio": {"output": {"language": asked[-1]}}}
            await socket.send_json({"type": "session.updated", "session": taken})
        return socket

    async with answering(serve) as address:
        connection = Connection(address)
        model = TranslateSvcModel(target_language="es", connection=connection)
        async with interpreting(model) as running:
            await until(lambda: asked == ["es", "fr"])


async def test_a_refused_language_is_not_asked_for_again() -> None:
    """The next connection begins with the language that the server has taken."""
    asked: list[list[str]] = []

    async def serve(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        asked.append([])
        async for message in socket:
            event = message.json()
            asked[-1].append(language := event["session"]["audio"]["output"]["language"])
            if language == "tlh":
                error = {"type": "invalid_request_error", "message": "unknown", "event_id": event["event_id"]}
                await socket.send_json({"type": "error", "error": error})
                await socket.close(code=1001)
                continue
            taken = {"audio": {"output": {"language": language}}}
            await socket.send_json({"type": "session.updated", "session": taken})
            if asked == [["es"]]:
                running.session.set_target_language("fr")
            elif asked == [["es", "fr"]]:
                running.session.set_target_language("tlh")
        return socket

    async with answering(serve) as address:
        connection = Connection(address)
        model = TranslateSvcModel(target_language="es", connection=connection)
        async with interpreting(model) as running:
            await until(lambda: len(asked) == 2 and bool(asked[1]))
            assert asked == [["es", "fr", "tlh"], ["fr"]]


@pytest.mark.parametrize("ending", ["/v1", "/v1/", "/"])
async def test_an_address_may_be_that_of_openais_clients(base_url: str, ending: str) -> None:
    model = TranslateSvcModel(target_language="es", connection=Connection(base_url + ending))
    async with interpreting(model) as running:
        running.microphone.say("eng_1.flac")
        await until(lambda: "mensaje" in running.translation("es"))
        assert not running.of("error")


async def test_a_wrong_address_is_asked_once(base_url: str) -> None:
    model = TranslateSvcModel(target_language="es", connection=Connection(f"{base_url}/elsewhere"))
    async with interpreting(model) as running:
        await until(lambda: running.of("close"))
        (error,) = running.of("error")
        assert not error.error.recoverable
        assert "/elsewhere/v1/realtime/translations answers 404" in str(error.error.error)


async def test_a_server_that_is_not_there_is_given_up() -> None:
    connection = Connection("http://127.0.0.1:9", max_retries=1, retry_interval_s=0.01)
    async with interpreting(TranslateSvcModel(target_language="es", connection=connection)) as running:
        await until(lambda: running.of("close"))
        assert [event.error.recoverable for event in running.of("error")] == [True, False]


def test_audio_of_any_kind_becomes_what_the_server_takes() -> None:
    from livekit_translate_svc.heard_audio import HeardAudio

    frame = rtc.AudioFrame(np.array([100, 300] * 480, np.int16).tobytes(), 24_000, 2, 480)
    assert set(np.frombuffer(HeardAudio().convert(frame), np.int16)) == {200}
    heard = HeardAudio()
    second = b"".join(
        heard.convert(rtc.AudioFrame(np.ones(480, np.int16).tobytes(), 48_000, 1, 480)) for _ in range(100)
    )
    assert len(second) == pytest.approx(2 * 24_000, rel=0.05)
