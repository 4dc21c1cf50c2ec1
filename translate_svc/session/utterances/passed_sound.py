"""The speaker's own sound, which takes the place of speech in a language that is spoken already."""

from __future__ import annotations

import numpy as np

from translate_svc.types import Samples


class PassedSound:
    """An utterance's audio, as far as it was heard and not passed on. Holds it until it is taken."""

    def __init__(self) -> None:
        self._samples: Samples = np.empty(0, np.float32)
        self._first_sample = 0
        self._passed = 0

    def hear(self, samples: Samples, first_sample: int) -> None:
        """The utterance's audio so far: ``[n]`` at 16 kHz, from ``first_sample`` of the utterance on."""
        self._samples, self._first_sample = samples, first_sample

    def take(self) -> Samples:
        """``[n]`` at 16 kHz: what was heard since the last call."""
        rest = self._samples[max(0, self._passed - self._first_sample) :]
        self._passed = max(self._passed, self._first_sample + len(self._samples))
        self._samples, self._first_sample = self._samples[:0], self._passed
        return rest
