"""Transcription sessions: server-side detection or manual commits, PCM or G.711."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import aiohttp
import numpy as np
import pytest
from openai import AsyncOpenAI

from tests.fakes.engine_script import ScriptedRequest, ScriptedSequence
from tests.fakes.model_free_service import ModelFreeService, model_free_service
from tests.gateway.clients import Socket, base64_parts, clip, connect, pcm16, silence, tone
from translate_svc import languages
from translate_svc.audio.codecs import g711
from translate_svc.audio.resampler import resample
from translate_svc.engine.request import Request
from translate_svc.gateway.options import GatewayOptions
from translate_svc.gateway.realtime.transcription_events import TranscriptionEvents
from translate_svc.gateway.server import GatewayServer
from translate_svc.types import (
    EndReason,
    SampleRange,
    SpeechEnded,
    SpeechStarted,
    Usage,
    UtteranceDone,
    UtteranceStatus,
)

PATH = "/v1/realtime?intent=transcription"
TRANSCRIPT = "conversation.item.input_audio_transcription"
SPOKEN = pcm16(tone(0.6)) + pcm16(silence(0.8))
GERMAN = {"model": "m", "language": "de"}


async def _update(session: Socket, **fields: Any) -> dict[str, Any]:
    audio = {"input": {"transcription": GERMAN} | fields}
    await session.update(type="transcription", audio=audio)
    updated = await session.until("session.updated")
    described: dict[str, Any] = updated["session"]
    return described


async def _append(session: Socket, data: bytes) -> None:
    for part in base64_parts(data):
        await session.send("input_audio_buffer.append", audio=part)


async def test_speech_is_detected_committed_and_transcribed(server: GatewayServer) -> None:
    async with connect(server.target, PATH) as session:
        described = await _update(session, turn_detection={"type": "server_vad", "silence_duration_ms": 400})
        assert described["type"] == "transcription"
        assert described["object"] == "realtime.transcription_session"
        assert described["audio"]["input"]["transcription"] == {"model": "m", "language": "de"}
        await _append(session, SPOKEN * 2)
        for _ in range(2):
            await session.until("conversation.item.done")
    names = [kind.removeprefix("input_audio_buffer.") for kind in session.kinds()]
    assert names[:6] == [
        "session.created",
        "session.updated",
        "speech_started",
        "speech_stopped",
        "committed",
        "conversation.item.added",
    ]
    started, stopped = (session.of(f"input_audio_buffer.speech_{what}") for what in ("started", "stopped"))
    committed, completed = session.of("input_audio_buffer.committed"), session.of(f"{TRANSCRIPT}.completed")
    items = [each["item_id"] for each in started]
    assert len(set(items)) == 2
    for events in (stopped, committed, completed):
        assert [each["item_id"] for each in events] == items
    assert [each["previous_item_id"] for each in committed] == [None, items[0]]
    assert started[1]["audio_start_ms"] > stopped[0]["audio_end_ms"] > 600
    for item, event in zip(items, completed, strict=True):
        deltas = [each["delta"] for each in session.of(f"{TRANSCRIPT}.delta") if each["item_id"] == item]
        assert event["transcript"] == "".join(deltas)
        assert event["transcript"].startswith("deu ")
        assert event["usage"]["type"] == "duration"
        assert event["usage"]["seconds"] in (1, 2), "whole seconds: LiteLLM takes no others"
        assert type(event["usage"]["seconds"]) is int
    done = session.of("conversation.item.done")
    assert [(each["previous_item_id"], each["item"]["id"]) for each in done] == [
        (None, items[0]),
        (items[0], items[1]),
    ]


async def test_the_client_commits(server: GatewayServer) -> None:
    async with connect(server.target, PATH) as session:
        described = await _update(session, turn_detection=None)
        assert described["audio"]["input"]["turn_detection"] is None
        await session.send("input_audio_buffer.commit", event_id="empty")
        assert (await session.until("error"))["error"]["event_id"] == "empty"
        await _append(session, SPOKEN)
        await session.send("input_audio_buffer.commit")
        completed = await session.until(f"{TRANSCRIPT}.completed")
        assert completed["transcript"].startswith("deu ")
        assert not session.of("input_audio_buffer.speech_started"), "nobody detects"
        await session.send("input_audio_buffer.commit")
        await session.until("error")
        await _append(session, SPOKEN)
        await session.send("input_audio_buffer.clear")
        await session.until("input_audio_buffer.cleared")
        assert len(session.of(f"{TRANSCRIPT}.completed")) == 1


async def test_a_clear_takes_back_no_turn_that_was_committed(server: GatewayServer) -> None:
    """Clients clear the buffer before each turn, while the last one is still being written down."""
    async with connect(server.target, PATH) as session:
        await _update(session, turn_detection=None)
        for _ in range(2):
            await _append(session, SPOKEN)
            await session.send("input_audio_buffer.commit")
            await session.send("input_audio_buffer.clear")
        await _append(session, SPOKEN)
        await session.send("input_audio_buffer.clear")
        await session.send("input_audio_buffer.commit", event_id="empty")
        assert (await session.until("error"))["error"]["event_id"] == "empty"
        while len(session.of("input_audio_buffer.cleared")) < 3:
            await session.until("input_audio_buffer.cleared")
        items = [each["item_id"] for each in session.of("input_audio_buffer.committed")]
        assert len(items) == 2
        assert [each["item_id"] for each in session.of(f"{TRANSCRIPT}.completed")] == items


async def test_a_clear_waits_for_a_commit_where_the_server_cuts_the_turns(server: GatewayServer) -> None:
    """OpenAI's Agents SDK ends each stream so, however fast its audio came."""
    async with connect(server.target, PATH) as session:
        await _update(session)
        await _append(session, SPOKEN * 3 + pcm16(tone(0.6)))
        await session.send("input_audio_buffer.commit")
        await session.send("input_audio_buffer.clear")
        await session.until("input_audio_buffer.cleared")
        items = [each["item_id"] for each in session.of("input_audio_buffer.committed")]
        assert len(items) == 4
        assert [each["item_id"] for each in session.of(f"{TRANSCRIPT}.completed")] == items
        await _append(session, pcm16(silence(0.8)))  # no turn at all
        await session.send("input_audio_buffer.commit")
        await session.send("input_audio_buffer.clear")
        async with asyncio.timeout(8):
            await session.until("input_audio_buffer.cleared")


