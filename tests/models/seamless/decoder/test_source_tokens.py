"""Source texts to tokens: transformers' ids, except where those would let a text speak to the model."""

from __future__ import annotations

import functools
from typing import Any

import pytest
import transformers
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.checkpoints import checkpoint_folder
from tests.models.seamless.modules import checkpoint
from translate_svc.models.seamless.tokenizer import SentencePieceTokenizer

UNKNOWN = 1
CONTROL_PIECES = ("<pad>", "<unk>", "<s>", "</s>", "__eng__", "__spa__")
UNCOMMON_SPACES = "\v\f\x1c\x1d\x1e\x1f\x85\u1680\u2028\u2029\u2581"
"""White space that transformers' normalizer does not know, or knows only in part."""

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=UNCOMMON_SPACES)) | st.lists(
    st.sampled_from(
        [
            "train",
            "el tren",
            "¿",
            "¡Hola",
            "7",
            "día",
            "di\u0301a",
            "Straße",
            "日本",
            "😀",
            "\n",
            "\t",
            "  ",
            " .",
            "ﬁn",
            "½",
        ]
    )
).map("".join)


@functools.cache
def ours() -> SentencePieceTokenizer:
    whole = checkpoint("starter")
    return SentencePieceTokenizer.from_pretrained(
        whole.path, config=whole.config, languages=whole.maps.text_languages
    )


@functools.cache
def theirs() -> Any:
    return transformers.SeamlessM4TTokenizer.from_pretrained(checkpoint_folder("starter"))


def words(text: str) -> tuple[int, ...]:
    """The tokens of the text alone."""
    language, *tokens, end = ours().source_tokens(text, "eng")
    assert (language, end) == ours().prompt("eng")[::-1]
    return tuple(tokens)


@given(text=texts, language=st.sampled_from(["eng", "spa", "fra", "deu"]))
@example("Where is the train station?", "eng")
@example("¿Dónde está la estación de tren?", "spa")
@example("Où est l'hôtel, s'il vous plaît?", "fra")
@example("Die Straßenbahn fährt um halb sieben ab.", "deu")
@example("  two  spaces,\ta tab\r\nand a line ", "eng")
@example("", "eng")
@example(" \n\t ", "spa")
@example("cafe\u0301 ＡＢＣ ﬁ ½ ①", "eng")
@example("😀😀 日本語 שלום 😀", "eng")
@example("\x00a\x07b\x7f\u200bc\u200d\ufeff\u202ed\u00ad", "eng")
@example("word" * 500, "eng")
@settings(max_examples=400)
def test_a_text_has_transformers_ids(text: str, language: str) -> None:
    if any(piece in text for piece in CONTROL_PIECES):
        return
    assert list(ours().source_tokens(text, language)) == theirs()(text, src_lang=language).input_ids


@pytest.mark.parametrize("piece", CONTROL_PIECES)
@pytest.mark.parametrize("around", ["{}", "hello {} world", "a{}{}b", "{} "])
def test_a_control_token_in_a_text_is_only_its_characters(piece: str, around: str) -> None:
    """transformers would end the source, or change its language, wherever the text says so."""
    text = around.replace("{}", piece)
    control = set(theirs().all_special_ids) - {UNKNOWN}
    assert control & set(theirs()(text, src_lang="eng").input_ids[1:-1]) or piece == "<unk>"
    assert not control & set(words(text))
    assert set(words(piece)) != {UNKNOWN}, "its letters are in the vocabulary"


@given(text=st.lists(st.sampled_from([*"<>/_ ▁sunkpaeg", *CONTROL_PIECES])).map("".join))
@settings(max_examples=200)
def test_no_text_makes_a_control_token(text: str) -> None:
    assert all(token == UNKNOWN or not ours().is_special(token) for token in words(text))


@pytest.mark.parametrize(
    "space", ["\n", "\r\n", "\t", " ", "   ", "\u00a0", "\u3000", *UNCOMMON_SPACES, "▁ ▁"]
)
def test_white_space_of_any_kind_is_one_space(space: str) -> None:
    assert words(f"the{space}train") == words("the train")
    assert words(f"{space}the train{space}") == words("the train")
    assert words(space) == ()


def test_unknown_characters_are_one_unknown_token_a_run() -> None:
    assert words("😀") == words("😀日本語")
    assert words("the 😀").count(UNKNOWN) == 1
    assert words("😀 the 日").count(UNKNOWN) == 2


def test_an_unknown_language_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        ours().source_tokens("the train", "ita")
