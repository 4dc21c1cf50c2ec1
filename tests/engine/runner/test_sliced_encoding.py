"""An encoding that takes several steps, on real modules: same states, and texts continue meanwhile.

Time is virtual: it advances with every slice and every decode step, and at no other time.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.checkpoints import EOS, LIMITS, new_model
from tests.engine.runner_harness import RunnerHarness, answers, text_languages
from tests.step_results import decode_results, encode_results
from translate_svc.engine.plan import (
    DecodeItem,
    EncodeItem,
    SequenceKey,
    StepPlan,
)
from translate_svc.engine.runner.encode_batch import EncodeBatch
from translate_svc.engine.runner.model_runner import ModelRunner
from translate_svc.engine.step_result import EncodeResult, EncodeUnfinished, StepResult
from translate_svc.models.seamless.seamless_model import SeamlessModel
from translate_svc.models.seamless.speech import SeamlessSpeech
from translate_svc.models.slices import Passed
from translate_svc.types import Stage

FED = 2
LAST = 14
NEW = SequenceKey("new", 0)
SLICE_S = 1.0
DECODE_S = 4.0
ONE_SLICE = 0
"""Value of ``encode_steps`` without any time. One slice is computed all the same."""
JOB_IDS = itertools.count(100)


class VirtualClock:
    """A clock that tests advance. ``decode_s``: seconds of every decode step."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.decode_s = DECODE_S

    def __call__(self) -> float:
        return self.now_s


CLOCK = VirtualClock()


@functools.cache
def in_virtual_time() -> tuple[ModelRunner, SeamlessModel]:
    # a graph would be one slice
    return ModelRunner(model := new_model("tiny"), LIMITS, clock=CLOCK, graphs=False), model


@pytest.fixture
def virtual_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the model's slices and decode steps advance the clock. The device is never behind."""
    encode, decode = SeamlessModel.encode, SeamlessModel.decode

    def slow_encode(*args: Any) -> Iterator[None]:
        slices = encode(*args)
        while True:
            CLOCK.now_s += SLICE_S
            try:
                next(slices)
            except StopIteration as done:
                return done.value  # type: ignore[no-any-return]
            yield

    def slow_decode(*args: Any, **options: Any) -> Any:
        CLOCK.now_s += CLOCK.decode_s
        return decode(*args, **options)

    monkeypatch.setattr(SeamlessModel, "encode", slow_encode)
    monkeypatch.setattr(SeamlessModel, "decode", slow_decode)
    monkeypatch.setattr(SeamlessModel, "record_event", lambda _model: Passed())


@pytest.fixture
def harness(virtual_time: None) -> RunnerHarness:
    return new_harness()


def new_harness() -> RunnerHarness:
    """A harness whose slots 0 to 2 decode."""
    return RunnerHarness(FED, *in_virtual_time())


def item_of(
    harness: RunnerHarness, key: SequenceKey = NEW, row: int = 3, slots: tuple[int, ...] = (3,)
) -> EncodeItem:
    return EncodeItem(key.request_id, harness.samples[row], slots, next(JOB_IDS))


def step(
    harness: RunnerHarness, encode: tuple[EncodeItem, ...], position: int, encode_steps: int = ONE_SLICE
) -> StepResult:
    """Encodes while three sequences decode."""
    decode = [
        DecodeItem(key, slot, position, (harness.tokens[slot][position],))
        for slot, key in enumerate(harness.keys[:3])
    ]
    return harness.runner.execute(StepPlan(encode=encode, decode=tuple(decode), encode_steps=encode_steps))


def encode_s(result: StepResult) -> float:
    """Seconds that the encode stage of a step took."""
    return sum(each.duration_ms for each in result.stages if each.stage is Stage.ENCODE) / 1000


def encode_beside_texts(harness: RunnerHarness, *items: EncodeItem) -> tuple[list[StepResult], StepResult]:
    """Encodes beside decoding: the results of the steps that left it unfinished, and of the last step."""
    unfinished: list[StepResult] = []
    for position in range(FED, LAST + 1):
        result = step(harness, items, position, 1_000 if position == LAST else ONE_SLICE)
        for row, each in zip(harness.tokens[:3], decode_results(result), strict=True):
            row.append(each.token_id)
        if not any(isinstance(each, EncodeUnfinished) for each in encode_results(result)):
            return unfinished, result
        assert [each.request_id for each in encode_results(result)] == [item.request_id for item in items]
        unfinished.append(result)
    raise AssertionError("it is left unfinished although there is time")


