"""What telephone providers send: messages of each protocol, one a line, and packets of AudioSocket."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import create_autospec

from translate_svc.audio.formats import check_input_format
from translate_svc.audiosocket.connection import AudioSocketConnection
from translate_svc.errors import TranslateSvcError
from translate_svc.gateway.telephone.asterisk import AsteriskChannel
from translate_svc.gateway.telephone.dialect import PhoneDialect
from translate_svc.gateway.telephone.media_streams import MediaStreams, TelnyxStreams
from translate_svc.telephone.call_events import CallEvent, CallStarted, HungUp
from translate_svc.telephone.telephone_file import TelephoneFile

MAX_BYTES = 4_096
_FILE = TelephoneFile()
_DIALECTS: tuple[Callable[[], PhoneDialect], ...] = (MediaStreams, TelnyxStreams, AsteriskChannel)


def run(data: bytes) -> None:
    """The first byte chooses the protocol."""
    chosen, rest = (data[:1] or b"\0")[0] % (len(_DIALECTS) + 1), data[1:]
    try:
        if chosen == len(_DIALECTS):
            asyncio.run(_packets(rest))
        else:
            dialect = _DIALECTS[chosen]()
            for line in rest.split(b"\n"):
                for event in dialect.read(line.decode("utf-8", "replace")):
                    _check(event)
    except TranslateSvcError:
        pass


def _check(event: CallEvent) -> None:
    if isinstance(event, CallStarted):
        check_input_format(event.audio, field="format")
        _FILE.key_settings(_FILE.first_settings(event))


async def _packets(data: bytes) -> None:
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    connection = AudioSocketConnection(reader, create_autospec(asyncio.StreamWriter, instance=True))
    while not isinstance(event := await connection.receive(), HungUp):
        _check(event)


def seeds() -> Iterator[bytes]:
    """A call in each protocol."""
    form = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
    start = {"mediaFormat": form, "customParameters": {"between": "en,es", "voice": "3"}}
    media = {"event": "media", "media": {"track": "inbound", "chunk": "1", "payload": "/////w=="}}
    mark = {"event": "mark", "mark": {"name": "m"}}
    rest: list[dict[str, Any]] = [media, {"event": "dtmf", "dtmf": {"digit": "1"}}, mark]
    yield b"\0" + _lines([{"event": "start", "streamSid": "MZ1", "start": start}, *rest, {"event": "stop"}])
    form = {"encoding": "L16", "sample_rate": 16000, "channels": 1}
    start = {"media_format": form, "custom_parameters": {"target": "es", "mode": "utterance"}}
    yield b"\1" + _lines(
        [{"event": "start", "start": start}, *rest, {"event": "error", "payload": {"code": 1}}]
    )
    yield b"\2MEDIA_START connection_id:c format:slin16 ptime:20\nDTMF_END digit:1\nMEDIA_MARK_PROCESSED m"
    yield b"\2" + _lines([{"event": "MEDIA_START", "format": "ulaw"}, {"event": "MEDIA_XOFF"}])
    packets = ((0x01, bytes(16)), (0x10, bytes(320)), (0x03, b"1"), (0xFF, b"\1"), (0x00, b""))
    yield b"\3" + b"".join(struct.pack("!BH", kind, len(each)) + each for kind, each in packets)


def _lines(messages: list[dict[str, Any]]) -> bytes:
    return b"\n".join(json.dumps(each).encode() for each in messages)
