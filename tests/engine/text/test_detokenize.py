"""Incremental detokenization against decoding the whole text in one call."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.fake_tokenizer import FakeTokenizer
from translate_svc.engine.text.detokenize import Detokenizer, TokenTexts
from translate_svc.errors import EngineError


def whole_text(pieces: list[str]) -> str:
    """All pieces in one call: runs of byte pieces are decoded together, then the dummy prefix is dropped.

    A space mark spelled in bytes is the character U+2581 itself, as in SentencePiece.
    """
    text = ""
    for is_bytes, run in itertools.groupby(pieces, lambda piece: bool(re.fullmatch("<0x..>", piece))):
        joined = "".join(run)
        if is_bytes:
            text += bytes.fromhex(re.sub("[<>]|0x", "", joined)).decode("utf-8", "replace")
        else:
            text += joined.replace("▁", " ")
    return text.lstrip(" ")


def byte_pieces(character: str) -> list[str]:
    return [f"<0x{byte:02X}>" for byte in character.encode()]


PIECES = st.lists(
    st.one_of(
        st.text("▁ab.ñ語", min_size=1, max_size=4).map(lambda piece: [piece]),
        st.characters(codec="utf-8").map(byte_pieces),
        st.integers(0, 255).map(lambda byte: [f"<0x{byte:02X}>"]),  # most of them never make a character
    ),
    max_size=12,
).map(lambda runs: list(itertools.chain.from_iterable(runs)))


@given(PIECES)
def test_deltas_concatenate_to_the_whole_text_and_are_never_taken_back(pieces: list[str]) -> None:
    tokenizer = FakeTokenizer(pieces=pieces)
    detokenizer = Detokenizer(TokenTexts(tokenizer))
    text = ""
    for token_id in tokenizer.text_ids:
        text += detokenizer.push(token_id)
        assert detokenizer.text == text
    text += detokenizer.finish()
    assert text == detokenizer.text == whole_text(pieces)


def test_an_incomplete_character_is_held_back() -> None:
    tokenizer = FakeTokenizer(pieces=["▁a", "<0xE2>", "<0x82>", "<0xAC>"])
    detokenizer = Detokenizer(TokenTexts(tokenizer))
    assert [detokenizer.push(token_id) for token_id in tokenizer.text_ids] == ["a", "", "", "€"]
    assert detokenizer.finish() == ""


def test_bytes_that_never_make_a_character_come_out_with_what_follows_or_at_the_end() -> None:
    tokenizer = FakeTokenizer(pieces=["<0xE2>", "x", "<0xC3>"])
    detokenizer = Detokenizer(TokenTexts(tokenizer))
    assert [detokenizer.push(token_id) for token_id in tokenizer.text_ids] == ["", "\ufffdx", ""]
    assert detokenizer.finish() == "\ufffd"


def test_only_the_leading_spaces_are_dropped() -> None:
    tokenizer = FakeTokenizer(pieces=["▁", "▁", "▁a", "▁", "▁b"])
    detokenizer = Detokenizer(TokenTexts(tokenizer))
    assert [detokenizer.push(token_id) for token_id in tokenizer.text_ids] == ["", "", "a", " ", " b"]


def test_special_tokens_and_ids_without_text_have_no_text_and_split_no_character() -> None:
    tokenizer = FakeTokenizer(pieces=["<0xC3>", "", "<0xA9>"])
    detokenizer = Detokenizer(TokenTexts(tokenizer))
    first, empty, last = tokenizer.text_ids
    pushed = [detokenizer.push(token_id) for token_id in (first, 1, empty, tokenizer.prompt("spa")[-1], last)]
    assert pushed == ["", "", "", "", "é"]


def test_a_token_that_the_tokenizer_does_not_know_is_an_error_that_names_it() -> None:
    with pytest.raises(EngineError, match="token 10000"):
        Detokenizer(TokenTexts(FakeTokenizer())).push(10_000)
