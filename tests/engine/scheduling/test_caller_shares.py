"""Callers over their share give way: who is, and what they may have in a step."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from translate_svc.engine.scheduling.caller_shares import CallerShares
from translate_svc.engine.step_result import (
    EncodeResult,
    EncodeUnfinished,
    StageReport,
    StepResult,
)
from translate_svc.types import Stage

HEAVY = frozenset({"heavy"})
ENCODE, DECODE, SPEAK, VOCODE = Stage


def shares_of(requests: Mapping[str, int]) -> CallerShares:
    shares = CallerShares()
    for caller, count in requests.items():
        for _ in range(count):
            shares.enter(caller)
    return shares


def took(shares: CallerShares, *stages: tuple[Stage, float], encoded: bool = True) -> None:
    """Ends a step in which the stages took so many milliseconds."""
    reports = tuple(StageReport(stage, ms, 1, 0.0) for stage, ms in stages)
    shares.end_step(StepResult((EncodeResult("", 1) if encoded else EncodeUnfinished(""),), (), reports))


def knowing() -> CallerShares:
    """Shares that know what each part takes: a millisecond."""
    shares = CallerShares()
    shares.begin_step(frozenset(), yields=False, encodes=False)
    for stage in Stage:
        shares.take(stage, "heavy", 10)
    took(shares, *((stage, 10.0) for stage in Stage))
    return shares


@pytest.mark.parametrize(
    ("requests", "over"),
    [
        ({}, ""),
        ({"a": 3}, ""),
        ({"a": 4}, "a"),
        ({"a": 3, "b": 1}, ""),
        ({"a": 4, "b": 1}, "a"),
        ({"a": 4, "b": 2}, ""),
        ({"a": 5, "b": 2}, "a"),
        ({"a": 56, "b": 1, "c": 1, "d": 2}, "a"),
        ({"a": 56, "b": 56, "c": 1, "d": 1, "e": 1}, "ab"),
        ({"a": 8, "b": 8, "c": 8, "d": 8}, ""),
        ({"a": 8, "b": 8, "c": 8, "d": 3}, ""),
        ({str(number): 1 + number % 3 for number in range(60)}, ""),
    ],
)
def test_who_has_more_than_a_share(requests: dict[str, int], over: str) -> None:
    assert shares_of(requests).over_share(lambda caller: True) == frozenset(over)


def test_a_caller_who_was_alone_lately_is_never_over_its_share() -> None:
    assert shares_of({"a": 56}).over_share(lambda caller: False) == frozenset()


def test_while_others_work_a_quarter_of_their_time_is_earned() -> None:
    """A piece of 10 ms waits until the others had 40 ms, and its time is paid."""
    shares, allowed = knowing(), []
    for _ in range(18):
        shares.begin_step(HEAVY, yields=True, encodes=False)
        allowed.append(shares.allows(VOCODE, "heavy", 10))
        if allowed[-1]:
            shares.take(VOCODE, "heavy", 10)
        took(shares, (DECODE, 5.0), *([(VOCODE, 10.0)] if allowed[-1] else []))
    assert [step for step, each in enumerate(allowed) if each] == [8, 16]


def test_what_is_earned_is_not_saved_while_there_is_nothing_to_do() -> None:
    shares = knowing()
    for _ in range(100):
        shares.begin_step(HEAVY, yields=True, encodes=False)
        took(shares, (DECODE, 50.0))
    shares.begin_step(HEAVY, yields=True, encodes=False)
    assert not shares.allows(VOCODE, "heavy", 10)


def test_a_step_of_both_is_paid_by_parts() -> None:
    """Of 20 ms for 20 units, half are the caller's own, and the others earn it a quarter of their half."""
    shares = knowing()
    for _ in range(9):
        shares.begin_step(HEAVY, yields=True, encodes=False)
        if shares.allows(VOCODE, "heavy", 10):
            break
        took(shares, (DECODE, 5.0))
    shares.take(VOCODE, "heavy", 10)
    shares.take(VOCODE, "light", 10)
    took(shares, (VOCODE, 20.0))  # 10 earned, 10 paid, 2.5 earned
    shares.begin_step(HEAVY, yields=True, encodes=False)
    assert not shares.allows(VOCODE, "heavy", 3)
    took(shares)
    shares.begin_step(HEAVY, yields=True, encodes=False)
    assert shares.allows(VOCODE, "heavy", 2)


@pytest.mark.parametrize(
    ("pieces", "allowed"),
    [
        ((5, 5, 5), (True, True, True)),
        ((5, 20, 1), (True, True, False)),
        ((5, 21, 1), (True, False, False)),
        ((100, 1), (True, False)),
        ((10, 10, 10), (True, True, False)),
    ],
)
def test_while_others_are_idle_a_step_has_items_of_25_ms_and_at_least_one(
    pieces: tuple[int, ...], allowed: tuple[bool, ...]
) -> None:
    shares = knowing()
    shares.begin_step(HEAVY, yields=False, encodes=False)
    seen = []
    for units in pieces:
        seen.append(shares.allows(VOCODE, "heavy", units))
        if seen[-1]:
            shares.take(VOCODE, "heavy", units)
    assert tuple(seen) == allowed


def test_an_item_that_waits_is_not_overtaken_in_its_step() -> None:
    """Otherwise small items would always take what a large one waits for."""
    shares = knowing()
    shares.begin_step(HEAVY, yields=False, encodes=False)
    shares.take(VOCODE, "heavy", 15)
    assert not shares.allows(SPEAK, "heavy", 11)
    assert not shares.allows(ENCODE, "heavy", 1)


@pytest.mark.parametrize(
    ("yields", "over", "encode_ms"), [(True, HEAVY, 0), (False, HEAVY, 25), (False, frozenset(), 0)]
)
def test_an_encoding_has_the_step_where_nobody_else_waits_for_it(
    yields: bool, over: frozenset[str], encode_ms: float
) -> None:
    shares = knowing()
    shares.begin_step(over, yields=yields, encodes=False)
    assert shares.encode_ms == encode_ms


def test_stages_take_turns() -> None:
    shares, first = knowing(), []
    for _ in range(8):
        shares.begin_step(HEAVY, yields=False, encodes=False)
        stage = shares.order[0]
        assert shares.allows(stage, "heavy", 100)
        shares.take(stage, "heavy", 100)
        first.append(stage)
        took(shares, (stage, 100.0))
    assert first == [VOCODE, SPEAK, DECODE, ENCODE] * 2


def test_an_encoding_costs_the_time_of_all_its_steps() -> None:
    shares = CallerShares()
    for encoded in (False, False, True):
        shares.begin_step(HEAVY, yields=False, encodes=False)
        shares.take(ENCODE, "heavy", 15)
        took(shares, (ENCODE, 10.0), encoded=encoded)  # 2 ms a frame
    shares.begin_step(HEAVY, yields=False, encodes=False)
    shares.take(ENCODE, "heavy", 5)
    assert shares.allows(ENCODE, "heavy", 7)
    assert not shares.allows(ENCODE, "heavy", 8)
