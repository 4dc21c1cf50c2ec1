"""Speeches of several people are said one after another, and nothing of them is lost."""

from __future__ import annotations

import numpy as np
from meeting_translate_svc.sound.originals import Originals
from meeting_translate_svc.sound.turns import RATE_HZ, SpeechKey, Turns

from translate_svc.types import Samples

FRAME = RATE_HZ // 50


A, B, C = (SpeechKey(speaker, 1, 0) for speaker in ("ann", "ben", "cem"))


def marked(value: float, frames: float) -> Samples:
    return np.full(round(frames * FRAME), value, np.float32)


def said(turns: Turns, frames: int) -> list[float]:
    """What each of the next frames holds: its first sample, or 0 where nothing is said."""
    taken = [turns.take(FRAME) for _ in range(frames)]
    return [float(part[0]) if len(part) else 0.0 for part in taken]


def test_a_speech_is_said_to_its_end_before_the_next_one() -> None:
    turns = Turns(pause_s=0)
    turns.add(A, marked(1, 1))
    turns.add(B, marked(2, 2))
    turns.end(B)
    turns.add(A, marked(1, 2))
    turns.end(A)
    assert said(turns, 6) == [1, 1, 1, 2, 2, 0]


def test_a_speech_that_pauses_for_long_goes_on_behind_the_one_that_waits() -> None:
    turns = Turns(patience_s=0.1, pause_s=0)
    turns.add(A, marked(1, 1))
    turns.add(B, marked(2, 2))
    turns.end(B)
    assert said(turns, 8) == [1, 0, 0, 0, 0, 0, 2, 2]
    turns.add(A, marked(3, 1))
    turns.end(A)
    assert said(turns, 2) == [3, 0]


def test_a_speech_that_pauses_keeps_its_turn_where_nobody_waits() -> None:
    turns = Turns(patience_s=0.1, pause_s=0)
    turns.add(A, marked(1, 1))
    assert said(turns, 100) == [1] + 99 * [0]
    turns.add(A, marked(1, 1))
    turns.add(B, marked(2, 1))
    assert said(turns, 1) == [1]


def test_there_is_a_pause_where_somebody_else_is_interpreted() -> None:
    turns = Turns(pause_s=0.06)
    more = A._replace(utterance=1)
    for key, value in ((A, 1), (more, 2), (B, 3)):
        turns.add(key, marked(value, 1))
        turns.end(key)
    assert said(turns, 6) == [1, 2, 0, 0, 0, 3]
    said(turns, 10)
    turns.add(C, marked(4, 1))
    turns.end(C)
    assert said(turns, 1) == [4], "it was quiet for long enough"


def test_what_fills_no_frame_is_said_too() -> None:
    turns = Turns(pause_s=0)
    turns.add(A, marked(1, 1.5))
    assert said(turns, 30).count(1) == 2
    turns.add(A, marked(1, 0.5))
    turns.end(A)
    assert [len(turns.take(FRAME)) for _ in range(2)] == [FRAME // 2, 0]


def test_a_speech_that_would_come_too_late_is_left_out_whole_and_counted() -> None:
    turns = Turns(max_waiting_s=1.0, pause_s=0)
    turns.add(A, marked(1, 60))
    turns.add(B, marked(2, 1))
    assert turns.refusals == 1
    turns.add(A, marked(1, 1))
    turns.end(A)
    assert said(turns, 61) == 61 * [1]
    turns.add(B, marked(2, 1))  # the rest of what was left out
    turns.end(B)
    turns.add(C, marked(3, 1))
    turns.end(C)
    assert said(turns, 2) == [3, 0]


def test_originals_are_lower_while_somebody_is_interpreted() -> None:
    originals = Originals(duck_db=20.0)
    levels = []
    for ducked in [False] * 5 + [True] * 40 + [False] * 40:
        originals.add("ann", marked(0.5, 1))
        if not originals.is_empty:
            levels.append(float(originals.take(FRAME, ducked=ducked)[-1]))
    assert levels[0] == 0.5
    assert abs(min(levels) - 0.05) < 0.001
    assert abs(levels[-1] - 0.5) < 0.001
    assert max(abs(np.diff(levels))) < 0.15, "no step that one hears as a click"


def test_originals_of_several_people_are_summed_and_old_ones_dropped() -> None:
    originals = Originals(duck_db=20.0)
    originals.add("ann", marked(0.1, 100))
    originals.add("ben", marked(0.2, 5))
    assert abs(float(originals.take(FRAME, ducked=False)[0]) - 0.3) < 1e-6
    frames = 1
    while not originals.is_empty:
        originals.take(FRAME, ducked=False)
        frames += 1
    assert frames < 20, "sound of two seconds ago is not played"
    originals.add("ben", marked(0.2, 5))
    originals.forget("ben")
    assert originals.is_empty
