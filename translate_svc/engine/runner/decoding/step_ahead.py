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
import itertools
from collections.abc import Callable, Sequence

import numpy as np

from translate_svc.engine.constraint import UNCONSTRAINED
from translate_svc.engine.plan import DecodeItem
from translate_svc.engine.runner.decoding.constraint_biases import ConstraintBiases
from translate_svc.engine.step_result import DecodeResult
from translate_svc.errors import EngineError
from translate_svc.models.decoded_step import DecodedStep
from translate_svc.models.runs import CHOSEN
from translate_svc.models.speech_model import CapturedSteps


def are_followed(items: Sequence[DecodeItem]) -> bool:
    """Whether the items after ``items`` are known before the results are: one token more, unconstrained.

    A constraint at the beginning of a text is for its first token. A later one, and one with a group, comes
    again. Beams are chosen from candidates.
    """
    return not any(
        item.candidates
        or (
            item.constraint is not UNCONSTRAINED and (item.position or item.constraint.group_from is not None)
        )
        for item in items
    )


class StepAhead:
    """Feeds the tokens that were chosen after ``items``. These were launched, and nothing waits.

    Args:
        captured: launches it.
        items: as they are followed, see ``are_followed``.
        biases: the rows of ``items`` are freed.
    """

    def __init__(
        self, captured: CapturedSteps, items: Sequence[DecodeItem], biases: ConstraintBiases
    ) -> None:
        ends = [item.position + len(item.token_ids) + len(item.speculative_token_ids) for item in items]
        # a text whose slot is full ends, and so does one that is scored
        self._follows = [
            end < captured.max_tokens and not item.is_given for item, end in zip(items, ends, strict=True)
        ]
        if not all(self._follows):
            items = [*itertools.compress(items, self._follows)]
            ends = [*itertools.compress(ends, self._follows)]
        self._items, slots = items, [item.slot for item in items]
        for slot in biases.constrained_slots & set(slots) if biases.constrained_slots else ():
            biases.apply(slot, UNCONSTRAINED)
        self._places: dict[tuple[int, int, int], int] = {}
        chosen = np.full(len(slots), CHOSEN)
        self._launched = captured.launch(np.array(slots), np.array(ends), chosen) if slots else None

    def note_fed(self, outcomes: Sequence[DecodeResult | EngineError]) -> None:
        """Takes the results of ``items``, which say what the step feeds. Call it before ``find``."""
        results = itertools.compress(outcomes, self._follows)
        self._places = {
            (item.slot, item.position + len(item.token_ids) + len(result.accepted), result.token_id): place
            for place, (item, result) in enumerate(zip(self._items, results, strict=True))
            if isinstance(result, DecodeResult)
        }

    def find(self, items: Sequence[DecodeItem]) -> Callable[..., DecodedStep] | None:
        """``LaunchedStep.result`` for ``items``, which are steps without a constraint. None if this step does
        not feed just what they say.
        """
        if self._launched is None:
            return None
        find = self._places.get
        places = [find((item.slot, item.position, item.token_ids[0]), -1) for item in items]
        return None if -1 in places else functools.partial(self._launched.result, places)
