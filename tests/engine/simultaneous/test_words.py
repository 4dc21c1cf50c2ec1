"""Words of pieces, with and without spaces."""

from __future__ import annotations

import pytest

from translate_svc import languages
from translate_svc.engine.simultaneous.words import (
    begun_tokens,
    character_count,
    continues_word,
    ends_in_whole_character,
    is_spaced,
    starts_word,
)


def test_languages_that_write_without_spaces() -> None:
    unspaced = {each.code for each in languages.packaged() if not is_spaced(each.code)}
    assert unspaced == {"cmn", "cmn_Hant", "jpn", "khm", "lao", "mya", "tha", "yue"}
    assert is_spaced("kor")
    assert is_spaced("no such language")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("_Good _morn ing .", "_Good _morning."),
        ("_3 . 5 _p . m .", "_3.5 _p.m."),
        ("_l ' a mi", "_l'ami"),
        ("_well - known", "_well-known"),
        ("_\u00bf Qu\u00e9 ?", "_\u00bfQu\u00e9?"),
        ("_ example . org ! !", "_example.org!!"),
        ("_caf <0xC3> <0xA9> .", "_caf<0xC3><0xA9>."),
    ],
)
def test_words_with_spaces(text: str, words: str) -> None:
    assert _joined(text, spaced=True) == words.replace("_", "\u2581")


@pytest.mark.parametrize(
    ("piece", "continues"),
    [
        ("_a", False), ("a", True), (".", False), ("'", True), ("-", True), ("3", True), ("<0xA9>", True),
        ("_", False), ("_.", False), ("", False),
    ],
)  # fmt: skip
def test_pieces_that_lengthen_a_word(piece: str, continues: bool) -> None:
    assert continues_word(piece.replace("_", "\u2581")) is continues


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("\u6211 \u4eec \u3002", "\u6211 \u4eec \u3002"),
        ("<0xE6> <0x88> <0x91> <0x41>", "<0xE6><0x88><0x91> <0x41>"),
        ("\u0e01 \u0e31 \u0e19", "\u0e01\u0e31 \u0e19"),
    ],
)
def test_words_without_spaces(text: str, words: str) -> None:
    assert _joined(text, spaced=False) == words


@pytest.mark.parametrize(
    ("text", "first", "waiting"),
    [
        ("_She", 0, 1), ("_She _was _in", 0, 3), ("_She _was _in _town", 0, 0), ("_Yes .", 0, 0),
        ("_Go ! _She _was", 0, 2), ("_Go ! _She _was", 2, 2), ("_Go ! _She _was", 3, 0), ("_Go !", 2, 0),
        ("_S he _was _i n", 0, 5), ("", 0, 0),
    ],
)  # fmt: skip
def test_the_first_words_of_a_sentence(text: str, first: int, waiting: int) -> None:
    pieces = text.replace("_", "\u2581").split()
    assert begun_tokens(pieces, first, 4, spaced=True) == waiting


def _joined(text: str, *, spaced: bool) -> str:
    pieces = text.replace("_", "\u2581").split()
    return "".join(
        f" {piece}" if starts_word(pieces, index, spaced=spaced) else piece
        for index, piece in enumerate(pieces)
    ).strip()


@pytest.mark.parametrize(
    ("pieces", "whole"),
    [([], True), (["a"], True), (["<0xE6>", "<0x88>"], False), (["<0xE6>", "<0x88>", "<0x91>"], True)],
)
def test_whole_characters(pieces: list[str], whole: bool) -> None:
    assert ends_in_whole_character(pieces) is whole


def test_characters_are_counted() -> None:
    assert character_count(["\u2581\u6211\u4eec", "<0xE6>", "<0x88>", "<0x91>", "\u3002"]) == 4
