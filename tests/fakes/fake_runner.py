"""A fake runner without torch. Its model is a table, and it checks the plans of the scheduler.

A result depends on the request's source and the target language alone, as a real model's result must. The
runner checks every assumption of a plan about its caches. So a scheduler that confuses slots, skips a
position or splits speech wrongly causes an ``AssertionError``.

    def model(source: EncoderSource, sequence: int) -> FakeTranslation:
        return FakeTranslation(token_ids=(7, 8), units=60)

    core = EngineCore(Scheduler(EngineLimits(), FakeTokenizer()), FakeRunner(model))
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tests.fakes.fake_tokenizer import PROMPT_TOKENS
from translate_svc.engine.plan import (
    BeamItem,
    DecodeItem,
    EncodeItem,
    PlanItem,
    SequenceKey,
    StepPlan,
    TextToUnitItem,
    VocodeItem,
)
from translate_svc.engine.step_result import (
    DecodeResult,
    EncodeResult,
    EncodeUnfinished,
    ItemFailure,
    StageReport,
    StageResult,
    StepResult,
    TextToUnitResult,
    VocodeResult,
)
from translate_svc.types import SAMPLES_PER_UNIT, EncoderSource, Samples, Stage

FRAME_SAMPLES = 2_560
"""Of an encoder frame."""


@dataclass(frozen=True, slots=True)
class FakeTranslation:
    """The output of the fake model: the tokens (without prompt and end) and the number of units.

    ``fails_at``: the stage whose item fails, or None. ``encode_steps``: the least number of steps that the
    encoding of its request takes. Of a hypothesis, ``token_ids`` begin with its history, and ``units``
    are those of each token.
    """

    token_ids: tuple[int, ...]
    units: int
    fails_at: Stage | None = None
    encode_steps: int = 1


Model = Callable[[EncoderSource, int], FakeTranslation]
"""Maps a request's source and a sequence index to the output of that sequence."""


def units_of(token_ids: tuple[int, ...], count: int) -> npt.NDArray[np.int64]:
    """The units of a text, prompt included. All units differ, so that a test detects a misplaced one."""
    return np.arange(count, dtype=np.int64) * 31 + sum(token_ids)


def waveform_of(units: npt.NDArray[np.int64]) -> Samples:
    """The speech of ``units``: each unit becomes 320 samples of its value."""
    return np.repeat(units, SAMPLES_PER_UNIT).astype(np.float32)


@dataclass(slots=True)
class _Slot:
    key: SequenceKey
    source: EncoderSource
    fed: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _Speech:
    """``next_unit``: where the next piece begins; of a hypothesis None until the first one."""

    last_piece_fails: bool
    first_piece_fails: bool = False
    next_unit: int | None = 0


