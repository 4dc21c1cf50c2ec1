"""What the protocols of telephone providers have in common: messages of a WebSocket, and what they mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from translate_svc.audio.formats import MAX_SAMPLE_RATE_HZ, MIN_SAMPLE_RATE_HZ
from translate_svc.errors import OutOfRange, Unsupported
from translate_svc.telephone.call_events import CallEvent
from translate_svc.types import AudioFormat, Encoding

Message = str | bytes


class PhoneDialect(Protocol):
    """One provider's protocol, for one call."""

    @property
    def ahead_ms(self) -> int:
        """As ``CallSocket.ahead_ms``."""

    @property
    def audio_field(self) -> str:
        """As ``CallSocket.audio_field``."""

    def read(self, message: Message) -> Sequence[CallEvent]:
        """What a message tells; often nothing.

        Raises:
            InvalidArgument: it is not of the protocol. Names the field.
            Unsupported: it asks for what this server does not have. Names the field.
        """

    def media(self, data: bytes) -> Message:
        """The message that plays ``data``."""

    def mark(self, name: str) -> Message:
        """The message that asks when everything before it was heard."""

    def clear(self) -> Message:
        """The message that drops what the provider holds."""


_G711 = {
    "mulaw": Encoding.MULAW, "pcmu": Encoding.MULAW, "ulaw": Encoding.MULAW,
    "alaw": Encoding.ALAW, "pcma": Encoding.ALAW,
}  # fmt: skip
_G711_RATE_HZ = 8_000
_LINEAR = "l16"


def audio_format(encoding: str, rate_hz: int, *, field: str, rate_field: str) -> AudioFormat:
    """A format by the name that providers give it, such as ``audio/x-mulaw`` or ``L16``, which is
    little-endian.

    Raises:
        Unsupported: it is another one. Names ``field``.
        OutOfRange: its rate is not served. Names ``rate_field``.
    """
    name = encoding.lower().removeprefix("audio/").removeprefix("x-")
    if name in _G711 and rate_hz == _G711_RATE_HZ:
        return AudioFormat(_G711[name], rate_hz)
    if name == _LINEAR:
        if not MIN_SAMPLE_RATE_HZ <= rate_hz <= MAX_SAMPLE_RATE_HZ:
            limits = f"{MIN_SAMPLE_RATE_HZ}, {MAX_SAMPLE_RATE_HZ}"
            raise OutOfRange(f"must be within [{limits}]", field=rate_field)
        return AudioFormat(Encoding.PCM_S16LE, rate_hz)
    raise Unsupported("must be G.711 (PCMU, PCMA) at 8000 Hz, or L16", field=field)
