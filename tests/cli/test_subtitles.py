"""Texts -> cues -> SRT and WebVTT."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tests.cli.subtitle_files import read_srt, read_webvtt
from translate_svc.cli.subtitles import LINE_CELLS, LINES_PER_CUE, Cue, cues_of, srt, webvtt, wrapped
from translate_svc.types import TokenInfo

LONG = "the quick brown fox jumps over the lazy dog " * 6
TEXTS = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp")), max_size=300)


def _words(text: str, source_ms: list[int | None]) -> list[TokenInfo]:
    return [TokenInfo(f"{word} ", 0, 0.0, ms) for word, ms in zip(text.split(), source_ms, strict=True)]


@given(TEXTS)
def test_lines_keep_within_the_width_and_lose_nothing(text: str) -> None:
    lines = wrapped(text)
    assert all(cell_len(line) <= LINE_CELLS for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_lines_break_at_spaces_and_ideographs_count_twice() -> None:
    assert wrapped("El tren a Barcelona sale a las seis y cuarto.") == [
        "El tren a Barcelona sale a las seis y",
        "cuarto.",
    ]
    assert [len(line) for line in wrapped("我" * 50)] == [21, 21, 8]


@given(TEXTS, st.integers(0, 10**7), st.integers(1, 15_000))
def test_cues_follow_one_another_through_the_whole_utterance(
    text: str, start_ms: int, length_ms: int
) -> None:
    cues = cues_of(text, start_ms, start_ms + length_ms)
    if not text.split():
        assert cues == []
        return
    assert (cues[0].start_ms, cues[-1].end_ms) == (start_ms, start_ms + length_ms)
    assert all(before.end_ms == after.start_ms for before, after in pairwise(cues))
    assert all(1 <= len(cue.lines) <= LINES_PER_CUE for cue in cues)


def test_a_cue_begins_where_its_first_word_was_heard() -> None:
    text = " ".join(LONG.split())
    count = len(text.split())
    heard: list[int | None] = [200 * number for number in range(count)]
    cues = cues_of(text, 10_000, 10_000 + 200 * count, _words(text, heard))
    assert len(cues) > 2
    words = 0
    for cue in cues:
        assert cue.start_ms == 10_000 + 200 * words
        words += len(" ".join(cue.lines).split())


@pytest.mark.parametrize("heard", ["nothing", "backwards", "all at once"])
def test_without_usable_times_the_length_of_the_text_decides(heard: str) -> None:
    text = " ".join(LONG.split())
    count = len(text.split())
    times: dict[str, list[int | None]] = {
        "nothing": [None] * count,
        "backwards": [200 * (count - number) for number in range(count)],
        "all at once": [100] * count,
    }
    assert cues_of(text, 0, 9_000, _words(text, times[heard])) == cues_of(text, 0, 9_000)


@pytest.mark.parametrize(("render", "read"), [(srt, read_srt), (webvtt, read_webvtt)])
def test_what_is_written_is_read_back(render: object, read: object) -> None:
    cues = [
        Cue(3_723_456, 3_725_000, ("second", "line <i>& --> more")),
        Cue(0, 1_500, ("first",)),
    ]
    assert callable(render)
    assert callable(read)
    assert read(render(cues)) == [cues[1], cues[0]]
    assert read(render([])) == []


def test_a_cue_stays_for_a_second_unless_the_next_one_comes() -> None:
    short = [Cue(0, 200, ("a",)), Cue(600, 700, ("b",)), Cue(5_000, 5_100, ("c",))]
    assert [(cue.start_ms, cue.end_ms) for cue in read_srt(srt(short))] == [
        (0, 600),
        (600, 1_600),
        (5_000, 6_000),
    ]


def test_times_of_a_long_film_have_their_hours() -> None:
    assert "100:00:00,000 --> 100:00:02,000" in srt([Cue(360_000_000, 360_002_000, ("late",))])
