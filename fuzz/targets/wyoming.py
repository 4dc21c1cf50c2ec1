"""What a client of Wyoming sends: events, one after another."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from unittest.mock import create_autospec

from translate_svc.errors import TranslateSvcError
from translate_svc.wyoming.transcription import format_of
from translate_svc.wyoming.wyoming_event import EventStream

MAX_BYTES = 4_096
_WRITER = create_autospec(asyncio.StreamWriter, instance=True)


def run(data: bytes) -> None:
    """A whole connection."""
    asyncio.run(_connection(data))


async def _connection(data: bytes) -> None:
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    events = EventStream(reader, _WRITER)
    try:
        while (event := await events.receive()) is not None:
            assert isinstance(event.type, str)
            assert isinstance(event.object("voice"), dict)
            assert isinstance(event.text("language"), str)
            if event.payload:
                assert format_of(event).channels == 1
    except TranslateSvcError:
        return


def seeds() -> Iterator[bytes]:
    """What the package ``wyoming`` and Home Assistant send."""
    data = b'{"rate": 16000, "width": 2, "channels": 1, "timestamp": null}'
    head = b'{"type": "audio-chunk", "version": "1.10.2", "data_length": %d, "payload_length": 4}' % len(data)
    yield head + b"\n" + data + b"\0\1\2\3"
    yield b'{"type": "describe", "version": "1.10.2"}\n{"type": "ping", "data": {"text": "a"}}\n'
    text = b'{"text": "Hello.", "voice": {"name": "en>es", "speaker": "0"}}'
    yield b'{"type": "synthesize", "data_length": %d}\n' % len(text) + text
