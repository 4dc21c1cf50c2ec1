"""Speech that is encoded again for one text, at another speed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from translate_svc.engine.plan import EncodeItem, ItemKey
from translate_svc.types import Samples

if TYPE_CHECKING:
    from translate_svc.engine.scheduling.sequence import SequenceState


@dataclass(slots=True, eq=False)
class Retry:
    """One encoding into the slot of a sequence whose text has ended.

    Attributes:
        job_id: as that of ``RequestState``.
        source: the speech, as it was given.
        speed: as in ``EncodeItem``.
        has_failed: it could not be encoded.
    """

    job_id: int
    sequence: SequenceState
    source: Samples
    speed: float
    has_failed: bool = False

    @property
    def key(self) -> ItemKey:
        """Of its sequence: no other encoding has it."""
        return self.sequence.key

    @property
    def caller(self) -> str:
        """Who asks."""
        return self.sequence.caller

    @property
    def terminal(self) -> bool:
        """Nobody waits for it any more."""
        return self.sequence.terminal

    def encode_item(self) -> EncodeItem:
        """The item that encodes the speech for the sequence. Its job id is the same in every step."""
        request_id, place = self.sequence.key
        slots = (self.sequence.held_slot,)
        return EncodeItem(request_id, self.source, slots, self.job_id, sequences=(place,), speed=self.speed)
