"""Texts -> cues: their times, and the rules that all of them keep."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from translate_svc.subtitles.cues import CELLS_PER_S, GAP_MS, MAX_CUE_MS, Cue, SpokenText, timed
from translate_svc.subtitles.line_breaks import LINE_CELLS, LINES_PER_CUE
from translate_svc.types import TokenInfo

LONG = " ".join(["the quick brown fox jumps over the lazy dog,"] * 6)
TEXTS = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp")), max_size=300)


def spoken(
    text: str,
    start_ms: int,
    end_ms: int,
    *,
    audio_ms: int | None = None,
    heard: list[int | None] | None = None,
) -> SpokenText:
    """``heard``: ``source_ms`` of each word."""
    tokens = [
        TokenInfo(f"{word} ", 0, 0.0, ms) for word, ms in zip(text.split(), heard or [], strict=bool(heard))
    ]
    return SpokenText(text, start_ms, end_ms, start_ms if audio_ms is None else audio_ms, tokens)


@given(TEXTS, st.integers(0, 10**7), st.integers(1, 15_000))
def test_cues_follow_one_another_through_the_whole_utterance(
    text: str, start_ms: int, length_ms: int
) -> None:
    cues = spoken(text, start_ms, start_ms + length_ms).cues()
    if not text.split():
        assert cues == []
        return
    assert cues[0].start_ms == start_ms
    assert all(before.start_ms <= after.start_ms for before, after in pairwise(cues))
    assert all(1 <= len(cue.lines) <= LINES_PER_CUE for cue in cues)
    assert all(cell_len(line) <= LINE_CELLS for cue in cues for line in cue.lines)
    assert "".join("".join(cue.lines) for cue in cues).replace(" ", "") == "".join(text.split())


def test_a_cue_begins_where_its_first_word_was_heard() -> None:
    count = len(LONG.split())
    heard: list[int | None] = [300 + 200 * number for number in range(count)]
    cues = spoken(LONG, 10_300, 10_300 + 200 * count, audio_ms=10_000, heard=heard).cues()
    assert len(cues) > 2
    words = 0
    for cue in cues:
        assert cue.start_ms == 10_300 + 200 * words
        words += len(cue.text.split())


def test_a_cue_whose_first_word_was_not_heard_begins_with_the_next_one() -> None:
    count = len(LONG.split())
    heard: list[int | None] = [300 + 200 * number for number in range(count)]
    whole = spoken(LONG, 300, 300 + 200 * count, audio_ms=0, heard=heard).cues()
    second = len(whole[0].text.split())
    heard[second] = None
    cues = spoken(LONG, 300, 300 + 200 * count, audio_ms=0, heard=heard).cues()
    assert cues[1].start_ms == whole[1].start_ms + 200
    assert cues[2:] == whole[2:]


@pytest.mark.parametrize("heard", ["nothing", "backwards", "all at once"])
def test_without_usable_times_the_length_of_the_text_decides(heard: str) -> None:
    count = len(LONG.split())
    times: dict[str, list[int | None]] = {
        "nothing": [None] * count,
        "backwards": [200 * (count - number) for number in range(count)],
        "all at once": [100] * count,
    }
    assert spoken(LONG, 0, 9_000, heard=times[heard]).cues() == spoken(LONG, 0, 9_000).cues()


def test_each_sentence_has_its_cue_unless_it_is_said_in_no_time() -> None:
    text = "Yes. The meeting is on Monday at twenty past five. My brother reads the newspaper."
    assert [cue.text for cue in spoken(text, 0, 6_000).cues()] == [
        "Yes. The meeting is on Monday at twenty past five.",
        "My brother reads the newspaper.",
    ]


def test_a_sentence_that_lasts_too_long_is_broken() -> None:
    cues = spoken("one two three four, five six seven eight", 0, 12_000).cues()
    assert [cue.text for cue in cues] == ["one two three four,", "five six seven eight"]
    assert all(cue.end_ms - cue.start_ms <= MAX_CUE_MS for cue in cues)


def test_a_cue_stays_while_it_is_read_and_leaves_two_frames_before_the_next() -> None:
    lines = ("x" * 34,)
    cues = timed(
        [
            Cue(10_000, 10_500, lines),
            Cue(0, 500, lines),
            Cue(1_000, 9_000, ("ab",)),
            Cue(30_000, 30_100, ("c",)),
        ]
    )
    assert [(cue.start_ms, cue.end_ms) for cue in cues] == [
        (0, 1_000 - GAP_MS),
        (1_000, 1_000 + MAX_CUE_MS),
        (10_000, 10_000 + 34 * 1_000 // CELLS_PER_S),
        (30_000, 31_000),
    ]


def test_who_speaks_is_read_too_and_people_do_not_wait_for_one_another() -> None:
    lines = ("x" * 28,)
    cues = timed(
        [
            Cue(0, 500, lines, "Left"),
            Cue(100, 400, lines, "Right"),
            Cue(1_500, 1_600, ("ab",), "Left"),
            Cue(10_000, 10_100, lines),
        ]
    )
    assert [(cue.speaker, cue.start_ms, cue.end_ms) for cue in cues] == [
        ("Left", 0, 1_500 - GAP_MS),
        ("Right", 100, 100 + 35 * 1_000 // CELLS_PER_S + 1),
        ("Left", 1_500, 2_500),
        ("", 10_000, 10_000 + 28 * 1_000 // CELLS_PER_S + 1),
    ]


@given(
    st.lists(st.tuples(st.integers(0, 60_000), st.integers(1, 9_000), TEXTS.filter(str.split)), max_size=6)
)
def test_cues_never_overlap(given_cues: list[tuple[int, int, str]]) -> None:
    starts = {start: (length, text) for start, length, text in given_cues}
    cues = timed(
        Cue(start, start + length, (" ".join(text.split()),)) for start, (length, text) in starts.items()
    )
    for before, after in pairwise(cues):
        assert before.start_ms < before.end_ms <= after.start_ms
    assert all(cue.end_ms - cue.start_ms <= MAX_CUE_MS for cue in cues)
