"""What stands around a sentence stays out of its translation."""

from __future__ import annotations

import pytest

from translate_svc.session.long_text.frame import framed, without_invisible


@pytest.mark.parametrize(
    "parts",
    [
        ('"', "Good morning.", '"'),
        ("\u201c", "Where is it?", "\u201d"),
        ("\u201e", "Guten Morgen.", "\u201c"),
        ("\u00ab\u00a0", "O\u00f9 est la gare ?", "\u00a0\u00bb"),
        ("\u00bb", "Guten Morgen.", "\u00ab"),
        ('"', "Good morning", '".'),
        ("**", "Good morning.", "**"),
        ("(", "Room 5", ")"),
        ("", "Good morning!", " \U0001f642\U0001f44d\U0001f3fd"),
        ("\u2764\ufe0f ", "Thanks.", " \U0001f468\u200d\U0001f469\u200d\U0001f467"),
        ("", "Thanks", " :-)"),
        ("\u266a ", "Good morning", " \u266a"),
        ('"', "We came in the morning,", ""),
        ("", "and left.", '"'),
        ("\U0001f642 *(", "Thanks.", ")*"),
    ],
)
def test_marks_around_a_sentence_are_taken_off(parts: tuple[str, str, str]) -> None:
    assert framed("".join(parts)) == parts


@pytest.mark.parametrize(
    "sentence",
    [
        '"Hello," he said.',
        'He said "hello".',
        "Room 5 (left)",
        "(a) and (b)",
        "the friends\u2019",
        "\u2019Twas",
        "\u00bfQu\u00e9?",
        "$5 for 3 * 2",
        "-5 \u00b0C",
        "#travel @anna",
        "\U0001f642",
        "...",
    ],
)
def test_what_belongs_to_the_sentence_stays(sentence: str) -> None:
    assert framed(sentence) == ("", sentence, "")


def test_what_has_no_shape_is_dropped() -> None:
    assert without_invisible("\ufeffgood\u200e mor\u00adn\u200bing", spaced=True) == "good morning"


def test_joiners_and_the_spaces_of_a_script_without_spaces_stay() -> None:
    persian, thai = (
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "\u0e44\u0e17\u0e22\u200b\u0e44\u0e17\u0e22",
    )
    assert without_invisible(persian, spaced=True) == persian
    assert without_invisible(thai, spaced=False) == thai