def test_an_item_whose_turn_is_dropped_ends_as_failed() -> None:
    """A clear waits ten seconds for committed turns, and then drops them: clients wait for each item."""
    events = TranscriptionEvents(languages.packaged(), 24_000)
    heard = SampleRange(0, 24_000)
    told = [
        each
        for event in (
            SpeechStarted(0, 0),
            SpeechEnded(0, heard, EndReason.SILENCE),
            UtteranceDone(0, heard, UtteranceStatus.CLEARED, Usage()),
        )
        for each in events.encode(event)
    ]
    assert [each["type"] for each in told[-2:]] == ["conversation.item.added", f"{TRANSCRIPT}.failed"]
    assert told[-1]["item_id"] == told[-2]["item"]["id"]
    assert "cleared" in told[-1]["error"]["message"]


async def test_speech_that_is_cleared_becomes_no_item(server: GatewayServer) -> None:
    """Its item would never be completed, and the next one would follow it."""
    async with connect(server.target, PATH) as session:
        await _update(session)
        await _append(session, pcm16(tone(0.6)))  # it goes on
        started = await session.until("input_audio_buffer.speech_started")
        await session.send("input_audio_buffer.clear")
        await session.until("input_audio_buffer.cleared")
        stopped = session.of("input_audio_buffer.speech_stopped")
        assert [each["item_id"] for each in stopped] == [started["item_id"]]
        assert not session.of("input_audio_buffer.committed")
        assert not session.of("conversation.item.added")
        await _append(session, SPOKEN)
        await session.send("input_audio_buffer.commit")
        completed = await session.until(f"{TRANSCRIPT}.completed")
        (committed,) = session.of("input_audio_buffer.committed")
        assert (committed["item_id"], committed["previous_item_id"]) == (completed["item_id"], None)


