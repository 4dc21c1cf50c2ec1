"""What the engine has done since it began."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from translate_svc.engine.request import FinishStatus
from translate_svc.engine.sequence import RequestState


@dataclass(slots=True)
class Totals:
    """Counts that only grow, those below ``failed_requests`` over finished requests alone.

    The engine's thread writes; any thread may read. Nothing is locked: each count is right by itself, two of
    them may be a step apart.
    """

    steps: int = 0
    failed_requests: int = 0
    finished_requests: int = 0
    text_tokens: int = 0
    source_samples: int = 0
    speech_units: int = 0

    def count(self, state: RequestState, status: FinishStatus) -> None:
        """Takes in a request whose sequences have all ended, as ``status``."""
        if status is FinishStatus.FAILED:
            self.failed_requests += 1
            return
        self.finished_requests += 1
        self.text_tokens += sum(sequence.text_tokens for sequence in state.sequences)
        self.speech_units += sum(sequence.piece_start_unit for sequence in state.sequences)
        if isinstance(state.source, np.ndarray):
            self.source_samples += len(state.source)
