"""Asterisk's WebSocket channel (chan_websocket): sound in binary messages, control in text ones."""

from __future__ import annotations

import json
from collections.abc import Sequence

from translate_svc.errors import InvalidArgument, Unsupported
from translate_svc.gateway.json_object import JsonObject
from translate_svc.gateway.telephone.dialect import Message
from translate_svc.telephone.call_events import (
    CallAudio,
    CallEvent,
    CallStarted,
    KeyPressed,
    MarkHeard,
    PlaybackHeld,
)
from translate_svc.types import AudioFormat, Encoding

_FORMATS = {
    "ulaw": AudioFormat(Encoding.MULAW, 8_000),
    "alaw": AudioFormat(Encoding.ALAW, 8_000),
    "slin": AudioFormat(Encoding.PCM_S16LE, 8_000),
    **{
        f"slin{rate_hz // 1000}": AudioFormat(Encoding.PCM_S16LE, rate_hz)
        for rate_hz in (12_000, 16_000, 24_000, 32_000, 44_100, 48_000)
    },
}
"""By Asterisk's names."""


class AsteriskChannel:
    """Implements ``PhoneDialect``. Asterisk says by its first message whether control is plain text or JSON,
    and is answered in kind. It makes frames of what it is sent, and times them.
    """

    ahead_ms = 1_000
    audio_field = "binary message"

    def __init__(self) -> None:
        self._json = False

    def read(self, message: Message) -> Sequence[CallEvent]:
        """Implements ``PhoneDialect.read``. What reports on commands that we do not send is not looked at."""
        if isinstance(message, bytes):
            return [CallAudio(message)]
        event, values = self._parsed(message)
        match event:
            case "MEDIA_START":
                name = values.any_text("format")
                if name not in _FORMATS:
                    known = ", ".join(_FORMATS)
                    raise Unsupported(f"must be one of {known}: see c(...) of Dial", field="format")
                return [CallStarted(_FORMATS[name])]
            case "DTMF_END":
                return [KeyPressed(values.any_text("digit"))]
            case "MEDIA_MARK_PROCESSED":
                return [MarkHeard(values.any_text("correlation_id"))]
            case "MEDIA_XOFF" | "MEDIA_XON":
                return [PlaybackHeld(event == "MEDIA_XOFF")]
        return []

    def media(self, data: bytes) -> bytes:
        """Implements ``PhoneDialect.media``."""
        return data

    def mark(self, name: str) -> str:
        """Implements ``PhoneDialect.mark``."""
        return self._command("MARK_MEDIA", name)

    def clear(self) -> str:
        """Implements ``PhoneDialect.clear``."""
        return self._command("FLUSH_MEDIA")

    def _command(self, command: str, mark: str = "") -> str:
        if not self._json:
            return f"{command} {mark}".rstrip()
        return json.dumps({"command": command} | ({"correlation_id": mark} if mark else {}))

    def _parsed(self, message: str) -> tuple[str, JsonObject]:
        """The event's name and values. In plain text these are ``name:value``, or the mark's name alone."""
        if message.startswith("{"):
            self._json = True
            try:
                values = JsonObject(json.loads(message), "")
            except (ValueError, RecursionError):
                raise InvalidArgument("the message is not JSON") from None
            return values.any_text("event"), values
        event, *words = message.split() or [""]
        pairs = (word.partition(":") for word in words if ":" in word)
        fields = {name: value for name, _, value in pairs}
        if event == "MEDIA_MARK_PROCESSED" and words:
            fields["correlation_id"] = words[0]
        return event, JsonObject(fields, "")
