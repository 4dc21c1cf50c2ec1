"""Input formats of realtime sessions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from translate_svc.errors import InvalidArgument
from translate_svc.gateway.json_object import JsonObject
from translate_svc.types import AudioFormat, Encoding

_PCM = "audio/pcm"
_G711 = {"audio/pcmu": Encoding.MULAW, "audio/pcma": Encoding.ALAW}
_G711_RATE_HZ = 8_000


@dataclass(frozen=True, slots=True)
class InputFormat:
    """A format that clients name by a media type.

    Attributes:
        name: the media type.
        audio: what the session is given.
        bytes_per_sample: of the bytes that clients send.
    """

    name: str
    audio: AudioFormat
    bytes_per_sample: int

    @property
    def rate_hz(self) -> int:
        """Samples a second."""
        return self.audio.sample_rate_hz

    def to_json(self) -> dict[str, Any]:
        """The format object of the protocol."""
        return {"type": self.name, "rate": self.rate_hz}


def pcm(rate_hz: int) -> InputFormat:
    """16-bit little-endian PCM, one channel."""
    return InputFormat(_PCM, AudioFormat(Encoding.PCM_S16LE, rate_hz), 2)


PCM_24K = pcm(24_000)
"""What the protocol takes where a session names no format."""


def read_format(wanted: JsonObject) -> InputFormat:
    """The field ``format``: ``{type, rate}``.

    Raises InvalidArgument if this server does not know it. Whether the rate is served, the session says.
    """
    values = wanted.object("format")
    if values is None:
        return PCM_24K
    values.refuse_unknown(("type", "rate"))
    name = values.choice("type", (_PCM, *_G711), _PCM)
    if name == _PCM:
        return pcm(values.whole("rate", PCM_24K.rate_hz))
    if values.whole("rate", _G711_RATE_HZ) != _G711_RATE_HZ:
        raise InvalidArgument(f"must be {_G711_RATE_HZ} for G.711", field=values.under("rate"))
    return InputFormat(name, AudioFormat(_G711[name], _G711_RATE_HZ), 1)
