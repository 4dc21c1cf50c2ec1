"""Pieces of continuous speech: what is said already, what is settled at the cut, what is still to come."""

from __future__ import annotations

from dataclasses import replace

import pytest

from training.starter.examples.settled import SettledCounts
from training.starter.examples.windows import TimedSentence, WindowTexts, window_texts, word_spans
from training.starter.grammar import LANGUAGES

# Spanish "Quiero un té." waits for the second and third word; German for the end.
FIRST = TimedSentence(
    {"eng": "I want tea.", "spa": "Quiero un té.", "fra": "Je veux du thé.", "deu": "Ich will Tee."},
    {
        "eng": SettledCounts((0, 1, 2, 2)),
        "spa": SettledCounts((0, 0, 2, 2)),
        "fra": SettledCounts((0, 1, 2, 3)),
        "deu": SettledCounts((0, 1, 1, 1)),
    },
    ((1000, 2000), (2000, 3000), (3000, 4000)),
    end_sample=4500,
    surely_heard_samples=100,
)
SECOND = replace(FIRST, word_spans=((5000, 6000), (6000, 7000), (7000, 8000)), end_sample=8500)
FREE = TimedSentence(
    dict.fromkeys(LANGUAGES, ""),
    dict.fromkeys(LANGUAGES, SettledCounts((0, 0))),
    ((9000, 9500),),
    end_sample=9600,
    surely_heard_samples=100,
)
ALL = (FIRST, SECOND, FREE)


@pytest.mark.parametrize(
    ("cut", "english", "spanish", "german"),
    [
        pytest.param(0, 0, 0, 0, id="nothing heard"),
        pytest.param(2099, 0, 0, 0, id="a word that ended too short a time ago"),
        pytest.param(2100, 1, 0, 1, id="a word heard"),
        pytest.param(3500, 2, 2, 1, id="inside of a word"),
        pytest.param(4499, 2, 2, 1, id="all words, but the sentence may go on"),
        pytest.param(4500, 3, 3, 3, id="the sentence is over"),
    ],
)
def test_words_settled_at_a_cut(cut: int, english: int, spanish: int, german: int) -> None:
    assert [FIRST.settled_words(each, cut) for each in ("eng", "spa", "deu")] == [english, spanish, german]


def window(start: int, committed: int, end: int, history: int = 10) -> WindowTexts:
    return window_texts(ALL, "eng", start, committed, end, history)


@pytest.mark.parametrize(
    ("times", "prefix", "text", "rest"),
    [
        pytest.param((0, 0, 3500), "", "Quiero un", "té. Quiero un té.", id="half a sentence"),
        pytest.param((0, 4600, 7200), "Quiero un té.", "Quiero un té. Quiero un", "té.", id="goes on"),
        pytest.param((0, 4600, 4700), "Quiero un té.", "Quiero un té.", "Quiero un té.", id="nothing new"),
        pytest.param((0, 4600, 20_000), "Quiero un té.", "Quiero un té. Quiero un té.", "", id="to the end"),
        pytest.param((2500, 4600, 7200), "té.", "té. Quiero un", "té.", id="begins inside of a sentence"),
        pytest.param((4500, 4600, 7200), "", "Quiero un", "té.", id="what left the piece is not repeated"),
        pytest.param((2500, 2600, 7200), "", "té. Quiero un", "té.", id="what began before is not asked for"),
    ],
)
def test_texts_of_a_piece(times: tuple[int, int, int], prefix: str, text: str, rest: str) -> None:
    found = window(*times)
    assert (found.prefixes["spa"], found.texts["spa"], found.rests["spa"]) == (prefix, text, rest)


@pytest.mark.parametrize(("history", "prefix"), [(0, ""), (1, "tea."), (2, "want tea."), (9, "I want tea.")])
def test_the_prefix_is_the_last_words_said(history: int, prefix: str) -> None:
    found = window(0, 4600, 7200, history)
    assert found.prefixes["eng"] == prefix
    assert found.texts["eng"] == f"{prefix} I want".strip()


@pytest.mark.parametrize(
    ("start", "end", "spoken"),
    [(0, 3600, "I want tea."), (0, 3400, "I want"), (2600, 6600, "tea. I want"), (8100, 9600, "")],
)
def test_what_is_spoken_in_a_piece(start: int, end: int, spoken: str) -> None:
    assert window(start, start, end).spoken == spoken


def test_neighbours_spoken_as_one_share_its_time() -> None:
    spoken = [(0, 10, 20), (3, 20, 50), (15, 60, 90)]
    assert word_spans("I am in the bed.", [spoken[0], spoken[1], (12, 60, 90)]) == (
        (10, 20), (20, 50), (20, 50), (20, 50), (60, 90),
    )  # fmt: skip
    assert word_spans("¿Dónde está?", [(1, 5, 9), (7, 9, 12)]) == ((5, 9), (9, 12))
