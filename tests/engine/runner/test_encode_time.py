"""The arithmetic of ``EncodeTime``. ``test_sliced_encoding.py`` has the runner that keeps to it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from translate_svc.engine.plan import DecodeItem, PlanItem, SequenceKey, StepPlan, TextToUnitItem, VocodeItem
from translate_svc.engine.runner.encode_time import EncodeTime
from translate_svc.types import Stage

KEY = SequenceKey("r", 0)
DECODE = DecodeItem(KEY, 0, 5, (7,))


def text(tokens: int) -> TextToUnitItem:
    return TextToUnitItem(KEY, 0, (7,) * tokens, "spa", 1.0)


def piece(units: int) -> VocodeItem:
    return VocodeItem(KEY, np.zeros(500, np.int64), 100, 100 + units, "spa", 0)


@pytest.fixture
def time() -> EncodeTime:
    """A decode step takes 2 ms, a token to be spoken 1 ms, a unit 0.2 ms."""
    made = EncodeTime()
    made.observe(Stage.DECODE, [DECODE], 9.0)
    made.observe(Stage.DECODE, [DECODE] * 3, 0.002)
    made.observe(Stage.TEXT_TO_UNIT, [text(4), text(6)], 0.010)
    made.observe(Stage.VOCODE, [piece(50), piece(100)], 0.030)
    made.observe(Stage.ENCODE, [], 9.0)
    return made


@pytest.mark.parametrize(
    ("steps", "speech", "ms"),
    [
        (1, [], 2),
        (4, [], 8),
        (4, [piece(25)], 8),
        (4, [piece(100)], 20),
        (1, [piece(100), piece(50)], 30),
        (1, [text(8), piece(25)], 13),
    ],
)
def test_a_step_encodes_as_long_as_it_decodes_or_as_it_speaks(
    time: EncodeTime, steps: int, speech: list[PlanItem], ms: float
) -> None:
    assert time.seconds(StepPlan.of([DECODE, *speech], encode_steps=steps)) == pytest.approx(ms / 1000)


@pytest.mark.parametrize(
    ("items", "encode_ms", "ms"), [([DECODE], 25.0, 25), ([DECODE, piece(200)], 25.0, 40), ([], 25.0, 25)]
)
def test_where_only_texts_of_a_burst_wait_the_plan_gives_the_time(
    time: EncodeTime, items: list[PlanItem], encode_ms: float, ms: float
) -> None:
    plan = StepPlan.of(items, encode_steps=4, encode_ms=encode_ms)
    assert time.seconds(plan) == pytest.approx(ms / 1000)


def test_without_texts_nobody_waits(time: EncodeTime) -> None:
    assert time.seconds(StepPlan.of([piece(25)])) == math.inf


def test_before_anything_was_measured_it_is_the_least() -> None:
    assert EncodeTime().seconds(StepPlan.of([DECODE, piece(25)], encode_steps=4)) == 0
