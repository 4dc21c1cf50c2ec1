"""What the next draft is told of the text, and where its audio begins. Drafts as in the policy's tests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.simultaneous.test_commit_policy import TEXTS, draft
from translate_svc.engine.simultaneous.commit_policy import CommitDecision
from translate_svc.engine.simultaneous.kept_history import KeptHistory, keep_history

FRAME, STEP = 2_560, 8_000
TEN = "_a@4 _b@5 _c@6 _d@7 _e@8 _f@9 _g@10 _h@11 _i@12 _j@13"


def keep(
    row: str, *, committed: int | None = None, spaced: bool = True, frames: int = 20, **options: int
) -> tuple[str, KeptHistory]:
    """The kept pieces, and all."""
    made = draft(row, spaced=spaced, frames=frames)
    new = made.new_tokens if committed is None else committed
    decision = CommitDecision(new, made.new_tokens - new, None)
    sizes = {
        "buffer_samples": frames * FRAME,
        "step_samples": STEP,
        "frame_samples": FRAME,
        "margin_frames": 0,
    }
    kept = keep_history(made, decision, **(sizes | options))
    end = made.history_tokens + new
    # the rows below have no two runs of tokens alike, unless they are loops
    start = next(
        at for at in range(end + 1) if made.token_ids[at : at + len(kept.token_ids)] == kept.token_ids
    )
    return " ".join(made.pieces[start : start + len(kept.token_ids)]).replace("\u2581", "_"), kept


ROWS = [
    pytest.param("", "", 0, id="nothing was said"),
    pytest.param("_a@3 _b@5", "_a _b", 3, id="all of a short text"),
    pytest.param("_a@5 _b@3", "_a _b", 3, id="the earliest frame, in whatever order"),
    pytest.param(f"_x@1 {TEN}", "_a _b _c _d _e _f _g _h _i _j", 4, id="ten words"),
    pytest.param(f"_x@1 y@2 {TEN} z@13", "_a _b _c _d _e _f _g _h _i _j z", 4, id="whole words"),
    pytest.param(f"_x@1 ,@1 {TEN} ,@2", "_a _b _c _d _e _f _g _h _i _j ,", 4, id="punctuation is none"),
    pytest.param("_a@1 _b@2 .@2 _c@5 _d@6", "_c _d", 5, id="from the last sentence on"),
    pytest.param("_a@1 .@2 _b@3 ?@3 _\u00bf@4 C@5", "_\u00bf C", 4, id="opening punctuation goes with it"),
    pytest.param("_a@1 .@1 _b@3 _c@4 .@9", "_b _c .", 3, id="trap 5: a sentence that has just ended is kept"),
    pytest.param("_a@1 .@1 _b@3 .@4 _-@5 _-@6", "_b . _- _-", 3, id="trap 5: punctuation is no history"),
    pytest.param("_3@2 .@2 5@2 _p@3", "_3 . 5 _p", 2, id="a point within a number ends nothing"),
    pytest.param("_a@2 " + "_b@3 " * 7, "_a _b", 2, id="trap 5: a loop is kept once"),
    pytest.param("_a@2 _b@3 | _c@6 _d@7 _e@9", "_a _b _c _d _e", 2, id="history goes on"),
]  # fmt: skip


@pytest.mark.parametrize(("row", "kept", "frame"), ROWS)
def test_history(row: str, kept: str, frame: int) -> None:
    pieces, made = keep(row)
    assert pieces == kept
    assert made.start_samples == frame * FRAME


def test_what_is_held_is_not_kept() -> None:
    pieces, made = keep("_a@5 | _b@6 _c@1", committed=1)
    assert pieces == "_a _b"
    assert made.start_samples == 5 * FRAME


def test_languages_without_spaces_keep_twenty_characters() -> None:
    """Trap 3: a history counted in words is one word for ever, and the buffer never shrinks."""
    characters = [chr(0x4E00 + index) for index in range(30)]
    pieces, made = keep(" ".join(f"{each}@{index}" for index, each in enumerate(characters)), spaced=False)
    assert pieces.split() == characters[10:]
    assert made.start_samples == 10 * FRAME
    long = "".join(characters)  # one token
    assert keep(f"\u6211@1 {long}@4", spaced=False)[0] == long


def test_a_margin_is_left_before_the_first_word() -> None:
    assert keep("_a@1 .@1 _b@9", margin_frames=2)[1].start_samples == 7 * FRAME
    assert keep("_a@1 _b@9", margin_frames=2)[1].start_samples == 0


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
    made = draft(f"| {row}", spaced=spaced, frames=frames)
    committed = min(committed, made.new_tokens)
    kept = keep_history(
        made,
        CommitDecision(committed, made.new_tokens - committed, None),
        buffer_samples=frames * FRAME,
        step_samples=STEP,
        frame_samples=FRAME,
        max_buffer_samples=max(bound, STEP),
    )
    assert 0 <= kept.start_samples <= frames * FRAME
    assert frames * FRAME - kept.start_samples + STEP <= max(bound, STEP)
    count = len(kept.token_ids)
    assert any(made.token_ids[at : at + count] == kept.token_ids for at in range(committed - count + 1))
    assert count > 0 or committed == 0
