"""A running interpreter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from meeting_translate_svc import Interpreter, JanusServer, MeetingOptions, Room
from participant import RATE_HZ, Floats

from translate_svc.client import AsyncClient


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


async def recognized(server: str, samples: Floats, language: str) -> str:
    """What the server hears in a sound."""
    async with AsyncClient(server) as client:
        translation = await client.translate(
            samples=samples, sample_rate_hz=RATE_HZ, source=language, targets=[], include=["transcript"]
        ).result()
    return translation.transcript or ""
