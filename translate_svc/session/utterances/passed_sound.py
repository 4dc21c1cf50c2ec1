"""The speaker's own sound, which takes the place of speech in a language that is spoken already."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from translate_svc.engine.events import WaveformPiece
from translate_svc.session.utterances.live_sequence import LiveSequence
from translate_svc.types import Samples


class PassedSound:
    """An utterance's audio, as far as it was heard and not passed on. Holds it until it is taken.

    ``sequences``: of the utterance. Methods take the language of its source (a Seamless code); None: not
    known yet.
    """

    def __init__(self, sequences: Sequence[LiveSequence]) -> None:
        self._sequences = sequences
        self._samples: Samples = np.empty(0, np.float32)
        self._first_sample = 0
        self._passed = 0

    def hear(self, samples: Samples, first_sample: int) -> None:
        """The utterance's audio so far: ``[n]`` at 16 kHz, from ``first_sample`` of the utterance on."""
        self._samples, self._first_sample = samples, first_sample

    def next_piece(self, request_id: str, language: str | None) -> WaveformPiece | None:
        """What was not passed on yet, for the sequence whose speech it replaces; None: nothing."""
        for index, sequence in enumerate(self._sequences):
            if self.replaces_speech(index, language) and sequence.status is None:
                piece = self._piece(request_id, index, final=False)
                return piece if len(piece.samples) else None
        return None

    def last_piece(self, request_id: str, index: int) -> WaveformPiece:
        """The piece that ends the speech of the sequence ``index``."""
        return self._piece(request_id, index, final=True)

    def replaces_speech(self, index: int, language: str | None) -> bool:
        """Whether it takes the place of the speech of the sequence ``index``."""
        plan = self._sequences[index].plan
        return plan.audio is not None and language in plan.spec.unspoken_from

    def _piece(self, request_id: str, index: int, *, final: bool) -> WaveformPiece:
        return WaveformPiece(request_id, index, 0, self._take(), final)

    def _take(self) -> Samples:
        """``[n]`` at 16 kHz: what was heard since the last call."""
        rest = self._samples[max(0, self._passed - self._first_sample) :]
        self._passed = max(self._passed, self._first_sample + len(self._samples))
        self._samples, self._first_sample = self._samples[:0], self._passed
        return rest
