"""Settings as they were negotiated. Plain data."""

from __future__ import annotations

from dataclasses import dataclass

from translate_svc.confidence import UNCALIBRATED, ConfidenceRule
from translate_svc.engine.relative_cost import relative_cost
from translate_svc.session.settings.planned_sequence import PlannedSequence
from translate_svc.session.simultaneous_options import SimultaneousOptions
from translate_svc.types import AUTO, StreamSettings
from translate_svc.vad.options import VadOptions


@dataclass(frozen=True, slots=True)
class Negotiated:
    """Settings with every default filled in and languages as Seamless codes, and the sequences they ask for.

    The transcript is the last sequence, its target the source language.
    """

    settings: StreamSettings
    vad: VadOptions
    sequences: tuple[PlannedSequence, ...]
    simultaneous: SimultaneousOptions | None = None
    confidence: ConfidenceRule = UNCALIBRATED
    detected: tuple[str, ...] = ()
    """Languages that the model can tell by their sound."""

    @property
    def relative_cost(self) -> float:
        """What a second of speech costs the engine beside one with a single text."""
        specs = [plan.spec for plan in self.sequences]
        return relative_cost(specs, is_growing=self.simultaneous is not None)

    @property
    def detects_language(self) -> bool:
        """Whether the language of each utterance is found out."""
        return self.settings.source_language == AUTO

    def asks_the_same_language(self, other: Negotiated) -> bool:
        """Whether a language that was heard with ``other`` counts: the same is named, or the same may be."""
        asked, before = self.settings, other.settings
        same_candidates = asked.source_candidates == before.source_candidates
        return asked.source_language == before.source_language and same_candidates

    @property
    def transcript(self) -> int | None:
        """The index of the transcript, in which terms are looked for; None without one."""
        last = len(self.sequences) - 1
        return last if self.sequences and self.sequences[last].is_transcript else None

    @property
    def witness(self) -> int | None:
        """The index of the transcript that the confidence in translations goes by, shown or not; None without
        one. In simultaneous translation one that is not shown is made anew each time, and does not count.
        """
        is_shown = self.transcript is not None and not self.sequences[self.transcript].is_hidden
        return self.transcript if is_shown or self.simultaneous is None else None
