"""libopus, as PyAV's wheels bring it; loaded when Opus is first used, which takes about 0.1 s."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from translate_svc.audio.opus_packet import OPUS_SAMPLE_RATE_HZ
from translate_svc.errors import Unsupported

if TYPE_CHECKING:
    from av.audio.codeccontext import AudioCodecContext

MISSING = "Opus needs PyAV: pip install 'translate-svc[media]'"

OPUS_LAYOUTS = {1: "mono", 2: "stereo"}
"""FFmpeg's names, by the number of channels."""


def installed() -> bool:
    """Whether PyAV is there. Does not load it."""
    return importlib.util.find_spec("av") is not None


def open_libopus(
    mode: Literal["r", "w"], channels: int, options: Mapping[str, str] | None = None
) -> AudioCodecContext:
    """A decoder ("r") or an encoder ("w") of interleaved 16-bit samples at 48 kHz.

    Raises ``Unsupported`` where PyAV is not installed, or without libopus.
    """
    try:
        from av import CodecContext
        from av.audio.codeccontext import AudioCodecContext
        from av.codec.codec import UnknownCodecError
    except ImportError:
        raise Unsupported(MISSING) from None
    try:
        context = CodecContext.create("libopus", mode)
    except UnknownCodecError:
        raise Unsupported("Opus needs a PyAV that was built with libopus") from None
    assert isinstance(context, AudioCodecContext)
    context.sample_rate = OPUS_SAMPLE_RATE_HZ
    context.layout = OPUS_LAYOUTS[channels]
    context.format = "s16"
    context.options = dict(options or {})
    return context
