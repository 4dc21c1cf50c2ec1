"""Codecs of FFmpeg, as PyAV's wheels bring them; loaded when one is first used, which takes about 0.1 s."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from translate_svc.errors import Unsupported

if TYPE_CHECKING:
    from av.audio.codeccontext import AudioCodecContext

LAYOUTS = {1: "mono", 2: "stereo"}
"""FFmpeg's names, by the number of channels."""


def installed() -> bool:
    """Whether PyAV is there. Does not load it."""
    return importlib.util.find_spec("av") is not None


def missing(title: str) -> str:
    """What to do for the codec called ``title`` where PyAV is not installed."""
    return f"{title} needs PyAV: pip install 'translate-svc[media]'"


def open_codec(
    name: str,
    mode: Literal["r", "w"],
    *,
    title: str,
    sample_rate_hz: int,
    channels: int = 1,
    options: Mapping[str, str] | None = None,
) -> AudioCodecContext:
    """FFmpeg's decoder ("r") or encoder ("w") called ``name``, of interleaved 16-bit samples.

    Raises ``Unsupported``, which calls the codec ``title``: PyAV is not installed, or its FFmpeg was built
    without the codec.
    """
    try:
        from av import CodecContext
        from av.audio.codeccontext import AudioCodecContext
        from av.codec.codec import UnknownCodecError
    except ImportError:
        raise Unsupported(missing(title)) from None
    try:
        context = CodecContext.create(name, mode)
    except UnknownCodecError:
        raise Unsupported(f"{title} needs a PyAV that was built with {name}") from None
    assert isinstance(context, AudioCodecContext)
    context.sample_rate = sample_rate_hz
    context.layout = LAYOUTS[channels]
    context.format = "s16"
    context.options = dict(options or {})
    return context