@pytest.mark.parametrize("detects", [True, False])
async def test_a_change_of_the_detection_in_mid_speech_is_for_what_is_said_next(
    server: GatewayServer, detects: bool
) -> None:
    """Clients wait for the end of each start, and know no item of an end without a start."""
    detection = {"type": "server_vad"}
    async with connect(server.target, PATH) as session:
        await _update(session, turn_detection=detection if detects else None)
        await _append(session, pcm16(tone(0.6)))  # it goes on
        if detects:
            await session.until("input_audio_buffer.speech_started")
        await _update(session, turn_detection=None if detects else detection)
        for _ in range(2):
            await _append(session, SPOKEN)
            await session.send("input_audio_buffer.commit")
            await session.until("conversation.item.done")
    first, second = (each["item_id"] for each in session.of("input_audio_buffer.committed"))
    for what in ("started", "stopped"):
        told = [each["item_id"] for each in session.of(f"input_audio_buffer.speech_{what}")]
        assert told == [first if detects else second]


async def test_where_the_language_is_known_audio_or_an_empty_update_begins_the_session(
    service: ModelFreeService,
) -> None:
    async with GatewayServer(service, GatewayOptions(source_language="de")) as server:
        async with connect(server.target, PATH) as session:
            await session.send("input_audio_buffer.commit", event_id="empty")
            assert (await session.until("error"))["error"]["event_id"] == "empty"
            await _append(session, SPOKEN)
            completed = await session.until(f"{TRANSCRIPT}.completed")
            assert completed["transcript"].startswith("deu ")
        async with connect(server.target, PATH) as session:
            await session.update(type="transcription")
            await session.until("session.updated")
            await session.send("session.close")


@pytest.mark.parametrize("language", ["", "de"], ids=["language missing", "language known"])
@pytest.mark.parametrize(("name", "encode"), [("audio/pcmu", g711.to_mulaw), ("audio/pcma", g711.to_alaw)])
async def test_g711_is_heard_as_it_was_said(name: str, encode: Any, language: str) -> None:
    heard = []

    def script(request: Request) -> ScriptedRequest:
        heard.append(request.source)
        return ScriptedRequest((ScriptedSequence(),) * len(request.sequences), encode_s=0.0)

    sine = resample(tone(1.0), 24_000, 8_000)
    async with (
        model_free_service(script) as service,
        GatewayServer(service, GatewayOptions(source_language=language)) as server,
        connect(server.target, PATH) as session,
    ):
        described = await _update(session, format={"type": name}, turn_detection=None)
        assert described["audio"]["input"]["format"] == {"type": name, "rate": 8_000}
        await _append(session, encode(sine).tobytes())
        await session.send("input_audio_buffer.commit")
        await session.until(f"{TRANSCRIPT}.completed")
    expected = resample(sine, 8_000, 16_000)
    assert np.abs(np.asarray(heard[0]) - expected).max() < 0.02, "the steps of G.711"


