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
    assert (first.text, first.start_ms, first.end_ms) == ("Buenas", 600, 782)
    assert (second.text, second.start_ms, second.end_ms) == ("noches", 782, 1_500)
    assert (first.confidence, second.confidence) == pytest.approx((math.exp(-0.3), math.exp(-1.0)))


def test_the_time_of_a_token_is_the_middle_of_its_word() -> None:
    tokens = [token("abcd", 200), token(" efgh", 700), token(" ijkl", 1_200)]
    words = Segment(0, 1_500, 0, "abcd efgh ijkl", tokens).words()
    assert [(word.start_ms, word.end_ms) for word in words] == [(0, 500), (500, 1_000), (1_000, 1_500)]


def test_words_without_a_time_share_what_is_between_those_that_have_one() -> None:
    tokens = [token("on", 300), token(" Mon"), token("day"), token(" at"), token(" six", 1_100)]
    words = Segment(0, 1_200, 0, "on Monday at six", tokens).words()
    durations = {word.text: word.end_ms - word.start_ms for word in words}
    assert durations["Monday"] > durations["at"] > 0
    assert [word.end_ms for word in words[:-1]] == [word.start_ms for word in words[1:]]


def test_a_time_that_goes_back_is_left_out() -> None:
    words = Segment(0, 900, 0, "a b c", [token("a", 600), token(" b", 200), token(" c")]).words()
    starts_ms = [word.start_ms for word in words]
    assert starts_ms == sorted(set(starts_ms)), "no word is without a duration"


def test_a_word_heard_behind_the_cut_ends_no_earlier_than_it_begins() -> None:
    """Simultaneous translation cuts where its buffer begins: what was said behind it may be known already."""
    words = Segment(0, 900, 0, "a b", [token("a", 950), token(" b", 990)]).words()
    assert words[0].end_ms == words[1].start_ms <= words[1].end_ms == 990


def test_without_spaces_every_token_is_a_word() -> None:
    words = Segment(0, 900, 0, "你好", [token("你", 0), token("好", 300)]).words()
    assert [word.text for word in words] == ["你", "好"]


def test_a_text_of_one_word_is_one_word() -> None:
    tokens = [token("H"), token("ol", 100), token("a"), token(".")]
    (word,) = Segment(0, 300, 0, "Hola.", tokens).words()
    assert (word.text, word.start_ms, word.end_ms) == ("Hola.", 0, 300)


def test_a_space_that_is_a_token_of_its_own_parts_words() -> None:
    tokens = [token("quiere"), token(" "), token("i"), token("r"), token(" a")]
    words = Segment(0, 900, 0, "quiere ir a", tokens).words()
    assert [word.text for word in words] == ["quiere", "ir", "a"]


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
    assert [word.start_ms for word in segment.words()] == [600, 792]
    assert segments.first_text == "Hola"
    assert segments.end(0) is None