def first_tokens(harness: RunnerHarness, key: SequenceKey, slot: int) -> list[tuple[int, float]]:
    """The predictions for the two tokens of the prompt, which show the sequence's encoder states."""
    predicted = []
    for position, token_id in enumerate((EOS, text_languages()["eng"])):
        (decoded,) = decode_results(harness.run(decode=[DecodeItem(key, slot, position, (token_id,))]))
        predicted.append((decoded.token_id, decoded.log_probability))
    return predicted


def test_slices_give_what_one_go_gives(harness: RunnerHarness) -> None:
    harness.run(encode=[item_of(harness)])
    expected = first_tokens(harness, NEW, 3)
    unfinished, last = encode_beside_texts(harness, item_of(harness))
    assert len(unfinished) >= 5, "it was not sliced"
    assert [type(each) for each in encode_results(last)] == [EncodeResult]
    assert first_tokens(harness, NEW, 3) == expected


def test_texts_are_the_same_beside_it_and_alone(harness: RunnerHarness) -> None:
    unfinished, last = encode_beside_texts(harness, item_of(harness))
    beside = harness.tokens[:3]
    alone = new_harness()
    for position in range(FED, FED + len(unfinished) + 1):
        for row, each in zip(
            alone.tokens, decode_results(alone.run(decode=alone.decode_items(position))), strict=True
        ):
            row.append(each.token_id)
    assert beside == alone.tokens[:3]
    assert not last.failures


def test_where_nothing_is_decoded_it_is_finished_at_once(harness: RunnerHarness) -> None:
    result = harness.run(encode=[item_of(harness)])
    assert [type(each) for each in encode_results(result)] == [EncodeResult]


def test_one_that_the_plan_leaves_out_is_dropped_and_its_slot_can_be_used_again(
    harness: RunnerHarness,
) -> None:
    harness.run(encode=[item_of(harness, row=1)])
    expected = first_tokens(harness, NEW, 3)
    dropped = item_of(harness, SequenceKey("dropped", 0))
    for position in range(FED, FED + 3):
        (answer,) = encode_results(step(harness, (dropped,), position))
        assert isinstance(answer, EncodeUnfinished)
        for row, each in zip(harness.tokens[:3], (0, 0, 0), strict=True):
            row.append(each)
    harness.run(encode=[item_of(harness, row=1)])
    assert first_tokens(harness, NEW, 3) == expected


def test_a_new_request_of_the_same_id_is_encoded_from_the_start(harness: RunnerHarness) -> None:
    harness.run(encode=[item_of(harness, row=1)])
    expected = first_tokens(harness, NEW, 3)
    step(harness, (item_of(harness, row=2),), FED)
    harness.run(encode=[item_of(harness, row=1)])
    assert first_tokens(harness, NEW, 3) == expected


def test_the_job_id_says_which_job_continues_even_in_another_object(harness: RunnerHarness) -> None:
    """An item that was sent over a wire is equal to the original, but not the same object."""
    harness.run(encode=[item_of(harness)])
    expected = first_tokens(harness, NEW, 3)
    item = item_of(harness)
    slices = encode_s(harness.run(encode=[dataclasses.replace(item, job_id=next(JOB_IDS))])) / SLICE_S
    step(harness, (item,), FED)
    again = dataclasses.replace(item, source=harness.samples[3].copy())
    assert again is not item
    rest = harness.run(encode=[again])
    assert encode_s(rest) / SLICE_S == slices - 1, "it starts again from the beginning"
    assert first_tokens(harness, NEW, 3) == expected


