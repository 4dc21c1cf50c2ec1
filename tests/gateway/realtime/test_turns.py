"""Turns of a transcription session: who ends them, and what a clear and a change of the detection leave."""

from __future__ import annotations

import asyncio

import pytest

from tests.gateway.clients import connect, pcm16, silence, tone
from tests.gateway.realtime.transcription_sessions import PATH, SPOKEN, TRANSCRIPT, append, update
from translate_svc import languages
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


async def test_the_client_commits(server: GatewayServer) -> None:
    async with connect(server.target, PATH) as session:
        described = await update(session, turn_detection=None)
        assert described["audio"]["input"]["turn_detection"] is None
        await session.send("input_audio_buffer.commit", event_id="empty")
        assert (await session.until("error"))["error"]["event_id"] == "empty"
        await append(session, SPOKEN)
        await session.send("input_audio_buffer.commit")
        completed = await session.until(f"{TRANSCRIPT}.completed")
        assert completed["transcript"].startswith("deu ")
        assert not session.of("input_audio_buffer.speech_started"), "nobody detects"
        await session.send("input_audio_buffer.commit")
        await session.until("error")
        await append(session, SPOKEN)
        await session.send("input_audio_buffer.clear")
        await session.until("input_audio_buffer.cleared")
        assert len(session.of(f"{TRANSCRIPT}.completed")) == 1


async def test_a_clear_takes_back_no_turn_that_was_committed(server: GatewayServer) -> None:
    """Clients clear the buffer before each turn, while the last one is still being written down."""
    async with connect(server.target, PATH) as session:
        await update(session, turn_detection=None)
        for _ in range(2):
            await append(session, SPOKEN)
            await session.send("input_audio_buffer.commit")
            await session.send("input_audio_buffer.clear")
        await append(session, SPOKEN)
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
        await update(session)
        await append(session, SPOKEN * 3 + pcm16(tone(0.6)))
        await session.send("input_audio_buffer.commit")
        await session.send("input_audio_buffer.clear")
        await session.until("input_audio_buffer.cleared")
        items = [each["item_id"] for each in session.of("input_audio_buffer.committed")]
        assert len(items) == 4
        assert [each["item_id"] for each in session.of(f"{TRANSCRIPT}.completed")] == items
        await append(session, pcm16(silence(0.8)))  # no turn at all
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
        await update(session)
        await append(session, pcm16(tone(0.6)))  # it goes on
        started = await session.until("input_audio_buffer.speech_started")
        await session.send("input_audio_buffer.clear")
        await session.until("input_audio_buffer.cleared")
        stopped = session.of("input_audio_buffer.speech_stopped")
        assert [each["item_id"] for each in stopped] == [started["item_id"]]
        assert not session.of("input_audio_buffer.committed")
        assert not session.of("conversation.item.added")
        await append(session, SPOKEN)
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
        await update(session, turn_detection=detection if detects else None)
        await append(session, pcm16(tone(0.6)))  # it goes on
        if detects:
            await session.until("input_audio_buffer.speech_started")
        await update(session, turn_detection=None if detects else detection)
        for _ in range(2):
            await append(session, SPOKEN)
            await session.send("input_audio_buffer.commit")
            await session.until("conversation.item.done")
    first, second = (each["item_id"] for each in session.of("input_audio_buffer.committed"))
    for what in ("started", "stopped"):
        told = [each["item_id"] for each in session.of(f"input_audio_buffer.speech_{what}")]
        assert told == [first if detects else second]
