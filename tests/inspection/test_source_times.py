"""Source times against the word positions that espeak-ng told when it spoke the shipped clips."""

from __future__ import annotations

import pytest

from benchmarks.inspection.listen import PlacedToken, listen
from benchmarks.inspection.sets import shipped_clips
from benchmarks.inspection.source_times import Placement, SpokenWord, figures, placements
from translate_svc.config import Settings
from translate_svc.service import Service

WORDS = (SpokenWord("Good", 100, 300), SpokenWord("day to", 300, 700), SpokenWord("all.", 700, 900))


def tokens(*texts_and_times: tuple[str, int | None]) -> list[PlacedToken]:
    return [PlacedToken(text, -0.1, source_ms) for text, source_ms in texts_and_times]


def test_a_tokens_error_is_its_distance_from_its_word() -> None:
    heard = tokens((" Go", 50), ("od", 200), (" day", 300), (" to", None), (" all", 1_000), (".", 0))
    assert placements("clip", heard, WORDS) == [
        Placement("clip", 0, 50.0),
        Placement("clip", 0, 0.0),
        Placement("clip", 1, 0.0),
        Placement("clip", 1, None),
        Placement("clip", 2, 100.0),
    ]


def test_what_was_misheard_belongs_to_no_word() -> None:
    heard = tokens((" Good", 200), (" nuns", 500), (" all", 800))
    assert [placement.word for placement in placements("clip", heard, WORDS)] == [0, 2]


def test_figures_count_what_has_no_time_and_leave_it_out_of_the_errors() -> None:
    errors_ms = (0.0, 100.0, 400.0, None)
    row = figures("set", "eng", [Placement("clip", 0, error_ms) for error_ms in errors_ms], words=2)
    assert (row.tokens, row.placed, row.words_placed) == (4, 75.0, 50.0)
    assert (row.median_ms, row.close) == (100.0, 66.7)


@pytest.mark.timeout(300)  # counts the loading of the model, which takes its time on a busy machine
async def test_source_times_lie_within_their_words() -> None:
    clips = shipped_clips()
    placed: dict[str, list[Placement]] = {"eng": [], "spa": [], "fra": [], "deu": []}
    async with Service.start(Settings()) as service:
        for clip in clips:
            heard = await listen(service, clip.samples, clip.source_language, clip.target_language)
            transcript = [token for utterance in heard for token in utterance.transcript]
            placed[clip.source_language] += placements(clip.name, transcript, clip.words)
    for language, group in placed.items():
        words = sum(len(clip.words) for clip in clips if clip.source_language == language)
        row = figures("shipped", language, group, words)
        assert row.tokens >= 50
        assert row.placed >= 35, row
        assert row.words_placed >= 55, row
        assert row.median_ms <= 20, row
        assert row.close >= 80, row
