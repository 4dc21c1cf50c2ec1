"""G.722 (ITU-T): 16 kHz at 64 kbit/s in two bands, with FFmpeg. A byte holds two samples."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from translate_svc.audio.codecs.ffmpeg_codec import open_codec
from translate_svc.audio.codecs.frame_encoder import FrameEncoder
from translate_svc.audio.codecs.framing import ByteFraming
from translate_svc.audio.pcm import from_s16
from translate_svc.types import Samples

if TYPE_CHECKING:
    from av.audio.codeccontext import AudioCodecContext

TITLE = "G.722"

G722_SAMPLE_RATE_HZ = 16_000
"""The sample rate. RTP's clock uses half of it, by a historical mistake (RFC 3551, section 4.5.2)."""

G722_FRAMING = ByteFraming(block_bytes=1, block_samples=2)

G722_LOOKAHEAD_SAMPLES = 22
"""Delay of the decoder's output: 1.4 ms, from the filters of the two bands."""

FRAME_SAMPLES = 320
"""20 ms: what FFmpeg takes in one call. The encoded bytes do not show frames."""

_open = functools.partial(open_codec, "g722", title=TITLE, sample_rate_hz=G722_SAMPLE_RATE_HZ)


class G722Decoder:
    """Decodes one stream's bytes, in order. Every byte is valid.

    The codec is adaptive: a lost or damaged byte is audible for a few more milliseconds.
    """

    def __init__(self) -> None:
        self._context: AudioCodecContext | None = None

    def decode(self, data: bytes, *, field: str) -> Samples:
        """Samples ``[2 * len(data)]`` at 16 kHz.

        Raises ``Unsupported`` if PyAV is not installed.
        """
        if not data:  # FFmpeg takes an empty packet for the end of the stream
            return np.zeros(0, np.float32)
        if self._context is None:
            self._context = _open("r")
        from av import Packet

        frames = self._context.decode(Packet(data))
        return from_s16(np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames]))


class G722Encoder(FrameEncoder):
    """Encodes one signal at 16 kHz, 20 ms at a time; keeps shorter rests.

    After ``flush`` the next signal may start in the same stream of bytes.
    """

    def __init__(self) -> None:
        super().__init__(
            G722_FRAMING,
            functools.partial(_open, "w"),
            frame_samples=FRAME_SAMPLES,
            lookahead_samples=G722_LOOKAHEAD_SAMPLES,
        )
