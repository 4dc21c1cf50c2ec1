"""Codecs of FFmpeg, from PyAV's wheels. Loading PyAV takes about 0.1 s, so it is loaded on first use."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from translate_svc.errors import Unsupported

if TYPE_CHECKING:
    from av.audio.codeccontext import AudioCodecContext

LAYOUTS = {1: "mono", 2: "stereo"}
"""FFmpeg's layout names, by number of channels."""


def installed() -> bool:
    """Whether PyAV is installed. Does not load it."""
    return importlib.util.find_spec("av") is not None


def missing(title: str) -> str:
    """How to get the codec called ``title`` if PyAV is not installed."""
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
    """Opens FFmpeg's decoder ("r") or encoder ("w") called ``name``, for interleaved 16-bit samples.

    Raises ``Unsupported`` if PyAV is not installed, or its FFmpeg lacks the codec. The message names the
    codec ``title``.
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
