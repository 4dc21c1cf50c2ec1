"""Files of any format, as people upload them."""

from __future__ import annotations

import io
from collections.abc import Iterator

import av
import numpy as np

from translate_svc.audio.audio_tracks import AudioChoice, Channel
from translate_svc.audio.containers import open_media
from translate_svc.errors import InvalidArgument

MAX_BYTES = 16_384
_MOST_S = 600.0
"""A small file may claim an hour. So much of it is read."""
_FORMATS = (("wav", "pcm_s16le"), ("flac", "flac"), ("ogg", "libopus"), ("mkv", "libopus"), ("mp4", "aac"),
            ("mp3", "libmp3lame"), ("ts", "aac"), ("au", "pcm_mulaw"))  # fmt: skip


def run(data: bytes) -> None:
    """The first byte chooses the channel that is heard. The rest is the file."""
    channel = tuple(Channel)[(data[:1] or b"\0")[0] % len(Channel)]
    try:
        with open_media(io.BytesIO(data[1:]), "file", AudioChoice(channel=channel)) as media:
            assert 8_000 <= media.sample_rate_hz <= 48_000
            assert media.duration_ms is None or media.duration_ms >= 0
            read = 0
            for block in media.blocks():
                assert block.ndim == 1
                assert block.dtype == np.float32
                read += len(block)
                if read > _MOST_S * media.sample_rate_hz:
                    break
            str(media.damage)
    except InvalidArgument as refused:
        if refused.field != "file":
            raise


def seeds() -> Iterator[bytes]:
    """A tenth of a second in each of some formats."""
    av.logging.set_level(None)
    for name, codec in _FORMATS:
        yield b"\0" + _file(name, codec)


def _file(name: str, codec: str) -> bytes:
    made = io.BytesIO()
    rate_hz = 8_000 if codec == "pcm_mulaw" else 48_000
    with av.open(made, "w", format={"mkv": "matroska", "ts": "mpegts"}.get(name, name)) as container:
        stream = container.add_stream(codec, rate=rate_hz, layout="mono")
        assert isinstance(stream, av.AudioStream)
        context = stream.codec_context
        tone = (8_000 * np.sin(np.arange(rate_hz // 10) * 0.05)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(tone[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts = rate_hz, 0
        shaper = av.AudioResampler(context.format, "mono", rate_hz, frame_size=context.frame_size or 960)
        for shaped in (*shaper.resample(frame), *shaper.resample(None), None):
            container.mux(stream.encode(shaped))
    return made.getvalue()
