"""The encodings that ended texts ask for, before they begin: transcripts to be translated, and speech at
another speed.
"""

from __future__ import annotations

from translate_svc.engine.options import source_frames
from translate_svc.engine.plan import SequenceKey
from translate_svc.engine.scheduling.caller_shares import CallerShares, in_turns
from translate_svc.engine.scheduling.guides.cascade import Cascade
from translate_svc.engine.scheduling.guides.retry import Retry
from translate_svc.engine.scheduling.sequence import SequenceState
from translate_svc.types import Stage


class FurtherEncodings:
    """At most one of each sequence that holds a slot, so no more than there are slots.

    ``budget_frames``: source frames of the retries that begin in one step.
    """

    def __init__(self, shares: CallerShares, budget_frames: int) -> None:
        self._shares = shares
        self._budget_frames = budget_frames
        self._cascades: dict[int, Cascade] = {}  # by job
        self._retries: dict[SequenceKey, Retry] = {}

    def __bool__(self) -> bool:
        return bool(self._cascades or self._retries)

    @property
    def callers(self) -> set[str]:
        """Those with an encoding that has not begun."""
        cascades, retries = self._cascades.values(), self._retries.values()
        return {each.caller for each in cascades} | {each.caller for each in retries}

    def add_cascade(self, cascade: Cascade) -> None:
        """Appends a transcript to those that the next step encodes."""
        self._cascades[cascade.job_id] = cascade

    def add_retry(self, retry: Retry) -> None:
        """Appends speech to that which is encoded again."""
        self._retries[retry.sequence.key] = retry

    def drop(self, sequence: SequenceState) -> None:
        """Forgets a sequence that has ended."""
        self._retries.pop(sequence.key, None)

    def take_cascades(self) -> list[Cascade]:
        """The transcripts that are encoded, unless nobody needs them any more."""
        taken = [cascade for cascade in self._cascades.values() if cascade.reader is not None]
        self._cascades.clear()
        for cascade in taken:
            self._shares.take(Stage.ENCODE, cascade.caller, len(cascade.source or ()))
        return taken

    def take_retries(self) -> list[Retry]:
        """The retries that begin: as many as fit the budget, but at least one, of callers in turns."""
        taken: list[Retry] = []
        budget = self._budget_frames
        for retry in in_turns(self._retries.values()):
            frames = source_frames(retry.source)
            if not self._shares.allows(Stage.ENCODE, retry.caller, frames):
                continue
            budget -= frames
            if taken and budget < 0:
                break
            self._shares.take(Stage.ENCODE, retry.caller, frames)
            taken.append(retry)
        for retry in taken:
            del self._retries[retry.sequence.key]
        served = {retry.caller for retry in taken}
        self._retries = dict(sorted(self._retries.items(), key=lambda item: item[1].caller in served))
        return taken
