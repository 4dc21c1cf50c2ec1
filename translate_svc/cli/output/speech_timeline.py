"""A WAV file of translated speech, aligned with its source and of the same length."""

from __future__ import annotations

import contextlib
import wave
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from translate_svc.cli.output.output_file import naming
from translate_svc.cli.targets import SPEECH_FORMAT
from translate_svc.types import SpeechChunk


class SpeechTimeline:
    """Writes each utterance at the time when it was said, so that the track matches the picture.

    Speech that is longer than its source delays the next utterance: nothing overlaps, and nothing is cut. The
    file is 16-bit mono, and is written chunk by chunk.
    """

    def __init__(self, path: Path, input_rate_hz: int) -> None:
        """``input_rate_hz``: sample rate of the source. Speech is in ``SPEECH_FORMAT``."""
        self.path = path
        self._input_rate_hz = input_rate_hz
        self._output_rate_hz = SPEECH_FORMAT.sample_rate_hz
        self._file = _new_wav(path, channels=1)
        self._written_samples = 0

    def add(self, chunk: SpeechChunk, start: int) -> None:
        """Writes the next chunk of this track's language, in the order of the stream. Its utterance was said
        from the source's sample ``start`` on.
        """
        if chunk.start_sample == 0:
            self._silence_until(start)
        self._write(np.frombuffer(chunk.data, "<i2"))

    def finish(self, source_samples: int) -> None:
        """Pads the file with silence to the length of the source, and closes it."""
        self._silence_until(source_samples)
        with naming(self.path):
            self._file.close()

    def close(self) -> None:
        """Closes the file as it is, after a failed stream. Idempotent."""
        with contextlib.suppress(OSError):  # of a disk that is full; why the stream failed is known
            self._file.close()

    def _silence_until(self, source_sample: int) -> None:
        end_samples = source_sample * self._output_rate_hz // self._input_rate_hz
        while (missing := end_samples - self._written_samples) > 0:
            self._write(np.zeros(min(missing, self._output_rate_hz), np.int16))

    def _write(self, samples: npt.NDArray[np.int16]) -> None:
        with naming(self.path):
            self._file.writeframesraw(samples.tobytes())
        self._written_samples += len(samples)


def write_stereo(path: Path, sides: Sequence[Path]) -> None:
    """Writes the finished tracks of the left and the right side as one file, as long as the longer one."""
    rate_hz = SPEECH_FORMAT.sample_rate_hz
    with (
        soundfile.SoundFile(sides[0]) as left,
        soundfile.SoundFile(sides[1]) as right,
        naming(path),
        _new_wav(path, channels=2) as file,
    ):
        pairs = zip_longest(*(side.blocks(rate_hz, dtype="int16") for side in (left, right)))
        for pair in pairs:
            longest = max(len(block) for block in pair if block is not None)
            stereo = np.zeros((longest, 2), np.int16)
            for channel, block in enumerate(pair):
                if block is not None:
                    stereo[: len(block), channel] = block
            file.writeframesraw(stereo.tobytes())


def _new_wav(path: Path, *, channels: int) -> wave.Wave_write:
    # not by libsndfile, which does not say why it cannot write
    file = wave.open(str(path), "wb")  # noqa: SIM115 - the caller closes it
    file.setnchannels(channels)
    file.setsampwidth(2)
    file.setframerate(SPEECH_FORMAT.sample_rate_hz)
    return file
