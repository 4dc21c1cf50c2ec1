"""Batches: nothing is lost, limits hold, labels hide the language position, directions are drawn evenly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.training.text_work import examples, grammar, make_tokenizer
from training.starter.examples.batching import IGNORED, character_targets, decoder_batch, encoder_batch
from training.starter.examples.texts import TextSource
from training.starter.tokenizer import EOS_ID, PAD_ID, StarterTokenizer


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> StarterTokenizer:
    return make_tokenizer(tmp_path_factory.mktemp("tokenizer"))


def test_labels_are_the_next_tokens_without_the_language(tokenizer: StarterTokenizer) -> None:
    texts = ["Where is the station?", ""]
    batch = decoder_batch(tokenizer, texts, ["eng", "deu"])
    tokens = tokenizer.encode(texts[0])
    assert batch.input_ids[0].tolist() == [EOS_ID, tokenizer.language_id("eng"), *tokens]
    assert batch.labels[0].tolist() == [IGNORED, *tokens, EOS_ID]
    padding = len(tokens)
    assert batch.input_ids[1].tolist() == [EOS_ID, tokenizer.language_id("deu"), *[PAD_ID] * padding]
    assert batch.labels[1].tolist() == [IGNORED, EOS_ID, *[IGNORED] * padding]


@pytest.mark.parametrize("words", [0, 1, 2, 4])
def test_a_prefix_is_given_and_not_learnt(tokenizer: StarterTokenizer, words: int) -> None:
    text = "Where is the station?"
    prefix = " ".join(text.split()[:words])
    batch = decoder_batch(tokenizer, [text, "Ja."], ["eng", "deu"], [prefix, ""])
    tokens, given = tokenizer.encode(text), len(tokenizer.encode(prefix))
    assert batch.input_ids[0].tolist() == [EOS_ID, tokenizer.language_id("eng"), *tokens]
    assert batch.labels[0].tolist() == [IGNORED] * (1 + given) + [*tokens[given:], EOS_ID]
    other = [IGNORED, *tokenizer.encode("Ja."), EOS_ID]
    assert batch.labels[1].tolist() == other + [IGNORED] * (batch.labels.shape[1] - len(other))


def test_whole_words_are_whole_tokens(tokenizer: StarterTokenizer) -> None:
    """A prefix of words is a prefix of tokens, which prefixes stand on."""
    source, rng = TextSource(grammar(), "combination"), np.random.default_rng(4)
    for text in (written for _ in range(60) for written in source.draw(rng).texts().values()):
        tokens, words = tokenizer.encode(text), text.split()
        for count in range(len(words)):
            given = tokenizer.encode(" ".join(words[:count]))
            assert tokens[: len(given)] == given


def test_encoder_inputs_begin_with_their_language(tokenizer: StarterTokenizer) -> None:
    ids, mask = encoder_batch(tokenizer, ["Ja.", "Where is the station?"], ["deu", "eng"])
    assert ids[:, 0].tolist() == [tokenizer.language_id("deu"), tokenizer.language_id("eng")]
    assert mask.sum(1).tolist() == [len(tokenizer.encode("Ja.")) + 2, ids.shape[1]]
    assert ids[0, mask[0].sum() - 1] == ids[1, -1] == EOS_ID


def test_every_language_survives_the_tokenizer(tokenizer: StarterTokenizer) -> None:
    source, rng = TextSource(grammar(), "combination"), np.random.default_rng(1)
    for text in (source.draw(rng) for _ in range(50)):
        for written in text.texts().values():
            assert tokenizer.decode(tokenizer.encode(written)) == written


def test_ctc_targets_spell_the_transcript() -> None:
    made = examples([30, 50, 40])
    ids = {character: number for number, character in enumerate(sorted(set("".join(
        text for example in made for text in example.texts.values()))), start=1)}  # fmt: skip
    targets = character_targets(made, ids)
    spelled = {number: character for character, number in ids.items()}
    assert "".join(spelled[number] for number in targets.ids.tolist()) == "".join(
        example.transcript for example in made
    )
    assert targets.counts.tolist() == [len(made[0].transcript), len(made[1].transcript), 0]
    heard = [replace(made[0], spoken=made[1].transcript), replace(made[1], spoken="")]
    targets = character_targets(heard, ids)
    assert "".join(spelled[number] for number in targets.ids.tolist()) == made[1].transcript
    assert targets.counts.tolist() == [len(made[1].transcript), 0]
