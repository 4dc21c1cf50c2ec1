"""The next decode step, given to the device before the host has read the tokens that it feeds.

So the device computes while the host reads results, tells events and plans. A step that is launched ahead
holds a row for every text of the plan before it. Where a text ended with that plan, nobody asks for its row:
this costs a token that nobody sees. Its slot may get another owner at once. The device does its work in
order, so an encoding that clears the slot comes after the step that still writes to it.

A result is what feeding these tokens at these positions gives, and is used for nothing else. So it does not
depend on whether a step was launched ahead.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from translate_svc.engine.constraint import UNCONSTRAINED
from translate_svc.engine.plan import DecodeItem, DecodeResult
from translate_svc.engine.runner.decoding.constraint_biases import ConstraintBiases
from translate_svc.errors import EngineError
from translate_svc.models.decoded_step import DecodedStep
from translate_svc.models.runs import CHOSEN, Runs
from translate_svc.models.speech_model import CapturedSteps


def is_followed(item: DecodeItem) -> bool:
    """Whether the item after this one is known before the result is: one token more, without a constraint."""
    return item.constraint is UNCONSTRAINED and not item.speculative_token_ids and not item.scores_given_text


class StepAhead:
    """Feeds the tokens that were chosen after ``items``. These were launched, and nothing waits.

    Args:
        captured: launches it.
        items: as they are followed, see ``is_followed``.
        biases: the rows of ``items`` are freed.
    """

    def __init__(
        self, captured: CapturedSteps, items: Sequence[DecodeItem], biases: ConstraintBiases
    ) -> None:
        ends = [item.position + len(item.token_ids) for item in items]
        fitting = [index for index, end in enumerate(ends) if end < captured.max_tokens]
        self._items = fitting
        self._slots = [items[index].slot for index in fitting]
        self._positions = [ends[index] for index in fitting]
        self._places: dict[tuple[int, int, int], int] = {}
        for slot in biases.constrained_slots & set(self._slots):
            biases.apply(slot, UNCONSTRAINED)
        runs = Runs.steps(self._slots, self._positions, [CHOSEN] * len(fitting))
        self._launched = captured.launch(runs) if fitting else None

    def note_fed(self, outcomes: Sequence[DecodeResult | EngineError]) -> None:
        """Takes the results of ``items``, which say what the step feeds. Call it before ``find``."""
        results = [outcomes[index] for index in self._items]
        fed = [each.token_id if isinstance(each, DecodeResult) else CHOSEN for each in results]
        self._places = dict(
            zip(zip(self._slots, self._positions, fed, strict=True), range(len(fed)), strict=True)
        )

    def find(self, items: Sequence[DecodeItem]) -> Callable[[], DecodedStep] | None:
        """What waits for the step of ``items``, which are steps without a constraint. None if this step does
        not feed just what they say.
        """
        if self._launched is None:
            return None
        find = self._places.get
        places = [find((item.slot, item.position, item.token_ids[0]), -1) for item in items]
        return None if -1 in places else functools.partial(self._launched.result, places)
