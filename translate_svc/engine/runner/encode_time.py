"""Limits the time that a step may encode. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from translate_svc.engine.plan import PlanItem, StepPlan, TextToUnitItem, VocodeItem
from translate_svc.types import Stage

_SPEECH = (Stage.TEXT_TO_UNIT, Stage.VOCODE)


class EncodeTime:
    """Limits the time of encodings. An encoding that is not done continues in the next step.

    An encoding delays the texts of its step, so it gets little time in each step:

    * In a step that decodes it gets as many decode steps as the plan says. The estimate is that a decode step
      takes as long as the last one.
    * In a step that also makes speech the texts wait for the speech anyway. There it gets as long as the
      speech takes, if that is more. Otherwise all speech that waits would be made before an encoding ends: a
      step with speech takes many times as long as a decode step.
    * In a step that does not decode it has no limit.
    * Where only texts of a caller over its share would wait for it, it gets the milliseconds of the plan,
      and no more without texts.
    """

    def __init__(self) -> None:
        self._decode_s = 0.0
        self._part_s = dict.fromkeys(_SPEECH, 0.0)  # of a token or a unit

    def observe(self, stage: Stage, items: Sequence[PlanItem], duration_s: float) -> None:
        """Records that ``stage`` took ``duration_s`` seconds for ``items`` in one step."""
        if stage is Stage.DECODE:
            self._decode_s = duration_s
        elif stage in _SPEECH:
            self._part_s[stage] = duration_s / max(1, _parts(items))

    def seconds(self, plan: StepPlan) -> float:
        """The seconds that the encodings of ``plan`` may take in its step. Infinite without decode items."""
        if not plan.decode:
            return plan.encode_ms / 1000 or math.inf
        speech_s = sum(self._part_s[stage] * _parts(plan.items(stage)) for stage in _SPEECH)
        return max(plan.encode_steps * self._decode_s, speech_s, plan.encode_ms / 1000)


def _parts(items: Sequence[PlanItem]) -> int:
    """Number of tokens in TEXT_TO_UNIT items and of units in VOCODE items."""
    parts = 0
    for item in items:
        match item:
            case TextToUnitItem():
                parts += item.computed_tokens
            case VocodeItem():
                parts += item.end_unit - item.start_unit
    return parts
