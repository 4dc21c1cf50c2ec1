"""Encodes samples with a codec that takes whole frames only and looks ahead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from translate_svc.audio.codecs.encoded_chunk import EncodedChunk
from translate_svc.audio.codecs.ffmpeg_codec import LAYOUTS
from translate_svc.audio.codecs.framing import Framing
from translate_svc.audio.pcm import to_s16
from translate_svc.types import Samples

if TYPE_CHECKING:
    from av.audio.codeccontext import AudioCodecContext


class FrameEncoder:
    """Encodes one signal frame by frame and counts its samples. Keeps samples that do not fill a frame.

    ``sample_count`` of a returned chunk is what the decoder gives for it, without the look-ahead. ``flush``
    pads the end with silence, so that the decoder gives the last sample too. Then the next signal may start,
    with its own look-ahead. The encoder keeps its state, and so does a decoder of both signals.

    Args:
        framing: How frames are laid out in a chunk.
        open_context: Opens FFmpeg's encoder, which returns one packet per frame. Called when the first
            frame is full.
        frame_samples: Samples per channel in one frame.
        lookahead_samples: Delay of the decoder's output, in samples.
    """

    def __init__(
        self,
        framing: Framing,
        open_context: Callable[[], AudioCodecContext],
        *,
        frame_samples: int,
        lookahead_samples: int,
        channels: int = 1,
    ) -> None:
        self._framing = framing
        self._open_context = open_context
        self._frame_samples = frame_samples
        self._lookahead_samples = lookahead_samples
        self._channels = channels
        self.context: AudioCodecContext | None = None
        self._waiting = self._silence(0)
        self._input_samples = 0
        self._frames = 0
        self._returned_samples = 0

    def encode(self, samples: Samples) -> EncodedChunk:
        """Takes samples ``[n]``, or ``[n, channels]``; returns the frames that are full, possibly none.

        Raises ``Unsupported`` if PyAV is not installed.
        """
        self._input_samples += len(samples)
        return self._push(samples.reshape(-1, self._channels))

    def flush(self) -> EncodedChunk:
        """Ends the signal. Returns the frames with the rest of it; none if nothing was encoded."""
        if self._input_samples == 0:
            return EncodedChunk()
        padding = -(len(self._waiting) + self._lookahead_samples) % self._frame_samples
        rest = self._push(self._silence(self._lookahead_samples + padding))
        self._input_samples = self._frames = self._returned_samples = 0
        return rest

    def _push(self, samples: Samples) -> EncodedChunk:
        self._waiting = np.concatenate((self._waiting, samples))
        whole = len(self._waiting) // self._frame_samples * self._frame_samples
        frames = [
            self._frame(self._waiting[start : start + self._frame_samples])
            for start in range(0, whole, self._frame_samples)
        ]
        self._waiting = self._waiting[whole:]
        self._frames += len(frames)
        decoded_samples = max(self._frames * self._frame_samples - self._lookahead_samples, 0)
        count = min(decoded_samples, self._input_samples) - self._returned_samples
        self._returned_samples += count
        return replace(self._framing.pack(frames), sample_count=count)

    def _frame(self, samples: Samples) -> bytes:
        """Encodes samples ``[frame_samples, channels]`` to one frame."""
        if self.context is None:
            self.context = self._open_context()
        from av import AudioFrame

        layout = LAYOUTS[self._channels]
        frame = AudioFrame.from_ndarray(to_s16(samples).reshape(1, -1), format="s16", layout=layout)
        frame.sample_rate = self.context.sample_rate
        (packet,) = self.context.encode(frame)
        return bytes(packet)

    def _silence(self, count: int) -> Samples:
        return np.zeros((count, self._channels), np.float32)
