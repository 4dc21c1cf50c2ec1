"""Four running sequences in one runner of the tiny checkpoint, and their items for each stage."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tests.checkpoints import EOS, LIMITS, checkpoint_folder, new_model, utterances
from tests.step_results import decode_results, encode_results, unit_results, vocode_results
from translate_svc.engine.plan import (
    DecodeItem,
    EncodeItem,
    PlanItem,
    SequenceKey,
    StepPlan,
    TextToUnitItem,
    VocodeItem,
)
from translate_svc.engine.runner.model_runner import ModelRunner
from translate_svc.engine.step_result import EncodeResult, StepResult
from translate_svc.models.checkpoint.checkpoint import Checkpoint
from translate_svc.models.seamless.seamless_model import SeamlessModel
from translate_svc.types import Stage


@functools.cache
def shared_model() -> SeamlessModel:
    """The model of ``shared_runner``."""
    return new_model("tiny")


@functools.cache
def shared_runner() -> ModelRunner:
    """One runner for all tests that encode again: an encoding clears its slots, which has its own tests."""
    return ModelRunner(shared_model(), LIMITS)


@functools.cache
def text_languages() -> dict[str, int]:
    return dict(Checkpoint.open(checkpoint_folder("tiny")).maps.text_languages)


class RunnerHarness:
    """Four sequences in slots 0 to 3. Each was fed ``fed`` tokens of its own translation.

    ``runner`` and its ``model``: by default those that all tests share.
    """

    def __init__(
        self, fed: int = 6, runner: ModelRunner | None = None, model: SeamlessModel | None = None
    ) -> None:
        self.runner = runner or shared_runner()
        self.model = model or shared_model()
        self.samples = utterances("tiny")[:4]
        self.keys = [SequenceKey(f"r{slot}", 0) for slot in range(4)]
        self.tokens: list[list[int]] = [[EOS, text_languages()["eng"]] for _ in range(4)]
        self.run(encode=self.encode_items())
        for position in range(fed):
            decoded = decode_results(self.run(decode=self.decode_items(position)))
            for row, each in zip(self.tokens, decoded, strict=True):
                if position >= 1:
                    row.append(each.token_id)

    def run(self, **items: Any) -> StepResult:
        stages: dict[str, Any] = {stage: tuple(each) for stage, each in items.items()}
        result = self.runner.execute(StepPlan(**stages))
        assert not result.failures
        return result

    def encode_items(self) -> list[EncodeItem]:
        return [
            EncodeItem(key.request_id, samples, (slot,), slot)
            for slot, (key, samples) in enumerate(zip(self.keys, self.samples, strict=True))
        ]

    def decode_items(self, position: int) -> list[DecodeItem]:
        return [
            DecodeItem(key, slot, position, (self.tokens[slot][position],))
            for slot, key in enumerate(self.keys)
        ]

    def text_to_unit_items(self, fed: int) -> list[TextToUnitItem]:
        return [
            TextToUnitItem(key, slot, tuple(self.tokens[slot][:fed]), "eng", 1.0)
            for slot, key in enumerate(self.keys)
        ]

    def vocode_items(self) -> list[VocodeItem]:
        rng = np.random.default_rng(0)
        return [
            VocodeItem(key, rng.integers(0, 60, 12 + slot // 2), 0, 12, "eng", slot)
            for slot, key in enumerate(self.keys)
        ]


def encoded(result: StepResult) -> list[EncodeResult]:
    """The encode results, all of them finished."""
    finished = [each for each in encode_results(result) if isinstance(each, EncodeResult)]
    assert len(finished) == len(encode_results(result))
    return finished


def answers(result: StepResult) -> dict[str, Any]:
    """Every answer by request id, in a comparable form."""
    found: dict[str, Any] = {each.request_id: each.encoder_frames for each in encoded(result)}
    found |= {each.key.request_id: (each.token_id, each.log_probability) for each in decode_results(result)}
    found |= {each.key.request_id: each.units for each in unit_results(result)}
    found |= {each.key.request_id: each.samples for each in vocode_results(result)}
    return found


STAGES: dict[Stage, Callable[[RunnerHarness], Sequence[PlanItem]]] = {
    Stage.ENCODE: lambda harness: harness.encode_items(),
    Stage.DECODE: lambda harness: harness.decode_items(6),
    Stage.TEXT_TO_UNIT: lambda harness: harness.text_to_unit_items(6),
    Stage.VOCODE: lambda harness: harness.vocode_items(),
}


@functools.cache
def healthy_answers(stage: Stage) -> dict[str, Any]:
    harness = RunnerHarness()
    return answers(harness.run(**{stage.value: STAGES[stage](harness)}))
