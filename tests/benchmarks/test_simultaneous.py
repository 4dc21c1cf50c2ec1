"""The metrics of ``make simultaneous`` on hand-made events."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.simultaneous.joins import Joined, join, lags_ms, slope_ms_per_s, source_words
from benchmarks.simultaneous.longform import longform_scores
from benchmarks.simultaneous.monologues import SAMPLES_PER_MS, Monologue, Sentence
from benchmarks.simultaneous.words import Delta, Word, flicker, words_of

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
