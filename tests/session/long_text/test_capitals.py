"""Texts in capitals."""

from __future__ import annotations

import pytest

from translate_svc.session.long_text.capitals import without_capitals


@pytest.mark.parametrize(
    ("language", "text", "read"),
    [
        ("eng", "WHERE IS THE STATION?", "Where is the station?"),
        ("eng", "STOP! I'LL CALL 112. NOW.", "Stop! I'll call 112. Now."),
        ("spa", "¿DÓNDE ESTÁ LA ESTACIÓN?", "¿Dónde está la estación?"),
        ("fra", '"OÙ EST LA GARE ?"', '"Où est la gare ?"'),
        ("ell", "ΠΟΥ ΕΙΝΑΙ Ο ΣΤΑΘΜΟΣ;", "Που ειναι ο σταθμος;"),
        ("tur", "İSTASYON NEREDE? ILIK SU.", "İstasyon nerede? Ilık su."),
        ("eng", "THANKS!", "Thanks!"),
        ("eng", "AT 5 A.M.", "At 5 a.m."),
    ],
)
def test_a_text_in_capitals_is_read_as_one_without(language: str, text: str, read: str) -> None:
    assert without_capitals(text, language) == read


@pytest.mark.parametrize(
    "text",
    ["NASA", "I", "OK!", "112", "Where is it?", "the USA", "I LOVE my work.", "駅はどこですか。", "...", ""],
)
def test_any_other_text_stays_as_it_is(text: str) -> None:
    assert without_capitals(text, "eng") == text
