"""Twilio's Media Streams, which SignalWire speaks as well, and what Telnyx made of them."""

from __future__ import annotations

import base64
import binascii
import json
import logging
from collections.abc import Sequence
from typing import Any, ClassVar

from translate_svc.errors import InvalidArgument
from translate_svc.gateway.frame_order import FrameOrder
from translate_svc.gateway.json_object import JsonObject
from translate_svc.gateway.telephone.dialect import Message, audio_format
from translate_svc.telephone.call_events import (
    CallAudio,
    CallEvent,
    CallStarted,
    HungUp,
    KeyPressed,
    MarkHeard,
)

_log = logging.getLogger(__name__)

_CALLERS_TRACK = "inbound"
_MAX_PARAMETERS = 100
_MOST_HELD = 5
"""Frames that wait for one before them: 100 ms."""


class MediaStreams:
    """Implements ``PhoneDialect``. Source: Twilio, "Media Streams - WebSocket Messages"."""

    ahead_ms = 1_000
    audio_field = "media.payload"
    FORMAT: ClassVar = "mediaFormat"
    RATE: ClassVar = "sampleRate"
    PARAMETERS: ClassVar = "customParameters"

    def __init__(self) -> None:
        self._head: dict[str, Any] = {}
        self._order: FrameOrder[bytes] = FrameOrder(_MOST_HELD)

    def read(self, message: Message) -> Sequence[CallEvent]:
        """Implements ``PhoneDialect.read``. Events that a provider may add are not looked at. What tells of a
        key, a mark or an error, and does not say which, tells nothing: a call does not end by it.
        """
        values = _json(message)
        match values.any_text("event"):
            case "media":
                return self._audio(_required(values, "media"))
            case "start":
                return [self._started(values)]
            case "dtmf":
                return [KeyPressed(_told(values, "dtmf").any_text("digit"))]
            case "mark":
                return [MarkHeard(_told(values, "mark").any_text("name"))]
            case "stop":
                return [HungUp()]
            case "error":
                code = _told(values, "payload").values.get("code")
                _log.warning("the provider of a call reports error %s", code if type(code) is int else "?")
        return []

    def media(self, data: bytes) -> str:
        """Implements ``PhoneDialect.media``."""
        return self._text("media", {"media": {"payload": base64.b64encode(data).decode()}})

    def mark(self, name: str) -> str:
        """Implements ``PhoneDialect.mark``."""
        return self._text("mark", {"mark": {"name": name}})

    def clear(self) -> str:
        """Implements ``PhoneDialect.clear``."""
        return self._text("clear", {})

    def _text(self, event: str, fields: dict[str, Any]) -> str:
        return json.dumps({"event": event} | self._head | fields, separators=(",", ":"))

    def _started(self, values: JsonObject) -> CallStarted:
        start = _required(values, "start")
        self._head = self._head_of(values, start)
        described = _required(start, self.FORMAT)
        rate_hz, channels = _number(described, self.RATE), _number(described, "channels")
        if channels not in (None, 1):
            raise InvalidArgument("must be 1", field=described.under("channels"))
        audio = audio_format(
            described.text("encoding", ""),
            rate_hz or 0,
            field=described.under("encoding"),
            rate_field=described.under(self.RATE),
        )
        return CallStarted(audio, self._parameters(start))

    def _head_of(self, values: JsonObject, start: JsonObject) -> dict[str, Any]:
        """The fields of every message that is sent."""
        sid = values.any_text("streamSid") or start.any_text("streamSid")
        if not sid:
            raise InvalidArgument("is required", field="streamSid")
        return {"streamSid": sid}

    def _parameters(self, start: JsonObject) -> dict[str, str]:
        given = start.object(self.PARAMETERS)
        if given is None:
            return {}
        if len(given.values) > _MAX_PARAMETERS:
            raise InvalidArgument("are too many", field=given.path)
        return {name: value for name, value in given.values.items() if isinstance(value, str)}

    def _audio(self, media: JsonObject) -> Sequence[CallEvent]:
        if media.any_text("track") not in ("", _CALLERS_TRACK):
            return []  # what the caller hears: our own voice
        try:
            data = binascii.a2b_base64(media.any_text("payload"), strict_mode=True)
        except ValueError:
            raise InvalidArgument("is not base64", field=media.under("payload")) from None
        return [CallAudio(each) for each in self._order.push(_number(media, "chunk"), data)]


class TelnyxStreams(MediaStreams):
    """Telnyx's "Media Streaming over WebSockets", in its mode ``rtp``."""

    FORMAT = "media_format"
    RATE = "sample_rate"
    PARAMETERS = "custom_parameters"

    def _head_of(self, values: JsonObject, start: JsonObject) -> dict[str, Any]:
        return {}


def _json(message: Message) -> JsonObject:
    if isinstance(message, bytes):
        raise InvalidArgument("messages are JSON, sent as text")
    try:
        return JsonObject(json.loads(message), "")
    except (ValueError, RecursionError):
        raise InvalidArgument("the message is not JSON") from None


def _required(values: JsonObject, name: str) -> JsonObject:
    found = values.object(name)
    if found is None:
        raise InvalidArgument("is required", field=values.under(name))
    return found


def _told(values: JsonObject, name: str) -> JsonObject:
    """An object, which may be absent."""
    return values.object(name) or JsonObject({}, values.under(name))


def _number(values: JsonObject, name: str) -> int | None:
    """A whole number, which providers write with quotes or without; None if it is absent."""
    value = values.values.get(name)
    if value is None or (type(value) is int and 0 <= value < 2**53):
        return value
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 16:
        return int(value)
    raise InvalidArgument("must be a whole number", field=values.under(name))