def test_one_that_fails_in_a_late_slice_fails_alone(
    harness: RunnerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing, healthy = item_of(harness, SequenceKey("failing", 0), 2, (3,)), item_of(harness, NEW, 3, (4,))
    harness.run(encode=[item_of(harness, slots=(4,))])
    expected = first_tokens(harness, NEW, 4)
    compute, calls = harness.model.encode, list[int]()

    def raising(sources: Any, *args: Any) -> Any:
        calls.append(len(sources))
        slices = compute(sources, *args)
        for number in itertools.count():
            try:
                next(slices)
            except StopIteration as done:
                return done.value
            if number == 3 and any(source is failing.source for source in sources):
                raise RuntimeError("poisoned")
            yield

    monkeypatch.setattr(harness.model, "encode", raising)
    unfinished, last = encode_beside_texts(harness, failing, healthy)
    assert len(unfinished) == 3
    assert [(each.request_id, each.error) for each in last.failures] == [("failing", "RuntimeError")]
    assert answers(last).keys() == {"new", "r0", "r1", "r2"}
    assert calls == [2, 1, 1], "the search for the failing item happens within the step"
    assert first_tokens(harness, NEW, 4) == expected


def test_an_item_with_a_problem_is_answered_with_the_rest_of_its_batch(harness: RunnerHarness) -> None:
    wrong = EncodeItem("wrong", np.zeros(1, np.float32), (4,), next(JOB_IDS))
    _, last = encode_beside_texts(harness, wrong, item_of(harness))
    assert [each.request_id for each in last.failures] == ["wrong"]
    assert [each.request_id for each in encode_results(last)] == ["new"]


def slices_of(count: int, clock: VirtualClock) -> Any:
    """``count`` slices of one second each. The result is one encoding of seven states."""
    for _ in range(count):
        clock.now_s += 1.0
        yield
    return [7]


class Device:
    """Its events say that it is still at work, as often as ``behind``."""

    def __init__(self, behind: int) -> None:
        self.behind = behind

    def query(self) -> bool:
        self.behind -= 1
        return self.behind < 0


def test_nothing_more_is_started_before_texts_while_the_device_is_behind() -> None:
    clock, device = VirtualClock(), Device(behind=3)
    started_s = clock()
    item = EncodeItem("r", np.zeros(9, np.float32), (0,), 5)
    batch = EncodeBatch([item], [None], slices_of(3, clock), lambda: device, clock)
    assert not batch.advance(started_s + 99), "one slice, and then the device is behind"
    assert not batch.advance(started_s + 99)
    assert not batch.advance(started_s + 99)
    assert clock() - started_s == 1, "nothing is started as long as it is"
    device.behind = 99
    assert batch.advance(math.inf), "where no text waits, all is started at once"
    assert batch.outcome(dataclasses.replace(item)) == 7


@pytest.mark.parametrize(("within_s", "expected"), [(2.5, 2), (2.0, 2), (1.9, 1), (0.5, 1), (9.0, 5)])
def test_a_slice_that_would_end_too_late_does_not_start(within_s: float, expected: int) -> None:
    """Each slice takes a second. One is always computed, so that the encoding ends at some time."""
    clock = VirtualClock()
    started_s = clock()
    item = EncodeItem("r", np.zeros(9, np.float32), (0,), 5)
    batch = EncodeBatch([item], [None], slices_of(5, clock), Passed, clock)
    assert batch.advance(started_s + within_s) == (expected == 5)
    assert clock() - started_s == expected


@pytest.mark.parametrize("encode_steps", [1, 2])
def test_it_takes_as_many_decode_steps_as_the_plan_says(harness: RunnerHarness, encode_steps: int) -> None:
    """The last decode step took four seconds, so these are four or eight slices."""
    result = step(harness, (item_of(harness),), FED, encode_steps)
    assert [type(each) for each in encode_results(result)] == [EncodeUnfinished]
    assert encode_s(result) == encode_steps * DECODE_S


def test_the_last_decode_step_is_the_measure(harness: RunnerHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CLOCK, "decode_s", 7.0)
    harness.run(decode=harness.decode_items(FED))
    assert encode_s(step(harness, (item_of(harness),), FED, encode_steps=1)) == 7.0


def test_or_as_long_as_speech_takes(harness: RunnerHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    vocode, pieces = SeamlessSpeech.vocode, tuple(harness.vocode_items())

    def slow_vocode(*args: Any) -> Any:
        CLOCK.now_s += 9
        return vocode(*args)

    monkeypatch.setattr(SeamlessSpeech, "vocode", slow_vocode)
    harness.run(vocode=pieces)
    decode = tuple(harness.decode_items(FED)[:3])
    plan = StepPlan(encode=(item_of(harness),), decode=decode, vocode=pieces, encode_steps=1)
    assert encode_s(harness.runner.execute(plan)) == 9
