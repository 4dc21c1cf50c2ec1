"""What leads a sequence when its text has ended, with passes of its own."""

from __future__ import annotations

import abc
import enum
from collections.abc import Sequence
from typing import TYPE_CHECKING

from translate_svc.engine.plan import BeamItem, DecodeItem
from translate_svc.engine.step_result import DecodeResult

if TYPE_CHECKING:
    from translate_svc.engine.scheduling.guides.cascade import Cascade
    from translate_svc.engine.scheduling.guides.retry import Retry
    from translate_svc.engine.scheduling.sequence import SequenceState


class Ended(enum.Enum):
    """What follows the end of a text."""

    FINISHED = "finished"
    GOES_ON = "goes_on"
    """More passes are needed."""
    WAITS = "waits"
    """For the text of another sequence."""
    RETRIES = "retries"
    """Its source is encoded again, as ``Guide.retry`` says."""


class Guide(abc.ABC):
    """Of one sequence, with passes of its own when the text has ended."""

    def item(self, sequence: SequenceState) -> DecodeItem | BeamItem:
        """What is fed next."""
        return sequence.decode_item()

    def begin_run(self, decoded: DecodeResult) -> bool:
        """Takes what a pass says of its whole run. Returns whether no token of it counts."""
        return False

    def source_ms(self, place: int) -> int | None:
        """The source time of an accepted token of the run."""
        return None

    def mark(self, place: int, sequence: SequenceState) -> None:  # noqa: B027 - most have none
        """Says of the accepted token, which was just added, whether it is given."""

    @property
    def continues(self) -> bool:
        """Whether more tokens are known, so that the one after the run does not count."""
        return False

    @abc.abstractmethod
    def ended(self, sequence: SequenceState) -> Ended:
        """The text has ended for now: what follows?"""

    def close(self) -> list[SequenceState]:
        """The text has ended, or there is none. Returns the sequences that need not wait for it any more."""
        return []

    @property
    def cascade(self) -> Cascade | None:
        """That of the request, if it has one."""
        return None

    @property
    def retry(self) -> Retry | None:
        """What is encoded next, after ``Ended.RETRIES``."""
        return None


def chained(first: Guide | None, then: Guide) -> Guide:
    """A guide that does what ``first`` does, if there is one, and what ``then`` does after it."""
    return then if first is None else GuideChain((first, then))


class GuideChain(Guide):
    """Several guides of one sequence, of which each begins when the one before has finished."""

    def __init__(self, guides: Sequence[Guide]) -> None:
        self._guides = tuple(guides)
        self._place = 0

    def item(self, sequence: SequenceState) -> DecodeItem | BeamItem:
        """That of the guide whose turn it is."""
        return self._guides[self._place].item(sequence)

    def begin_run(self, decoded: DecodeResult) -> bool:
        """As ``item``."""
        return self._guides[self._place].begin_run(decoded)

    def source_ms(self, place: int) -> int | None:
        """As ``item``."""
        return self._guides[self._place].source_ms(place)

    def mark(self, place: int, sequence: SequenceState) -> None:
        """As ``item``."""
        self._guides[self._place].mark(place, sequence)

    @property
    def continues(self) -> bool:
        """As ``item``."""
        return self._guides[self._place].continues

    def ended(self, sequence: SequenceState) -> Ended:
        """Finished when all are."""
        while True:
            ended = self._guides[self._place].ended(sequence)
            if ended is not Ended.FINISHED or self._place == len(self._guides) - 1:
                return ended
            self._place += 1

    def close(self) -> list[SequenceState]:
        """Those of all."""
        return [sequence for guide in self._guides for sequence in guide.close()]

    @property
    def cascade(self) -> Cascade | None:
        """At most one of the guides has one."""
        return next((guide.cascade for guide in self._guides if guide.cascade is not None), None)

    @property
    def retry(self) -> Retry | None:
        """As ``item``."""
        return self._guides[self._place].retry
