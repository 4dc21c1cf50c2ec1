"""The guard before the engine: audio in which nobody speaks is not translated.

Speech models invent text for silence and noise. If the voice activity detector cuts the stream, few such
utterances arise. If the client cuts it, or sends a clip, only this gate keeps them out.
"""

from __future__ import annotations

import bisect
from collections.abc import Awaitable, Callable, Iterator

import numpy as np

from translate_svc.types import FRAME_SAMPLES, NO_SPEECH, Samples, StreamWarning
from translate_svc.vad.frame_vad import MAX_FRAMES_AT_ONCE, VadFrames

MIN_VOICED_FRAMES = 3
"""Frames (32 ms) at or above the detector's threshold that an utterance must hold: about one short vowel.

All of them count, wherever they are: a long recording with one short answer in it is speech. Less than a
hundred milliseconds is not a word, but a click or some noise may reach it.
"""


def holds_voice(voiced_frames: int | None) -> bool:
    """Whether an utterance with ``voiced_frames`` frames at or above the threshold is translated. None: they
    were not scored, and it is.
    """
    return voiced_frames is None or voiced_frames >= MIN_VOICED_FRAMES


def no_speech(utterance_id: int) -> StreamWarning:
    """The warning about an utterance that the gate has kept back."""
    return StreamWarning(NO_SPEECH, "nobody speaks in it", utterance_id)


class VoicedFrames:
    """The frames of one frame grid whose speech probability is at least ``threshold``, in order."""

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._frames = 0
        self._voiced: list[int] = []

    def push(self, probability: float) -> None:
        """Adds the speech probability of the next frame."""
        if probability >= self._threshold:
            self._voiced.append(self._frames)
        self._frames += 1

    def count(self, start_frame: int, end_frame: int) -> int:
        """How many of them lie within ``[start_frame, end_frame)``."""
        return bisect.bisect_left(self._voiced, end_frame) - bisect.bisect_left(self._voiced, start_frame)


def clip_frames(samples: Samples) -> Iterator[VadFrames]:
    """A whole clip (16 kHz mono) as frames for the detector, with the last one padded with zeros."""
    stride = MAX_FRAMES_AT_ONCE * FRAME_SAMPLES
    for start in range(0, len(samples), stride):
        block = samples[start : start + stride]
        frames = np.zeros((-(-len(block) // FRAME_SAMPLES), FRAME_SAMPLES), dtype=np.float32)
        frames.reshape(-1)[: len(block)] = block
        yield VadFrames(frames, restart=start == 0)


async def clip_holds_voice(
    samples: Samples, threshold: float, probabilities: Callable[[VadFrames], Awaitable[list[float]]]
) -> bool:
    """``holds_voice`` of a clip. ``probabilities`` is that of a ``VadStream``. Stops as soon as it knows.

    Raises:
        Unavailable, DetectorError: as ``probabilities``.
    """
    voiced_frames = 0
    for frames in clip_frames(samples):
        voiced_frames += sum(each >= threshold for each in await probabilities(frames))
        if holds_voice(voiced_frames):
            return True
    return False
