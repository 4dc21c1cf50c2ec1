"""A running interpreter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from meeting_translate_svc import Interpreter, JanusServer, MeetingOptions, Room

from benchmarks.meeting.participant import RATE_HZ, Floats, Heard, Participant, until
from translate_svc.client import AsyncClient
from translate_svc.types import TextDelta, VadSettings


async def ready(interpreter: Interpreter, room: Room, *people: Participant, languages: int) -> None:
    """Waits until these people can be heard, and that many languages are published."""
    meeting = await until(lambda: interpreter.meetings.get(room.room_id))
    await until(lambda: meeting.heard >= {person.feed_id for person in people})
    await until(lambda: len(meeting.published) == languages)


async def said(*heard: Heard, count: int = 1) -> None:
    """Waits until ``count`` texts have come over each feed, and their speech was heard."""
    for each in heard:
        await until(lambda each=each: len(each.texts()) >= count)  # type: ignore[misc]
        await until(lambda each=each: each.quiet_s() > 0.7)  # type: ignore[misc]


@asynccontextmanager
async def interpreting(
    server: str, janus: str, rooms: Sequence[Room], options: MeetingOptions
) -> AsyncIterator[Interpreter]:
    """One that runs, and must not have failed in the end."""
    async with AsyncClient(server) as client:
        interpreter = Interpreter(client, JanusServer(janus), rooms, options)
        running = asyncio.ensure_future(interpreter.run())
        try:
            yield interpreter
            assert not running.done(), running.result()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def recognized(server: str, samples: Floats, language: str) -> list[str]:
    """What the server hears in a sound, utterance by utterance."""
    async with (
        AsyncClient(server) as client,
        client.stream(
            targets=[],
            source=language,
            include=["transcript"],
            sample_rate_hz=RATE_HZ,
            vad=VadSettings(min_silence_ms=300),
        ) as stream,
    ):
        stream.feed([samples])
        texts: dict[int, str] = {}
        async for event in stream:
            if isinstance(event, TextDelta):
                texts[event.utterance_id] = texts.get(event.utterance_id, "") + event.delta
    return [text.strip() for _, text in sorted(texts.items()) if text.strip()]
