"""Characters of tokens: transformers' counts where it is right, silence where it would say "None"."""

from __future__ import annotations

import numpy as np
import torch

from tests.checkpoints import oracle
from tests.models.seamless.modules import checkpoint
from tests.tiny_checkpoint import UNMAPPED_TOKEN_ID
from translate_svc.models.seamless.t2u.characters import CharacterTable

PROMPT = (3, 97)


def test_counts_and_ids_are_transformers() -> None:
    model = oracle("tiny").model
    table = checkpoint("tiny").character_table()
    rng = np.random.default_rng(0)
    mapped = np.array([id_ for id_ in range(4, 97) if id_ != UNMAPPED_TOKEN_ID])
    for length in (1, 2, 5, 30, 60):
        tokens = rng.choice([*mapped, 1], size=length).tolist()
        ids = torch.tensor([tokens])
        pieces = model._indices_to_subwords(ids)
        counts = model._count_character_length_in_subword(ids, pieces)
        expected = model._get_char_input_ids(ids, pieces, counts)[0].tolist()
        ours = table.characters((*PROMPT, *tokens))
        assert list(ours.counts_per_token) == [0, *counts[0].tolist(), 0]
        assert list(ours.character_ids) == expected


def test_an_unmapped_token_is_silent() -> None:
    """transformers looks it up, gets None, and spells "None"."""
    table = checkpoint("tiny").character_table()
    assert oracle("tiny").model._indices_to_subwords(torch.tensor([[UNMAPPED_TOKEN_ID]])) == [["None"]]
    spoken = table.characters((*PROMPT, 20, UNMAPPED_TOKEN_ID, 30))
    assert spoken.character_ids == table.characters((*PROMPT, 20, 30)).character_ids
    assert spoken.counts_per_token[2:4] == (0, spoken.counts_per_token[3])


def test_control_symbols_and_languages_are_silent() -> None:
    table = checkpoint("tiny").character_table()
    assert table.characters((*PROMPT, 0, 2, 3, 97, 98)).character_ids == ()
    assert table.characters((*PROMPT, 0, 2, 3, 97, 98)).counts_per_token == (0,) * 7


def test_no_text_has_no_characters() -> None:
    assert checkpoint("tiny").character_table().characters(PROMPT).character_ids == ()


def test_the_space_behind_punctuation_belongs_to_it() -> None:
    table = CharacterTable(
        {10: ",", 11: "▁so", 12: "▁", 13: "a"}, {",": 4, "▁": 5, "s": 6, "o": 7, "a": 8}, silent_ids=()
    )
    assert table.characters((*PROMPT, 10, 11)).counts_per_token == (0, 2, 2, 0)
    assert table.characters((*PROMPT, 13, 11)).counts_per_token == (0, 1, 3, 0)
    assert table.characters((*PROMPT, 10, 12, 11)).counts_per_token == (0, 1, 1, 3, 0)
    assert table.characters((*PROMPT, 1, 13)).character_ids == (1, 8)


def test_punctuation_and_the_space_behind_it_are_pauses() -> None:
    """Other spaces hold the ends of words: where they were shortened, words were misheard."""
    pieces = {10: ",", 11: "▁so", 12: "▁", 13: "¿a", 14: "l'", 15: "-"}
    table = CharacterTable(pieces, {"a": 4}, silent_ids=())
    assert table.characters((*PROMPT, 11, 10, 12, 1, 13)).pauses == (3, 4, 6)
    assert table.characters((*PROMPT, 11, 12, 11)).pauses == ()
    assert table.characters((*PROMPT, 14, 12, 15, 11)).pauses == ()
    assert table.characters((*PROMPT, 10, 1, 12)).pauses == (0,)


def test_sentence_ends_are_followed_by_a_space_or_nothing() -> None:
    pieces = {10: ".", 11: "▁a", 12: "5", 13: "。", 14: "!"}
    table = CharacterTable(pieces, {"a": 4}, silent_ids=())
    assert table.characters((*PROMPT, 11, 10, 11, 14)).sentence_ends == (2, 5)
    assert table.characters((*PROMPT, 12, 10, 12)).sentence_ends == ()
    assert table.characters((*PROMPT, 12, 13, 12)).sentence_ends == (1,)
    assert table.characters((*PROMPT, 1, 11)).sentence_ends == ()


def test_a_character_that_is_not_mapped_is_unknown() -> None:
    table = CharacterTable({10: "añb"}, {"a": 4, "b": 5}, silent_ids=())
    assert table.characters((*PROMPT, 10)).character_ids == (4, 1, 5)