class FakeRunner:
    """Executes plans by ``model``.

    ``stage_s``: seconds of real time that each stage of a step takes. ``before_execute`` is called with every
    plan and may raise what a runner may raise. ``plans`` holds all executed plans.
    """

    def __init__(
        self,
        model: Model,
        *,
        eos_token_id: int = 3,
        stage_s: float = 0.0,
        before_execute: Callable[[StepPlan], None] | None = None,
    ) -> None:
        self._model = model
        self._eos_token_id = eos_token_id
        self._stage_s = stage_s
        self._before_execute = before_execute
        self._slots: dict[int, _Slot] = {}
        self._speeches: dict[SequenceKey, _Speech] = {}  # longer-lived than their slots
        self._encodings: dict[int, int] = {}  # unfinished ones: job id to steps so far
        self.plans: list[StepPlan] = []

    def execute(self, plan: StepPlan) -> StepResult:
        """Implements ``translate_svc.engine.core.Runner``."""
        assert plan, "an empty plan is executed"
        self.plans.append(plan)
        if self._before_execute is not None:
            self._before_execute(plan)
        self._check_slots_used_once(plan)
        self._check_unfinished_encodings(plan)
        failures: list[ItemFailure] = []
        stages: list[StageReport] = []
        for stage in Stage:
            items = plan.items(stage)
            if items:
                started_s = time.monotonic()
                if self._stage_s:
                    time.sleep(self._stage_s)
                stages.append(StageReport(stage, 1.0, len(items), started_s))
        answers = [self._answer(item, failures) for stage in Stage for item in plan.items(stage)]
        return StepResult(tuple(filter(None, answers)), tuple(failures), tuple(stages))

    def _answer(self, item: PlanItem, failures: list[ItemFailure]) -> StageResult | None:
        match item:
            case EncodeItem():
                return self._encode(item, failures)
            case DecodeItem():
                return self._decode(item, failures)
            case BeamItem():
                raise AssertionError("the fake model has no candidates; use the toy family")
            case TextToUnitItem():
                return self._to_units(item, failures)
            case VocodeItem():
                return self._vocode(item, failures)

    @staticmethod
    def _check_slots_used_once(plan: StepPlan) -> None:
        used = [slot for item in plan.encode for slot in item.slots]
        used += [item.slot for item in plan.decode] + [item.slot for item in plan.text_to_unit]
        assert len(used) == len(set(used)), "two sequences use one slot in one step"

    def _check_unfinished_encodings(self, plan: StepPlan) -> None:
        """Also drops the encodings that the plan leaves out."""
        planned = {item.job_id for item in plan.encode}
        unfinished = {job_id: steps for job_id, steps in self._encodings.items() if job_id in planned}
        assert not unfinished or len(unfinished) == len(plan.encode), (
            "an encoding starts beside one that continues"
        )
        self._encodings = unfinished

    def _encode(
        self, item: EncodeItem, failures: list[ItemFailure]
    ) -> EncodeResult | EncodeUnfinished | None:
        keys = [SequenceKey(item.request_id, index) for index in range(len(item.slots))]
        steps = self._encodings.pop(item.job_id, 0) + 1
        if steps < max(self._model(item.source, key.sequence).encode_steps for key in keys):
            self._encodings[item.job_id] = steps
            return EncodeUnfinished(item.request_id)
        for key, slot in zip(keys, item.slots, strict=True):
            self._slots[slot] = _Slot(key, item.source)
        if any(self._model(item.source, key.sequence).fails_at is Stage.ENCODE for key in keys):
            failures.append(ItemFailure(item.request_id, None, Stage.ENCODE, "poisoned"))
            return None
        return EncodeResult(item.request_id, -(-len(item.source) // FRAME_SAMPLES))

    def _held(self, key: SequenceKey, slot: int) -> _Slot:
        held = self._slots[slot]
        assert held.key == key, "a sequence uses a slot that it was not encoded into"
        return held

    def _decode(self, item: DecodeItem, failures: list[ItemFailure]) -> DecodeResult | None:
        held = self._held(item.key, item.slot)
        assert item.position == len(held.fed), "positions of a slot must be fed in order"
        held.fed.extend(item.token_ids)
        translation = self._model(held.source, item.key.sequence)
        expected = (*translation.token_ids, self._eos_token_id)
        last = len(held.fed) - 1
        assert held.fed[0] == self._eos_token_id, "the prompt comes first"
        predicted_tokens = list(expected[: last + 1 - PROMPT_TOKENS])
        assert held.fed[PROMPT_TOKENS:] == predicted_tokens, "a token is fed that was not predicted"
        if (
            translation.fails_at is Stage.DECODE
            and item.position <= 1 + len(translation.token_ids) // 2 <= last
        ):
            failures.append(ItemFailure(*item.key, Stage.DECODE, "poisoned"))
            return None
        # As in the real model, the prediction of position 0 is meaningless and must not be used.
        predicted = expected[last - 1] if last else expected[0] + 1
        attention = self._attention(held.source, item) if item.return_attention else None
        return DecodeResult(
            item.key, predicted, -0.5, last * 160 if item.return_source_ms else None, attention
        )

    @staticmethod
    def _attention(source: EncoderSource, item: DecodeItem) -> npt.NDArray[np.float32]:
        """The token at position p attends to frame p, and those after the end to the last one."""
        frames = -(-len(source) // FRAME_SAMPLES)
        places = np.minimum(np.arange(len(item.token_ids)) + item.position, frames - 1)
        return np.eye(frames, dtype=np.float32)[places]

    def _to_units(self, item: TextToUnitItem, failures: list[ItemFailure]) -> TextToUnitResult | None:
        held = self._held(item.key, item.slot)
        fed = tuple(held.fed)[: len(item.token_ids) if item.context_tokens else None]
        assert item.token_ids == fed, "T2U reads the hidden states of exactly the fed tokens"
        translation = self._model(held.source, item.key.sequence)
        if translation.fails_at is Stage.TEXT_TO_UNIT:
            failures.append(ItemFailure(*item.key, Stage.TEXT_TO_UNIT, "poisoned"))
            return None
        fails = translation.fails_at is Stage.VOCODE
        if item.context_tokens:
            new = item.token_ids[item.context_tokens : len(item.token_ids) - item.lookahead_tokens]
            self._speeches[item.key] = _Speech(fails, first_piece_fails=fails, next_unit=None)
            return TextToUnitResult(
                item.key, units_of(new, translation.units * len(new)), (), (translation.units,) * len(new)
            )
        units = units_of(item.token_ids, translation.units)
        self._speeches[item.key] = _Speech(fails)
        return TextToUnitResult(item.key, units, (translation.units,))

    def _vocode(self, item: VocodeItem, failures: list[ItemFailure]) -> VocodeResult | None:
        # a hypothesis without new text voices what has waited
        speech = self._speeches.setdefault(item.key, _Speech(False, next_unit=None))
        assert speech.next_unit in (item.start_unit, None), "pieces of a speech must follow each other"
        assert item.start_unit < item.end_unit <= len(item.units), "a piece must lie within its speech"
        speech.next_unit = item.end_unit
        if speech.first_piece_fails or (speech.last_piece_fails and item.end_unit == len(item.units)):
            failures.append(ItemFailure(*item.key, Stage.VOCODE, "poisoned"))
            return None
        return VocodeResult(item.key, waveform_of(item.units[item.start_unit : item.end_unit]))
