"""Batches: nothing is lost, limits hold, labels hide the language position, directions are drawn evenly."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from tests.training.text_work import examples, grammar, make_tokenizer
from training.starter.corpus import TextSource
from training.starter.examples.batching import (
    DIRECTIONS,
    IGNORED,
    augment_features,
    character_targets,
    decoder_batch,
    encoder_batch,
    length_batches,
    other_languages,
    stack_features,
)
from training.starter.grammar import LANGUAGES
from training.starter.tokenizer import EOS_ID, PAD_ID, VOCABULARY_SIZE, StarterTokenizer


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> StarterTokenizer:
    return make_tokenizer(tmp_path_factory.mktemp("tokenizer"))


def test_length_batches_keep_the_limit_and_every_example() -> None:
    rng = np.random.default_rng(0)
    made = examples(rng.integers(10, 300, 120).tolist())
    batches = length_batches(made, 900, rng)
    assert Counter(id(example) for batch in batches for example in batch) == Counter(map(id, made))
    padded = [len(batch) * max(len(example.features) for example in batch) for batch in batches]
    assert max(padded) <= 900
    assert sum(len(example.features) for example in made) > 0.85 * sum(padded)


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


def test_the_language_tokens_end_the_vocabulary(tokenizer: StarterTokenizer) -> None:
    ids = [tokenizer.language_id(language) for language in LANGUAGES]
    assert ids == list(range(VOCABULARY_SIZE - len(LANGUAGES), VOCABULARY_SIZE))


def test_every_language_survives_the_tokenizer(tokenizer: StarterTokenizer) -> None:
    source, rng = TextSource(grammar(), "combination"), np.random.default_rng(1)
    for text in (source.draw(rng) for _ in range(50)):
        for written in text.texts().values():
            assert tokenizer.decode(tokenizer.encode(written)) == written


def test_twelve_directions_equally_often() -> None:
    assert len(DIRECTIONS) == 12
    source, rng = TextSource(grammar()), np.random.default_rng(2)
    pairs = [source.draw_pair(rng, 1) for _ in range(2400)]
    counts = Counter((pair.source_language, pair.target_language) for pair in pairs)
    assert set(counts) == set(DIRECTIONS)
    assert min(counts.values()) > 140
    assert all(language not in other_languages(language) for language in LANGUAGES)


def test_features_are_padded_with_zeros_and_augmented_on_request() -> None:
    made = examples([30, 50, 40])
    features, counts = stack_features(made)
    assert counts.tolist() == [30, 50, 40]
    assert np.array_equal(features[0, :30].numpy(), made[0].features.astype(np.float32))
    assert not features[0, 30:].any()
    mel = made[1].features.astype(np.float32)
    rng = np.random.default_rng(3)
    changed = [not np.array_equal(augment_features(mel, rng), mel) for _ in range(50)]
    assert 0.5 < np.mean(changed) < 1.0


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
