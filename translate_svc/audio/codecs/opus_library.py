"""Opens libopus through FFmpeg."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from translate_svc.audio.codecs.ffmpeg_codec import open_codec
from translate_svc.audio.codecs.opus_packet import OPUS_SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from av.audio.codeccontext import AudioCodecContext


def open_libopus(
    mode: Literal["r", "w"], channels: int, options: Mapping[str, str] | None = None
) -> AudioCodecContext:
    """Opens a decoder ("r") or an encoder ("w") for interleaved 16-bit samples at 48 kHz.

    Raises ``Unsupported`` if PyAV is not installed or lacks libopus.
    """
    return open_codec(
        "libopus",
        mode,
        title="Opus",
        sample_rate_hz=OPUS_SAMPLE_RATE_HZ,
        channels=channels,
        options=options,
    )
