"""A poisoned item (NaN or an exception) fails alone, in every stage and at every place of a batch."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from tests.checkpoints import EOS
from tests.engine.runner_harness import STAGES, RunnerHarness, answers, healthy_answers
from tests.step_results import decode_results, encode_results, unit_results
from tests.tiny_checkpoint import PIECE_COUNT
from translate_svc.engine.plan import (
    DecodeItem,
    EncodeItem,
    SequenceKey,
    StepPlan,
    TextToUnitItem,
)
from translate_svc.engine.step_result import ItemFailure
from translate_svc.errors import DeviceLost, InvariantViolation
from translate_svc.types import Stage


def nan_in_samples(harness: RunnerHarness, victim: int) -> None:
    poisoned = harness.samples[victim].copy()
    poisoned[5_000] = np.nan
    harness.samples = tuple(poisoned if i == victim else s for i, s in enumerate(harness.samples))


def nan_in_source(harness: RunnerHarness, victim: int) -> None:
    harness.model.cache.layers[1].cross_values[victim, :, 2] = torch.nan


def nan_in_history(harness: RunnerHarness, victim: int) -> None:
    harness.model.cache.layers[0].self_keys[victim, :, 1] = torch.inf


def nan_in_states(harness: RunnerHarness, victim: int) -> None:
    harness.model.cache.states[victim, 3] = torch.nan


def nan_in_voice(harness: RunnerHarness, victim: int) -> None:
    """In place, where captured graphs read it. The test must restore it: the runner is shared."""
    harness.model.speech.vocoder.speaker_embedding.weight[victim] = torch.nan


@functools.cache
def healthy_first_tokens() -> dict[str, int]:
    harness = RunnerHarness(fed=2)
    return {key.request_id: row[2] for key, row in zip(harness.keys, harness.tokens, strict=True)}


@pytest.mark.parametrize("victim", range(4))
@pytest.mark.parametrize(
    ("stage", "poison"),
    [
        (Stage.ENCODE, nan_in_samples),
        (Stage.DECODE, nan_in_source),
        (Stage.DECODE, nan_in_history),
        (Stage.TEXT_TO_UNIT, nan_in_states),
        (Stage.VOCODE, nan_in_voice),
    ],
)
def test_nan_fails_its_item_alone(
    stage: Stage, poison: Callable[[RunnerHarness, int], None], victim: int
) -> None:
    expected, first_tokens = healthy_answers(stage), healthy_first_tokens()
    damaged = RunnerHarness()
    voices = damaged.model.speech.vocoder.speaker_embedding.weight
    healthy_voices = voices.clone()
    with torch.no_grad():
        poison(damaged, victim)
    try:
        result = damaged.runner.execute(StepPlan.of(STAGES[stage](damaged)))
    finally:
        with torch.inference_mode():
            voices.copy_(healthy_voices)

    sequence = None if stage is Stage.ENCODE else 0
    assert result.failures == (ItemFailure(f"r{victim}", sequence, stage, "the result is not finite"),)
    found = answers(result)
    assert set(found) == set(expected) - {f"r{victim}"}
    for request_id, answer in found.items():
        np.testing.assert_allclose(answer, expected[request_id], atol=1e-5)
    if stage is Stage.ENCODE:  # the encoder states of the others are correct as well
        for position in (0, 1):
            others = [item for item in damaged.decode_items(position) if item.slot != victim]
            decoded = decode_results(damaged.run(decode=others))
        assert {each.key.request_id: each.token_id for each in decoded}.items() <= first_tokens.items()


class Texts:
    """An utterance and two texts; the second one holds a token whose embedding can be poisoned."""

    def __init__(self) -> None:
        self.harness = RunnerHarness()
        self.poisonous = PIECE_COUNT - 1
        self.items = [
            EncodeItem("speech", self.harness.samples[0], (4,), 0),
            EncodeItem("healthy", (97, 30, 40, 50, 3), (5,), 1),
            EncodeItem("poisoned", (97, 30, self.poisonous, 3), (6,), 2),
        ]

    def first_token(self, request_id: str, slot: int) -> int:
        for position, token_id in enumerate((EOS, 98)):
            item = DecodeItem(SequenceKey(request_id, 0), slot, position, (token_id,))
            (decoded,) = decode_results(self.harness.run(decode=[item]))
        return decoded.token_id


def nan_in_embedding(embedded: torch.Tensor, poisonous: torch.Tensor) -> torch.Tensor:
    return embedded.masked_fill(poisonous[:, :, None], torch.nan)


def raise_in_embedding(embedded: torch.Tensor, poisonous: torch.Tensor) -> torch.Tensor:
    if poisonous.any():
        raise RuntimeError("a caller's words")
    return embedded


@pytest.mark.parametrize(
    ("poison", "error"),
    [(nan_in_embedding, "the result is not finite"), (raise_in_embedding, "RuntimeError")],
)
def test_a_poisoned_text_fails_alone(
    poison: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    error: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = Texts()
    texts.harness.run(encode=texts.items)
    expected = texts.first_token("speech", 4), texts.first_token("healthy", 5)
    encoder = texts.harness.model.encoder
    embed = encoder.embed
    with monkeypatch.context() as patch:
        patch.setattr(encoder, "embed", lambda ids: poison(embed(ids), ids == texts.poisonous))
        result = texts.harness.runner.execute(StepPlan(encode=tuple(texts.items)))
    assert result.failures == (ItemFailure("poisoned", None, Stage.ENCODE, error),)
    assert {each.request_id for each in encode_results(result)} == {"speech", "healthy"}
    assert (texts.first_token("speech", 4), texts.first_token("healthy", 5)) == expected


@pytest.mark.parametrize("poison", [nan_in_source, nan_in_history, nan_in_states])
def test_the_next_owner_of_a_poisoned_slot_is_healthy(poison: Callable[[RunnerHarness, int], None]) -> None:
    damaged = RunnerHarness()
    with torch.no_grad():
        poison(damaged, 2)
    damaged.runner.execute(StepPlan(decode=tuple(damaged.decode_items(6))))
    newcomer, twin = SequenceKey("new", 0), SequenceKey("twin", 0)
    damaged.run(
        encode=[
            EncodeItem("new", damaged.samples[0], (2,), 0),
            EncodeItem("twin", damaged.samples[0], (6,), 1),
        ]
    )
    fed = tuple(damaged.tokens[0][:6])
    for position, token_id in enumerate(fed):
        new = decode_results(damaged.run(decode=[DecodeItem(newcomer, 2, position, (token_id,))]))[0]
        other = decode_results(damaged.run(decode=[DecodeItem(twin, 6, position, (token_id,))]))[0]
        assert new.token_id == other.token_id
        assert new.log_probability == pytest.approx(other.log_probability, abs=1e-5)
    (new_units,) = unit_results(damaged.run(text_to_unit=[TextToUnitItem(newcomer, 2, fed, "eng", 1.0)]))
    (other_units,) = unit_results(damaged.run(text_to_unit=[TextToUnitItem(twin, 6, fed, "eng", 1.0)]))
    np.testing.assert_array_equal(new_units.units, other_units.units)


@pytest.mark.parametrize("stage", list(Stage))
def test_an_item_that_raises_fails_alone(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    harness = RunnerHarness()
    speaks = stage in (Stage.TEXT_TO_UNIT, Stage.VOCODE)
    owner: Any = harness.model.speech if speaks else harness.model
    compute = getattr(owner, stage.value)
    calls = []

    def raising(*args: Any, **kwargs: Any) -> Any:
        items = args[0].slots if stage is Stage.DECODE else args[0]
        calls.append(len(items))
        if any(failing(each) for each in items):
            raise RuntimeError("a caller's words")
        return compute(*args, **kwargs)

    def failing(each: Any) -> bool:
        if stage is Stage.ENCODE:
            return each is harness.samples[1]
        slots = {Stage.DECODE: each, Stage.TEXT_TO_UNIT: getattr(each, "slot", None)}
        return slots.get(stage) == 1 or (stage is Stage.VOCODE and each.speaker_id == 1)

    monkeypatch.setattr(owner, stage.value, raising)
    result = harness.runner.execute(StepPlan.of(STAGES[stage](harness)))
    assert [failure.request_id for failure in result.failures] == ["r1"]
    assert result.failures[0].error == "RuntimeError", "messages may quote a caller"
    assert set(answers(result)) == {"r0", "r2", "r3"}
    assert calls == [4, 2, 1, 1, 2]


@pytest.mark.parametrize(
    "error", [torch.AcceleratorError("gone"), RuntimeError("CUDA error: an illegal address")]
)
def test_a_lost_device_fails_no_single_item(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    harness = RunnerHarness()

    def lost(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(harness.model, "decode", lost)
    with pytest.raises(DeviceLost):
        harness.runner.execute(StepPlan(decode=tuple(harness.decode_items(6))))


def test_a_broken_invariant_fails_no_single_item(monkeypatch: pytest.MonkeyPatch) -> None:
    harness = RunnerHarness()
    calls = []

    def broken(*_: Any, **__: Any) -> Any:
        calls.append(1)
        raise InvariantViolation("a rule")

    monkeypatch.setattr(harness.model, "decode", broken)
    with pytest.raises(InvariantViolation, match="a rule"):
        harness.runner.execute(StepPlan(decode=tuple(harness.decode_items(6))))
    assert len(calls) == 1, "the runner does not search for a failing item"


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("[enforce fail] . DefaultCPUAllocator: can't allocate memory: you tried to allocate 9"),
    ],
)
def test_an_item_for_which_the_memory_never_suffices_fails_alone(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the device or of the host. The memory is freed each time before less is tried."""
    harness = RunnerHarness()
    expected = healthy_answers(Stage.ENCODE)
    compute, calls, freed = harness.model.encode, list[int](), list[int]()

    def short(waveforms: Any, *args: Any) -> Any:
        calls.append(len(waveforms))
        if any(each is harness.samples[1] for each in waveforms):
            raise error
        return compute(waveforms, *args)

    monkeypatch.setattr(harness.model, "encode", short)
    monkeypatch.setattr(harness.model, "free_memory", lambda: freed.append(len(calls)))
    result = harness.runner.execute(StepPlan(encode=tuple(harness.encode_items())))
    assert [each.request_id for each in result.failures] == ["r1"]
    found = answers(result)
    assert set(found) == {"r0", "r2", "r3"}
    for request_id, answer in found.items():
        assert answer == expected[request_id]
    assert calls == [4, 2, 1, 1, 2]
    assert freed == [1, 2], "after the batch of four, and after that of two"
