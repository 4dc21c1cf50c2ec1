"""Which words an utterance has, and when each was said."""

from __future__ import annotations

import math

import pytest

from translate_svc.subtitles.segments import Segment, Segments
from translate_svc.types import SampleRange, SpeechStarted, TextDelta, TokenInfo


def token(text: str, source_ms: int | None = None, log_probability: float = 0.0) -> TokenInfo:
    return TokenInfo(text, 7, log_probability, source_ms)


def delta(text: str, *tokens: TokenInfo, utterance_id: int = 0, end: int = 16_000) -> TextDelta:
    return TextDelta(utterance_id, SampleRange(8_000, end), "spa", text, False, False, tokens)


def test_a_word_is_its_tokens_and_ends_where_the_next_begins() -> None:
    tokens = [token(" Bue", 100, -0.2), token("nas", 180, -0.4), token(" noches", 420, -1.0)]
    first, second = Segment(600, 1_500, 500, "Buenas noches", tokens).words()
    assert (first.text, first.start_ms, first.end_ms) == ("Buenas", 600, 920)
    assert (second.text, second.start_ms, second.end_ms) == ("noches", 920, 1_500)
    assert (first.confidence, second.confidence) == pytest.approx((math.exp(-0.3), math.exp(-1.0)))


def test_a_word_without_a_time_begins_with_the_one_before() -> None:
    words = Segment(0, 900, 0, "a b c", [token("a", 300), token(" b"), token(" c", 200)]).words()
    assert [word.start_ms for word in words] == [300, 300, 300], "a time never goes back"


def test_a_word_heard_behind_the_cut_ends_no_earlier_than_it_begins() -> None:
    """Simultaneous translation cuts where its buffer begins: what was said behind it may be known already."""
    words = Segment(0, 900, 0, "a b", [token("a", 950), token(" b", 990)]).words()
    assert [(word.start_ms, word.end_ms) for word in words] == [(950, 990), (990, 990)]


def test_without_spaces_every_token_is_a_word() -> None:
    words = Segment(0, 900, 0, "你好", [token("你", 0), token("好", 300)]).words()
    assert [word.text for word in words] == ["你", "好"]


def test_a_text_of_blanks_has_no_word() -> None:
    assert Segment(0, 900, 0, " ", [token(" ", 0)]).words() == []


def test_segments_follow_the_events_of_a_stream() -> None:
    segments = Segments(16_000)
    segments.begin(SpeechStarted(0, 8_000, 9_600))
    segments.append(delta("Buenas", token("Buenas", 150)))
    segments.append(delta("Hola", utterance_id=1))
    segments.append(delta(" noches", token(" noches", 400), end=24_000))
    assert segments.first_text == "Buenas noches"
    segment = segments.end(0)
    assert segment is not None
    assert (segment.start_ms, segment.audio_ms, segment.end_ms) == (600, 500, 1_500)
    assert [word.start_ms for word in segment.words()] == [650, 900]
    assert segments.first_text == "Hola"
    assert segments.end(0) is None
