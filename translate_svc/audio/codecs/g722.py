"""G.722 (ITU-T): 16 kHz at 64 kbit/s in two bands, by FFmpeg. A byte stands for two samples."""

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
"""What is sampled. RTP counts half of it by a mistake that was kept (RFC 3551, section 4.5.2)."""

G722_FRAMING = ByteFraming(block_bytes=1, block_samples=2)

G722_LOOKAHEAD_SAMPLES = 22
"""By which what the encoder makes comes out of the decoder late: 1.4 ms, the filters of the two bands."""

FRAME_SAMPLES = 320
"""20 ms: what FFmpeg takes at once. Frames do not show in the bytes."""

_open = functools.partial(open_codec, "g722", title=TITLE, sample_rate_hz=G722_SAMPLE_RATE_HZ)


class G722Decoder:
    """Decodes one stream's bytes, in order. Every byte is valid.

    It adapts to what it hears: a byte that was lost or damaged is heard for some milliseconds more.
    """

    def __init__(self) -> None:
        self._context: AudioCodecContext | None = None

    def decode(self, data: bytes, *, field: str) -> Samples:
        """Samples ``[2 * len(data)]`` at 16 kHz.

        Raises ``Unsupported`` where PyAV is not installed.
        """
        if not data:  # the end of the stream, to FFmpeg
            return np.zeros(0, np.float32)
        if self._context is None:
            self._context = _open("r")
        from av import Packet

        frames = self._context.decode(Packet(data))
        return from_s16(np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames]))


class G722Encoder(FrameEncoder):
    """Encodes one signal at 16 kHz, 20 ms at a time; keeps what is shorter.

    After ``flush`` the next signal may begin in the same stream of bytes.
    """

    def __init__(self) -> None:
        super().__init__(
            G722_FRAMING,
            functools.partial(_open, "w"),
            frame_samples=FRAME_SAMPLES,
            lookahead_samples=G722_LOOKAHEAD_SAMPLES,
        )
