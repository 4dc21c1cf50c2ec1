"""Audio and video files of every kind, written by FFmpeg for the tests that read them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from translate_svc.audio.resampler import resample
from translate_svc.types import Samples

_PICTURE_RATE_HZ = 10


def write_media(
    path: Path,
    samples: Samples,
    rate_hz: int,
    *,
    codec: str,
    codec_rate_hz: int,
    layout: str = "stereo",
    picture: bool = False,
    size: tuple[int, int] = (64, 48),
    picture_goes_on_s: float = 0.0,
    starts_s: float = 0.0,
    options: dict[str, str] | None = None,
) -> Path:
    """Encodes mono ``samples``, the same on every channel, to begin at ``starts_s``; with ``picture``
    beside a black video stream of ``size`` from 0 on, which is ``picture_goes_on_s`` longer.
    """
    with av.open(str(path), "w", options=options or {}) as container:
        audio = container.add_stream(codec, rate=codec_rate_hz, layout=layout)
        assert isinstance(audio, av.AudioStream)
        if picture:
            write_picture(container, starts_s + len(samples) / rate_hz + picture_goes_on_s, size)
        converted = resample(samples, rate_hz, codec_rate_hz)
        frame = av.AudioFrame.from_ndarray(converted[None], format="fltp", layout="mono")
        frame.sample_rate, frame.time_base = codec_rate_hz, Fraction(1, codec_rate_hz)
        frame.pts = round(starts_s * codec_rate_hz)
        context = audio.codec_context
        shaper = av.AudioResampler(
            format=context.format, layout=layout, rate=codec_rate_hz, frame_size=context.frame_size
        )
        for shaped in (*shaper.resample(frame), *shaper.resample(None), None):
            container.mux(audio.encode(shaped))
    return path


def write_picture(
    container: av.container.OutputContainer, seconds: float, size: tuple[int, int] = (64, 48)
) -> None:
    """Encodes a black video stream, with 10 pictures a second."""
    video = container.add_stream("mpeg4", rate=_PICTURE_RATE_HZ)
    assert isinstance(video, av.VideoStream)
    video.width, video.height = size
    video.pix_fmt = "yuv420p"
    black = np.zeros((size[1], size[0], 3), np.uint8)
    for number in range(round(seconds * _PICTURE_RATE_HZ)):
        picture = av.VideoFrame.from_ndarray(black, format="rgb24")
        picture.pts = number
        container.mux(video.encode(picture))
    container.mux(video.encode(None))
