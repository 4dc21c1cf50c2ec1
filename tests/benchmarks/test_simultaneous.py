"""The metrics of ``make simultaneous`` on hand-made events."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.simultaneous.joins import Joined, invented, join, lags_ms, slope_ms_per_s, source_words
from benchmarks.simultaneous.longform import longform_scores
from benchmarks.simultaneous.monologues import (
    SAMPLES_PER_MS,
    Monologue,
    Sentence,
)
from benchmarks.simultaneous.speech import (
    Sound,
    StreamSpeech,
    play,
    torn_words,
)
from benchmarks.simultaneous.words import Delta, Word, flicker, texts_of, words_of

SENTENCES = (
    Sentence({"spa": "uno dos tres cuatro"}, 0, 4000),
    Sentence({"spa": "cinco seis siete ocho"}, 4200, 8200),
)
REFERENCE = source_words(SENTENCES, "spa")
KNOWN = [True] * len(REFERENCE)


def deltas(*pieces: tuple[str, float], utterance_id: int = 0) -> list[Delta]:
    """Text and when it was decided on; the last one is final."""
    told = [Delta(utterance_id, text, heard_ms, heard_ms) for text, heard_ms in pieces]
    return [*told[:-1], replace(told[-1], final=True)]


def prompt(texts: list[str], lag_ms: float = 1000) -> list[Delta]:
    """A word a step, each so long after its source."""
    moments = [word.said_ms + lag_ms for word in REFERENCE]
    pairs = zip(texts, moments, strict=False)
    return deltas(*((f" {text}", moment) for text, moment in pairs))


def joined(told: list[Delta]) -> Joined:
    return join(REFERENCE, words_of(told), KNOWN)


GOOD = ["uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho"]


def test_words_are_known_when_their_last_letter_is() -> None:
    words = words_of(deltas((" u", 100), ("no dos", 200), (".", 300)))
    assert [(word.text, word.heard_ms, word.place) for word in words] == [("uno", 200, 1), ("dos.", 300, 5)]


@pytest.mark.parametrize(
    "told",
    [
        deltas((" casa", 100), ("s", 200)),
        [*deltas((" casa", 100)), Delta(0, " roja", 200, 200)],
        deltas((" casa", 300), (" roja", 200)),
        [Delta(0, " casa", heard_ms=300, arrived_ms=200, final=True)],
    ],
    ids=["grows a word", "after the last one", "goes back", "comes before it was heard"],
)
def test_an_altered_delta_is_flicker(told: list[Delta]) -> None:
    assert flicker(told) == 1


def test_prompt_words_are_all_found_and_their_lag_is_told() -> None:
    told = words_of(prompt(GOOD))
    result = join(REFERENCE, told, KNOWN)
    assert result == Joined(tuple((place, place) for place in range(8)), (), ())
    moments = [word.heard_ms for word in told]
    assert lags_ms(REFERENCE, moments, result.pairs) == pytest.approx([1000] * 8)
    assert slope_ms_per_s(REFERENCE, moments, result.pairs) == pytest.approx(0, abs=1e-6)


def test_a_lost_word_is_seen() -> None:
    assert joined(prompt([word for word in GOOD if word != "cinco"])).lost == (4,)
    assert joined(prompt(GOOD[:-1])).lost == (7,)


@pytest.mark.parametrize(
    ("told", "places"),
    [
        ("uno dos tres", ()),
        ("uno dos tras", ()),
        ("uno dos seis", (2,)),
        ("uno dos tres cuatro", (3,)),
        ("uno tres", ()),
        ("tras dos", (0,)),
    ],
    ids=["right", "wrong, but so is the whole sentence", "another word", "too many", "left out", "elsewhere"],
)
def test_words_that_the_model_does_not_say_of_the_whole_sentence_are_invented(
    told: str, places: tuple[int, ...]
) -> None:
    assert invented(["uno", "dos", "tres"], ["uno", "dos", "tras"], told.split()) == places


# ------------------------------------------------------------------ speech


def sound(
    start: int, count: int, heard_ms: float, durations: tuple[int, ...] = (), utterance_id: int = 0
) -> Sound:
    samples = np.arange(start, start + count, dtype=np.float32)
    return Sound(utterance_id, start, samples, heard_ms, heard_ms + 50, durations)


def test_speech_is_played_when_it_is_there_and_what_was_before_has_ended() -> None:
    second = SAMPLES_PER_MS * 1000
    pieces = [sound(0, second, 2000), sound(second, second, 2500), sound(2 * second, second, 9000)]
    assert [each.starts_ms for each in play(pieces)] == [2000, 3000, 9000]
    assert [each.starts_ms for each in play(pieces, arrivals=True)] == [2050, 3050, 9050]


def test_a_word_is_torn_where_speech_stops_within_it() -> None:
    told = deltas(("uno dos tres", 2000))
    words, texts = words_of(told), texts_of(told)

    def torn(*lengths: int) -> int:
        starts = np.cumsum([0, *lengths])[:-1]
        sounds = [
            sound(int(start) * 320, length * 320, 2000.0 + 9000 * index, (1,) * 12 if index == 0 else ())
            for index, (start, length) in enumerate(zip(starts, lengths, strict=True))
        ]
        return torn_words(words, StreamSpeech(texts, sounds), play(sounds))

    assert torn(12) == torn(3, 9) == torn(4, 4, 4) == 0, "between words or not at all"
    assert torn(2, 10) == torn(2, 4, 6) - 1 == 1


# ------------------------------------------------------------------ the field's tool


def heard_words(lag_ms: float) -> list[Word]:
    return words_of(prompt(GOOD, lag_ms))


def test_omnisteval_tells_quality_and_lag() -> None:
    samples = np.zeros(12_000 * SAMPLES_PER_MS, np.float32)
    monologue = Monologue("one", "eng", samples, SENTENCES)
    prompt_scores = longform_scores([(monologue, heard_words(500))], "spa")
    late = longform_scores([(monologue, heard_words(2500))], "spa")
    assert prompt_scores.bleu == pytest.approx(100)
    assert late.yaal_ms == pytest.approx(prompt_scores.yaal_ms + 2000), "the last words count as well"
    assert late.ca_yaal_ms == late.yaal_ms
