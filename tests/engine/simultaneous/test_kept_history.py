"""The history of the next hypothesis, and where its audio begins. Hypotheses as in the policy's
tests.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.simultaneous.test_commit_policy import TEXTS, hypothesis
from translate_svc.engine.simultaneous.commit_policy import CommitDecision
from translate_svc.engine.simultaneous.kept_history import KeptHistory, keep_history, with_first_frames
from translate_svc.engine.simultaneous.pauses import last_pause, longest_pause
from translate_svc.types import Samples

FRAME, STEP = 2_560, 8_000
TEN = "_a@4 _b@5 _c@6 _d@7 _e@8 _f@9 _g@10 _h@11 _i@12 _j@13"


def speech(count: int, *pauses: tuple[int, int]) -> Samples:
    """Noise as loud as speech, silent within ``pauses``."""
    samples = np.random.default_rng(5).normal(0, 0.1, count).astype(np.float32)
    for start, end in pauses:
        samples[start:end] = 0
    return samples


def keep(
    row: str,
    *,
    committed: int | None = None,
    spaced: bool = True,
    frames: int = 20,
    samples: Samples | None = None,
    **options: int,
) -> tuple[str, KeptHistory]:
    """The kept pieces, and all."""
    made = hypothesis(row, spaced=spaced, frames=frames)
    new = made.new_tokens if committed is None else committed
    decision = CommitDecision(new, made.new_tokens - new, None)
    sizes = {"step_samples": STEP, "frame_samples": FRAME, "margin_frames": 0}
    heard = speech(frames * FRAME) if samples is None else samples
    kept = keep_history(made, decision, heard, **(sizes | options))
    end = made.history_tokens + new
    # the rows below have no two runs of tokens alike, unless they are loops
    start = next(
        at for at in range(end + 1) if made.token_ids[at : at + len(kept.token_ids)] == kept.token_ids
    )
    return " ".join(made.pieces[start : start + len(kept.token_ids)]).replace("\u2581", "_"), kept


ROWS = [
    pytest.param("", "", 0, id="nothing was said"),
    pytest.param("_a@3 _b@5", "_a _b", 0, id="all of a short text, and all of its audio"),
    pytest.param(f"_x@1 {TEN}", "_a _b _c _d _e _f _g _h _i _j", 4, id="ten words"),
    pytest.param(f"_x@1 y@2 {TEN} z@13", "_a _b _c _d _e _f _g _h _i _j z", 4, id="whole words"),
    pytest.param(f"_x@1 ,@1 {TEN} ,@2", "_a _b _c _d _e _f _g _h _i _j ,", 4, id="punctuation is none"),
    pytest.param("_a@1 _b@2 .@2 _c@5 _d@6", "_c _d", (2, 5), id="from the last sentence on"),
    pytest.param("_a@1 .@2 _b@3 ?@3 _\u00bf@4 C@5", "_\u00bf C", (3, 4), id="opening punctuation too"),
    pytest.param("_a@1 .@1 _b@3 _c@4 .@9", "_b _c .", (1, 3), id="trap 5: one that has just ended"),
    pytest.param("_a@1 .@1 _b@3 .@4 _-@5 _-@6", "_b . _- _-", (1, 3), id="trap 5: punctuation is no history"),
    pytest.param("_3@2 .@2 5@2 _p@3", "_3 . 5 _p", 0, id="a point within a number ends nothing"),
    pytest.param("_a@2 " + "_b@3 " * 7, "_a _b", 0, id="trap 5: a loop is kept once"),
    pytest.param("_a@2 _b@3 | _c@6 _d@7 _e@9", "_a _b _c _d _e", 0, id="history goes on"),
]  # fmt: skip


@pytest.mark.parametrize(("row", "kept", "frame"), ROWS)
def test_history(row: str, kept: str, frame: int | tuple[int, int]) -> None:
    """``frame``: where the buffer begins; in the pause between two frames where sentences are dropped."""
    pieces, made = keep(row)
    assert pieces == kept
    low, high = frame if isinstance(frame, tuple) else (frame, frame)
    assert low * FRAME <= made.start_samples <= high * FRAME


def test_what_is_held_is_not_kept() -> None:
    assert keep("_a@5 | _b@6 _c@1", committed=1)[0] == "_a _b"


def test_languages_without_spaces_keep_twenty_characters() -> None:
    """Trap 3: a history counted in words is one word for ever, and the buffer never shrinks."""
    characters = [chr(0x4E00 + index) for index in range(30)]
    pieces, made = keep(" ".join(f"{each}@{index}" for index, each in enumerate(characters)), spaced=False)
    assert pieces.split() == characters[10:]
    assert made.start_samples == 10 * FRAME
    long = "".join(characters)  # one token
    assert keep(f"\u6211@1 {long}@4", spaced=False)[0] == long


def test_a_margin_is_left_before_the_first_word() -> None:
    assert keep(f"_x@1 {TEN}", margin_frames=2)[1].start_samples == 2 * FRAME
    assert keep(f"_x@1 {TEN}", margin_frames=5)[1].start_samples == 0


@pytest.mark.parametrize(
    ("row", "frames", "kept", "start_samples"),
    [
        pytest.param(
            "", 80, "", 80 * FRAME + STEP - 12 * 16_000, id="trap 3: silence leaves at the bound, too"
        ),
        pytest.param("_a@0 _b@1", 71, "_a _b", 0, id="a step before the bound"),
        pytest.param("_a@0 _b@60", 76, "_b", 59 * FRAME, id="words leave with their audio"),
        pytest.param("_a@0 _b@1", 76, "_b", 76 * FRAME + STEP - 12 * 16_000, id="but for the last word"),
    ],
)
def test_the_buffer_is_bounded_in_samples(row: str, frames: int, kept: str, start_samples: int) -> None:
    """Trap 2: a bound of 360 "frames" was never reached. With the next step it is 12 s at most."""
    pieces, made = keep(row, frames=frames, margin_frames=1)
    assert pieces == kept
    assert made.start_samples == start_samples
    assert frames * FRAME - made.start_samples + STEP <= 12 * 16_000


@given(TEXTS, st.integers(0, 12), st.integers(1, 30), st.integers(1, 60_000), st.booleans())
def test_whatever_was_said_the_buffer_is_bounded_and_the_history_is_its_end(
    text: list[tuple[str, int]], committed: int, frames: int, bound: int, spaced: bool
) -> None:
    row = " ".join(f"{piece}@{min(at, frames - 1)}" for piece, at in text)
    made = hypothesis(f"| {row}", spaced=spaced, frames=frames)
    committed = min(committed, made.new_tokens)
    kept = keep_history(
        made,
        CommitDecision(committed, made.new_tokens - committed, None),
        speech(frames * FRAME),
        step_samples=STEP,
        frame_samples=FRAME,
        max_buffer_samples=max(bound, STEP),
    )
    assert 0 <= kept.start_samples <= frames * FRAME
    assert frames * FRAME - kept.start_samples + STEP <= max(bound, STEP)
    count = len(kept.token_ids)
    assert any(made.token_ids[at : at + count] == kept.token_ids for at in range(committed - count + 1))
    assert count > 0 or committed == 0 or committed < made.new_tokens or made.new_tokens == 0


def test_a_sentence_is_dropped_where_the_speaker_paused() -> None:
    """The first word of the next sentence is attended in its middle: to begin a frame before that tore it."""
    pause = 9 * FRAME, 10 * FRAME
    pieces, kept = keep("_a@2 _b@7 .@8 | _c@12 _d@17", samples=speech(20 * FRAME, pause))
    assert pieces == "_c _d"
    assert pause[0] < kept.start_samples < pause[1]
    later = 3 * FRAME, 4 * FRAME  # within the first sentence
    assert keep("_a@2 _b@7 .@8 | _c@12 _d@17", samples=speech(20 * FRAME, pause, later))[1] == kept


def test_where_no_pause_can_lie_text_and_audio_still_begin_together() -> None:
    """The history began with the second sentence and the buffer with the first, which was said once more."""
    pieces, kept = keep("_a@2 _b@12 .@8 | _c@3 _d@17")
    assert (pieces, kept.start_samples) == ("_a _b . _c _d", 0)


def test_a_closed_sentence_is_dropped_when_a_hypothesis_brings_nothing_new() -> None:
    """Sentence after sentence was lost: with two in its buffer the decoder wrote nothing after the first."""
    pause = 9 * FRAME, 10 * FRAME
    pieces, kept = keep("_a@2 _b@7 .@8 | ", samples=speech(20 * FRAME, pause))
    assert pieces == ""
    assert pause[0] < kept.start_samples < pause[1]
    short = 14 * FRAME, 14 * FRAME + 2_000  # within the next sentence, or after it
    longest = keep("_a@2 _b@11 .@8 | ", samples=speech(20 * FRAME, pause, short))[1]
    assert longest.start_samples == kept.start_samples, "the last word seems to come from the next sentence"
    assert keep("_a@2 _b@7 .@8 | ")[0] == "_a _b .", "nobody has paused yet"
    assert keep("_a@2 _b@7 | ", samples=speech(20 * FRAME, pause))[0] == "_a _b", "it is not closed"


@pytest.mark.parametrize(
    ("frames", "kept", "is_cut"),
    [(20, "", True), (18, "", True), (17, "_a _b .", False), (15, "_a _b .", False)],
)
def test_a_closed_sentence_is_dropped_when_the_next_one_is_surely_said(
    frames: int, kept: str, is_cut: bool
) -> None:
    """Two sentences in a buffer are heard worse than one, so it waits for no decision about the next one."""
    samples = speech(frames * FRAME, (9 * FRAME, 10 * FRAME))
    pieces, made = keep("_a@2 _b@7 .@8 | _c@12 _d@14", committed=0, frames=frames, samples=samples)
    assert pieces == kept
    assert (9 * FRAME < made.start_samples < 10 * FRAME) is is_cut
    open_end = keep("_a@2 _b@7 | _c@12 _d@14", committed=0, frames=frames, samples=samples)
    assert (open_end[0], open_end[1].start_samples) == ("_a _b", 0), "it is not closed"
    within = keep("_a@2 .@7 | c@12 _d@14", committed=0, frames=frames, samples=samples)
    assert within[1].start_samples == 0, "what follows belongs to the same word"


def test_pauses() -> None:
    samples = speech(32_000, (4_000, 5_800), (8_000, 11_200), (16_000, 18_400), (24_000, 24_800))
    longest, last = longest_pause(samples, 0), last_pause(samples, 0, 32_000)
    assert longest == pytest.approx(9_600, abs=200), "in its middle"
    assert last is not None
    assert 16_800 < last < 18_400
    assert longest_pause(samples, 12_000) == pytest.approx(17_200, abs=200)
    assert longest_pause(samples, 20_000) is None, "50 ms are within a word"
    assert last_pause(samples, 0, 1_000) is None
    assert longest_pause(speech(32_000), 0) is None


@pytest.mark.parametrize(
    ("now", "before", "moved_frames", "frames"),
    [
        pytest.param("_a@7 _b@9 | _c@3", "_a@2 | _b@4", 0, (2, 4, 3), id="the first of two"),
        pytest.param("_a@1 _b@3 | _c@9", "_a@2 | _b@4", 0, (1, 3, 9), id="which may be the new one"),
        pytest.param("_b@9 | _c@9", "_a@2 | _b@6", 4, (2, 9), id="from the start of this buffer"),
        pytest.param("_b@9 | _c@9", "_a@2 | _b@3", 4, (0, 9), id="or before it"),
        pytest.param("_x@9 | _c@9", "_x@1 _a@2 | _b@3", 0, (9, 9), id="of the same token alone"),
    ],
)
def test_a_committed_word_stays_where_it_was_heard(
    now: str, before: str, moved_frames: int, frames: tuple[int, ...]
) -> None:
    """Later audio drew the attention of the last word, and the next sentence lost its start."""
    committed = before.count("_")
    made = replace(hypothesis(now, committed=committed), start_sample=moved_frames * FRAME)
    assert with_first_frames(made, hypothesis(before), frame_samples=FRAME).attended_frames == frames
    assert with_first_frames(made, None, frame_samples=FRAME) == made
