"""One speech on its way out: from 16 kHz samples to bytes in the negotiated format."""

from __future__ import annotations

import numpy as np

from translate_svc.audio.codecs import encode
from translate_svc.audio.resampler import Resampler
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ, AudioFormat, Samples


class SpeechWriter:
    """Resamples and encodes one utterance's speech in one language, piece by piece.

    Beginning and end are exact: nothing of one utterance's filter rings into the next one's.
    """

    def __init__(self, output: AudioFormat) -> None:
        self._output = output
        self._resampler = Resampler(INTERNAL_SAMPLE_RATE_HZ, output.sample_rate_hz)
        self.written_samples = 0

    @property
    def sample_rate_hz(self) -> int:
        """The output's rate."""
        return self._output.sample_rate_hz

    @property
    def written_s(self) -> float:
        """Duration of what was written."""
        return self.written_samples / self._output.sample_rate_hz

    def write(self, samples: Samples, *, final: bool) -> bytes:
        """The bytes that are complete with this piece, possibly none; ``final`` ends the speech."""
        out = self._resampler.push(samples)
        if final:
            out = np.concatenate((out, self._resampler.flush()))
        self.written_samples += len(out)
        return encode(out, self._output.encoding)
