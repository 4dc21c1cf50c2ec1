"""The transcript of a request as a second source of its translations, which are already being decoded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from translate_svc.engine.plan import EncodeItem
from translate_svc.types import Stage

if TYPE_CHECKING:
    from translate_svc.engine.scheduling.sequence import SequenceState


@dataclass(slots=True, eq=False)
class Cascade:
    """The translations read the transcript one after another, all in the slot that the transcript had. So a
    request takes no more slots than without. Mutable; the scheduler owns it.

    Attributes:
        job_id: as that of ``RequestState``.
        transcript: the sequence whose text it is.
        sequences: the translations.
        source: its tokens; None until it has ended.
        is_sure: so is the model of each of its tokens.
        is_over: there will be none.
        holder: the translation that has the slot, as its last one.
        reader: the translation whose turn it is. It is the holder.
        is_encoded: the slot holds the source, for the reader.
        waiting: translations that wait for their turn.
        echoes: those in the language of the transcript, which wait for its text alone.
    """

    job_id: int
    transcript: SequenceState
    sequences: tuple[SequenceState, ...]
    source: tuple[int, ...] | None = None
    is_sure: bool = False
    is_over: bool = False
    holder: SequenceState | None = None
    reader: SequenceState | None = None
    is_encoded: bool = False
    waiting: list[SequenceState] = field(default_factory=list)
    echoes: list[SequenceState] = field(default_factory=list)

    @property
    def caller(self) -> str:
        """Who asks."""
        return self.transcript.caller

    @property
    def terminal(self) -> bool:
        """All translations have ended."""
        return all(sequence.terminal for sequence in self.sequences)

    def heir(self, giver: SequenceState) -> SequenceState | None:
        """Who gets the slot from ``giver``: one that waits, or may still."""
        others = [each for each in self.sequences if each is not giver and each.phase is Stage.DECODE]
        return next((each for each in others if each in self.waiting), next(iter(others), None))

    def encode_item(self) -> EncodeItem:
        """The item that encodes the source for the reader."""
        assert self.source is not None, "the transcript has ended"
        assert self.reader is not None, "it is somebody's turn"
        request_id, place = self.reader.key
        return EncodeItem(request_id, self.source, self.reader.slots[-1:], self.job_id, sequences=(place,))

    def end(self) -> list[SequenceState]:
        """There will be no source. Returns the translations that waited for their turn."""
        self.is_over = True
        waiting, self.waiting = self.waiting, []
        if self.reader is not None:
            waiting.append(self.reader)
            self.reader = None
        return waiting
