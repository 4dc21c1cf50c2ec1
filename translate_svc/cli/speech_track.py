"""Translated speech laid under its source: one WAV file as long as what was translated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from translate_svc.cli.targets import SPEECH_FORMAT
from translate_svc.types import SpeechChunk


class SpeechTrack:
    """Writes utterances where they were said, so that the track lines up with the picture. Speech that is
    still being spoken when the next utterance begins pushes that one later: nothing overlaps, nothing is cut.

    16-bit mono, written as it comes: it holds one chunk at a time.
    """

    def __init__(self, path: Path, input_rate_hz: int) -> None:
        """``input_rate_hz``: of the source, whose samples the events count. Speech is in SPEECH_FORMAT."""
        self._input_rate_hz = input_rate_hz
        self._output_rate_hz = SPEECH_FORMAT.sample_rate_hz
        self._file = soundfile.SoundFile(
            path, "w", samplerate=self._output_rate_hz, channels=1, subtype="PCM_16", format="WAV"
        )
        self._written_samples = 0

    def add(self, chunk: SpeechChunk) -> None:
        """Takes the next chunk of this track's language, in the order in which a stream sends them."""
        if chunk.start_sample == 0:
            self._silence_until(chunk.source.start)
        self._write(np.frombuffer(chunk.data, "<i2"))

    def finish(self, source_samples: int) -> None:
        """Fills up to the source's length and closes the file."""
        self._silence_until(source_samples)
        self._file.close()

    def close(self) -> None:
        """Closes the file as it is; for when the stream failed. Idempotent."""
        self._file.close()

    def _silence_until(self, source_sample: int) -> None:
        place = source_sample * self._output_rate_hz // self._input_rate_hz
        while (missing := place - self._written_samples) > 0:
            self._write(np.zeros(min(missing, self._output_rate_hz), np.int16))

    def _write(self, samples: npt.NDArray[np.int16]) -> None:
        self._file.write(samples)
        self._written_samples += len(samples)