@pytest.mark.parametrize(
    ("session_fields", "param"),
    [
        ({"type": "realtime"}, "session.type"),
        ({"audio": {"output": {}}}, "session.audio.output"),
        (
            {"audio": {"input": {"noise_reduction": {"type": "far_field"}}}},
            "session.audio.input.noise_reduction",
        ),
        (
            {"audio": {"input": {"transcription": {"prompt": "names"}}}},
            "session.audio.input.transcription.prompt",
        ),
        (
            {"audio": {"input": {"transcription": {"language": "tlh"}}}},
            "session.audio.input.transcription.language",
        ),
        (
            {"audio": {"input": {"transcription": {"keywords": ["names"]}}}},
            "session.audio.input.transcription.keywords",
        ),
        (
            {"audio": {"input": {"transcription": {"languages": ["en"], "language": "en"}}}},
            "session.audio.input.transcription.languages",
        ),
        ({"audio": {"input": {"format": {"type": "audio/opus"}}}}, "session.audio.input.format.type"),
        (
            {"audio": {"input": {"format": {"type": "audio/pcmu", "rate": 24_000}}}},
            "session.audio.input.format.rate",
        ),
        (
            {"audio": {"input": {"turn_detection": {"type": "semantic_vad"}}}},
            "session.audio.input.turn_detection.type",
        ),
        (
            {"audio": {"input": {"turn_detection": {"idle_timeout_ms": 6_000}}}},
            "session.audio.input.turn_detection.idle_timeout_ms",
        ),
    ],
)
async def test_what_is_not_served_is_refused(
    server: GatewayServer, session_fields: dict[str, Any], param: str
) -> None:
    async with connect(server.target, PATH) as session:
        await session.update(**session_fields)
        assert (await session.until("error"))["error"]["param"] == param
        await _update(session)


async def test_an_utterance_that_fails_is_told_and_the_session_goes_on() -> None:
    def script(request: Request) -> ScriptedRequest:
        fails.append(not fails)
        one = ScriptedSequence(fail_after_tokens=1 if fails[-1] else None)
        return ScriptedRequest((one,) * len(request.sequences))

    fails: list[bool] = []
    async with (
        model_free_service(script) as service,
        GatewayServer(service) as server,
        connect(server.target, PATH) as session,
    ):
        await _update(session)
        await _append(session, SPOKEN)
        failed = await session.until(f"{TRANSCRIPT}.failed")
        assert failed["error"]["code"] == "transcription_failed"
        await _append(session, SPOKEN)
        assert (await session.until(f"{TRANSCRIPT}.completed"))["transcript"]


async def test_a_secret_of_one_kind_opens_no_session_of_the_other(service: ModelFreeService) -> None:
    async with GatewayServer(service) as server, aiohttp.ClientSession(server.target) as http:
        wanted = {"type": "transcription", "audio": {"input": {"transcription": GERMAN}}}
        async with http.post("/v1/realtime/client_secrets", json={"session": wanted}) as response:
            made = await response.json()
        assert made["session"]["type"] == "transcription"
        header = {"Authorization": f"Bearer {made['value']}"}
        async with connect(server.target, PATH, headers=header) as session:
            await session.until("session.created")
            await _append(session, SPOKEN)
            await session.until(f"{TRANSCRIPT}.completed")
        async with connect(server.target, headers=header) as session:
            assert await session.to_the_end() == 1008


@pytest.mark.asyncio(loop_scope="module")
async def test_through_the_sdk(starter: GatewayServer) -> None:
    audio = pcm16(clip("demo_eng.flac"))
    completed = []
    async with (
        AsyncOpenAI(api_key="k", base_url=f"{starter.target}/v1") as client,
        client.realtime.connect(
            model="gpt-4o-transcribe", extra_query={"intent": "transcription"}
        ) as connection,
    ):
        await connection.session.update(
            session={
                "type": "transcription",
                "audio": {"input": {"transcription": {"model": "gpt-4o-transcribe", "language": "en"}}},
                "include": ["item.input_audio_transcription.logprobs"],
            }
        )
        for part in base64_parts(audio):
            await connection.input_audio_buffer.append(audio=part)
        async with asyncio.timeout(60):
            async for event in connection:
                assert event.type != "error", event
                if event.type == "conversation.item.input_audio_transcription.completed":
                    completed.append(event)
                    if len(completed) == 1:
                        # the last sentence ends with the audio: silence lets the detector see it
                        await connection.input_audio_buffer.append(
                            audio=base64.b64encode(pcm16(silence(2.0))).decode()
                        )
                    else:
                        break
    assert "neighbor" in completed[0].transcript
    assert completed[0].logprobs
