"""An encoding that takes several steps on real modules: the same states, and texts that go on meanwhile."""

from __future__ import annotations

import itertools
import math
import time
from typing import Any

import numpy as np
import pytest

from tests.checkpoints import EOS
from tests.engine.model_scene import Scene, answers, text_languages
from translate_svc.engine.plan import (
    DecodeItem,
    EncodeItem,
    EncodeResult,
    EncodeUnfinished,
    SequenceKey,
    StepPlan,
    StepResult,
)
from translate_svc.engine.runner.encode_batch import EncodeBatch

FED = 2
LAST = 14
NEW = SequenceKey("new", 0)


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Rows 0 to 2 decode."""
    found = Scene(FED)
    monkeypatch.setattr(found.runner, "_decode_s", 0.0)  # is put back
    return found


def item_of(scene: Scene, key: SequenceKey = NEW, row: int = 3, slots: tuple[int, ...] = (3,)) -> EncodeItem:
    return EncodeItem(key.request_id, scene.samples[row], slots)


def step(scene: Scene, encode: tuple[EncodeItem, ...], position: int) -> StepResult:
    """Encodes one slice, or all that are left at the last position, while three sequences decode."""
    scene.runner._decode_s = math.inf if position == LAST else -math.inf
    decode = [
        DecodeItem(key, slot, position, scene.tokens[slot][position])
        for slot, key in enumerate(scene.keys[:3])
    ]
    return scene.runner.execute(StepPlan(encode=encode, decode=tuple(decode)))


def encode_beside_texts(scene: Scene, *items: EncodeItem) -> tuple[list[StepResult], StepResult]:
    """The steps that left the encoding unfinished, and the one that ended it."""
    unfinished: list[StepResult] = []
    for position in range(FED, LAST + 1):
        result = step(scene, items, position)
        for row, each in zip(scene.tokens[:3], result.decoded, strict=True):
            row.append(each.token_id)
        if not any(isinstance(each, EncodeUnfinished) for each in result.encoded):
            return unfinished, result
        assert [each.request_id for each in result.encoded] == [item.request_id for item in items]
        unfinished.append(result)
    raise AssertionError("it is left unfinished though there is time")


def first_tokens(scene: Scene, key: SequenceKey, slot: int) -> list[tuple[int, float]]:
    """What the sequence says to the start of its prompt: as much as there is to know of its states."""
    said = []
    for position, token_id in enumerate((EOS, text_languages()["eng"])):
        (decoded,) = scene.do(decode=[DecodeItem(key, slot, position, token_id)]).decoded
        said.append((decoded.token_id, decoded.log_probability))
    return said


def test_slices_give_what_one_go_gives(scene: Scene) -> None:
    scene.do(encode=[item_of(scene)])
    expected = first_tokens(scene, NEW, 3)
    unfinished, last = encode_beside_texts(scene, item_of(scene))
    assert len(unfinished) >= 5, "it was not sliced"
    assert [type(each) for each in last.encoded] == [EncodeResult]
    assert first_tokens(scene, NEW, 3) == expected


def test_texts_say_beside_it_what_they_say_alone(scene: Scene) -> None:
    unfinished, last = encode_beside_texts(scene, item_of(scene))
    beside = scene.tokens[:3]
    alone = Scene(FED)
    for position in range(FED, FED + len(unfinished) + 1):
        for row, each in zip(
            alone.tokens, alone.do(decode=alone.decode_items(position)).decoded, strict=True
        ):
            row.append(each.token_id)
    assert beside == alone.tokens[:3]
    assert not last.failures


def test_where_nothing_is_decoded_it_is_finished_at_once(scene: Scene) -> None:
    result = scene.do(encode=[item_of(scene)])
    assert [type(each) for each in result.encoded] == [EncodeResult]


def test_one_that_is_left_out_is_given_up_and_its_slot_is_the_next_ones(scene: Scene) -> None:
    scene.do(encode=[item_of(scene, row=1)])
    expected = first_tokens(scene, NEW, 3)
    gone = item_of(scene, SequenceKey("gone", 0))
    for position in range(FED, FED + 3):
        (answer,) = step(scene, (gone,), position).encoded
        assert isinstance(answer, EncodeUnfinished)
        for row, each in zip(scene.tokens[:3], (0, 0, 0), strict=True):
            row.append(each)
    scene.do(encode=[item_of(scene, row=1)])
    assert first_tokens(scene, NEW, 3) == expected


def test_a_namesake_is_not_taken_for_the_one_that_was_begun(scene: Scene) -> None:
    scene.do(encode=[item_of(scene, row=1)])
    expected = first_tokens(scene, NEW, 3)
    step(scene, (item_of(scene, row=2),), FED)
    scene.do(encode=[item_of(scene, row=1)])
    assert first_tokens(scene, NEW, 3) == expected


def test_one_that_fails_in_a_late_slice_fails_alone(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    guilty, innocent = item_of(scene, SequenceKey("guilty", 0), 2, (3,)), item_of(scene, NEW, 3, (4,))
    scene.do(encode=[item_of(scene, slots=(4,))])
    expected = first_tokens(scene, NEW, 4)
    compute, calls = scene.model.encode, []

    def raising(sources: Any, slots: Any) -> Any:
        calls.append(len(sources))
        slices = compute(sources, slots)
        for number in itertools.count():
            try:
                next(slices)
            except StopIteration as done:
                return done.value
            if number == 3 and any(source is guilty.source for source in sources):
                raise RuntimeError("poisoned")
            yield

    monkeypatch.setattr(scene.model, "encode", raising)
    unfinished, last = encode_beside_texts(scene, guilty, innocent)
    assert len(unfinished) == 3
    assert [(each.request_id, each.error) for each in last.failures] == [("guilty", "RuntimeError")]
    assert answers(last).keys() == {"new", "r0", "r1", "r2"}
    assert calls == [2, 1, 1], "what is repeated is repeated within the step"
    assert first_tokens(scene, NEW, 4) == expected


def test_an_item_with_a_problem_is_answered_with_its_mates(scene: Scene) -> None:
    wrong = EncodeItem("wrong", np.zeros(1, np.float32), (4,))
    _, last = encode_beside_texts(scene, wrong, item_of(scene))
    assert [each.request_id for each in last.failures] == ["wrong"]
    assert [each.request_id for each in last.encoded] == ["new"]


def test_the_device_is_waited_for_where_time_is_short() -> None:
    waits: list[int] = []

    def slices() -> Any:
        for _ in range(3):
            yield
        return [7]

    item = EncodeItem("r", np.zeros(9, np.float32), (0,))
    encoding = EncodeBatch([item], [None], slices(), lambda: waits.append(1))
    assert not encoding.advance(-math.inf)
    assert not encoding.advance(-math.inf)
    assert len(waits) == 2, "the time is asked after every slice, when the device is done with it"
    assert encoding.advance(math.inf)
    assert len(waits) == 2, "nobody waits for the slices between"
    assert encoding.outcome(item) == 7


@pytest.mark.parametrize(("until_s", "expected"), [(2.5, 2), (2.0, 2), (1.9, 1), (0.5, 1), (9.0, 5)])
def test_a_slice_that_would_end_too_late_is_not_begun(
    until_s: float, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each takes a second; one is always computed, or nothing would ever be done."""
    clock = [0.0]

    def slices() -> Any:
        for _ in range(5):
            clock[0] += 1.0
            yield
        return [7]

    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    encoding = EncodeBatch([EncodeItem("r", np.zeros(9, np.float32), (0,))], [None], slices(), lambda: None)
    assert encoding.advance(until_s) == (expected == 5)
    assert clock[0] == expected


def test_a_decode_step_is_what_it_may_take() -> None:
    scene = Scene(FED)
    scene.runner._decode_s = -1.0
    scene.do(decode=scene.decode_items(FED))
    assert 0 < scene.runner._decode_s < 1


def test_it_may_take_as_many_decode_steps_as_the_plan_says(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(FED)
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    scene.runner._decode_s = 0.25
    plan = StepPlan(decode=tuple(scene.decode_items(FED)), encode_steps=3)
    assert not scene.runner.execute(plan).failures
    assert scene.runner._encode_until_s == 100.75
