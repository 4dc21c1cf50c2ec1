"""Whether a file holds as much as its header states: a download that was cut off does not."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet

_FLV, _MATROSKA, _MP3, _WAVES = "flv", "matroska,webm", "mp3", ("wav", "w64")
_COUNTED = ("avi", "caf")
"""FFmpeg tells how many frames their headers state, and a smaller length if the file has no room for them."""
_INDEXED = ("mov,mp4,m4a,3gp,3g2,mj2", "aiff", "au")
_NO_FRAMES, _NO_BYTES = 0x4000_0000, 0x7EFF_0000
"""From here on programs that write AVI and AIFF into pipes say that they do not know."""
_TOLERATED_S = 1.0
"""Whole files end within 0.03 s of what common writers state; some that record live state a little more."""
_SMALLER = 0.99
_MICROSECONDS_PER_S = 1_000_000


class StatedEnd:
    """Follows the packets of a file to its end.

    FFmpeg reports a cut in most containers as a packet that it cannot decode. Matroska, WebM, MP3, WAV, AVI,
    CAF, AIFF, AU and FLV end in silence, and their headers say how long they were. So does MP4 whose index
    comes first, where the cut is in a packet of a picture, which nobody decodes here, or between samples.
    """

    def __init__(self, container: InputContainer, heard: AudioStream, wav_s: float | None) -> None:
        """``heard``: the stream whose packets are of interest anyway. ``wav_s``: the length by the header of
        a WAV file (RF64 and W64 as well), which FFmpeg does not tell; None if it is none, or states none.
        """
        self._stated_s = wav_s if container.format.name in _WAVES else _stated_s(container, heard)
        self._ends_s = 0.0
        self._zero_s = _first_microsecond(container) / _MICROSECONDS_PER_S
        is_known = self._stated_s is not None and container.format.name in (_FLV, _MATROSKA)
        self.streams: tuple[Any, ...] = tuple(container.streams) if is_known else (heard,)
        """Those whose packets are to be added: a film may go on after its sound."""

    def add(self, packet: Packet[Any]) -> None:
        """The next packet."""
        if packet.pts is not None:
            # numbers of pictures, of sound and of subtitles count in their streams' own units
            end = (packet.pts + (packet.duration or 0)) * (packet.time_base or Fraction(0))
            self._ends_s = max(self._ends_s, float(end) - self._zero_s)

    def cut(self) -> tuple[float, float] | None:
        """Where the file ends, and where its header says that it does, if this is later."""
        return None if self._stated_s is None else cut_off(self._ends_s, self._stated_s)


def cut_off(ends_s: float, stated_s: float) -> tuple[float, float] | None:
    """Both, if a recording that ends at ``ends_s`` was longer by its header; None: it is whole."""
    return (ends_s, stated_s) if stated_s - ends_s > _TOLERATED_S else None


def stated_microseconds(container: InputContainer) -> int | None:
    """How long a file is by its header, from where it begins; None if it states nothing."""
    return None if container.duration is None else container.duration - _first_microsecond(container)


def _first_microsecond(container: InputContainer) -> int:
    """Where a file begins on the clock on which its header says the end. A header of Matroska states the end,
    which FFmpeg takes for the length; of other containers FFmpeg knows the length.
    """
    return (container.start_time or 0) if container.format.name == _MATROSKA else 0


def _stated_s(container: InputContainer, heard: AudioStream) -> float | None:
    """The length by the header; None if it states none, or FFmpeg estimates it."""
    kind, length = container.format.name, stated_microseconds(container)
    if kind in _COUNTED:
        # a whole AVI that begins late counts frames that are empty
        is_short = heard.duration is None or heard.duration < heard.frames
        return _end_s(heard, heard.frames) if is_short and 0 < heard.frames < _NO_FRAMES else None
    if kind in _INDEXED:
        return _indexed_s(heard)
    # FFmpeg gives the streams of FLV a length where it estimates it
    if length is None or (kind == _FLV and heard.duration is not None):
        return None
    stated_s = length / _MICROSECONDS_PER_S
    if kind == _MP3:
        # without a count of frames FFmpeg divides the size of the file by its bit rate: both are the same
        has_room_s = (
            container.size * 8 / heard.bit_rate if heard.bit_rate and container.size > 0 else stated_s
        )
        return stated_s if has_room_s < _SMALLER * stated_s else None
    return stated_s if kind in (_FLV, _MATROSKA) else None


def _indexed_s(heard: AudioStream) -> float | None:
    """Where the sound ends by the index of an MP4, which states every packet's place, or by the one length
    of an AIFF or AU; None without one.
    """
    if heard.duration is None:
        return None
    ends_s = _end_s(heard, heard.duration)
    is_known = heard.container.format.name != "aiff" or ends_s * (heard.bit_rate or 0) < 8 * _NO_BYTES
    return ends_s if is_known else None


def _end_s(heard: AudioStream, length: int) -> float:
    return float(((heard.start_time or 0) + length) * (heard.time_base or Fraction(0)))
