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
from tests.gateway.clients import base64_parts, clip, connect, pcm16, silence, tone
from tests.gateway.realtime.transcription_sessions import GERMAN, PATH, SPOKEN, TRANSCRIPT, append, update
from translate_svc.audio.codecs import g711
from translate_svc.audio.resampler import resample
from translate_svc.engine.request import Request
from translate_svc.gateway.options import GatewayOptions
from translate_svc.gateway.server import GatewayServer


async def test_speech_is_detected_committed_and_transcribed(server: GatewayServer) -> None:
    async with connect(server.target, PATH) as session:
        described = await update(session, turn_detection={"type": "server_vad", "silence_duration_ms": 400})
        assert described["type"] == "transcription"
        assert described["object"] == "realtime.transcription_session"
        assert described["audio"]["input"]["transcription"] == {"model": "m", "language": "de"}
        await append(session, SPOKEN * 2)
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


async def test_where_the_language_is_known_audio_or_an_empty_update_begins_the_session(
    service: ModelFreeService,
) -> None:
    async with GatewayServer(service, GatewayOptions(source_language="de")) as server:
        async with connect(server.target, PATH) as session:
            await session.send("input_audio_buffer.commit", event_id="empty")
            assert (await session.until("error"))["error"]["event_id"] == "empty"
            await append(session, SPOKEN)
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
        described = await update(session, format={"type": name}, turn_detection=None)
        assert described["audio"]["input"]["format"] == {"type": name, "rate": 8_000}
        await append(session, encode(sine).tobytes())
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
        await update(session)


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
        await update(session)
        await append(session, SPOKEN)
        failed = await session.until(f"{TRANSCRIPT}.failed")
        assert failed["error"]["code"] == "transcription_failed"
        await append(session, SPOKEN)
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
            await append(session, SPOKEN)
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
