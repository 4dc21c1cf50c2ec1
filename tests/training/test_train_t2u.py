"""The T2U stage: batches of like texts, and a loss that teacher and prediction share frame by frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from transformers import SeamlessM4Tv2Model

from training.starter import tokenizer
from training.starter.examples.batching import Example, TextPair
from training.starter.examples.spoken_text import SpokenText, SpokenTextSource
from training.starter.examples.texts import TextSource
from training.starter.grammar import LANGUAGES, Grammar
from training.starter.model_config import UNIT_COUNT, starter_config
from training.starter.synthesis import synth
from training.starter.tokenizer import StarterTokenizer
from training.starter.train_t2u import T2uStage, choose_alike
from training.starter.train_text import WEIGHTS_FILE_NAME
from training.starter.units import UNUSED_UNIT, UnitCodebook


def _of_length(units: int) -> SpokenText:
    source = TextPair("eng", "spa", "a", "b")
    return SpokenText(source, "b", "spa", (2,), (0, 1, 0), np.array([units]), np.full(units, 5))


def test_batches_are_of_like_lengths_and_short_texts_are_many() -> None:
    rng = np.random.default_rng(0)
    pool = [_of_length(int(length)) for length in rng.integers(40, 400, 600)]
    sizes: dict[bool, list[int]] = {True: [], False: []}
    for _ in range(200):
        lengths = [len(item.units) for item in choose_alike(pool, rng)]
        assert len(lengths) * max(lengths) < 4000
        assert max(lengths) - min(lengths) < 90
        sizes[max(lengths) < 150].append(len(lengths))
    assert np.mean(sizes[True]) > 2 * np.mean(sizes[False])


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("work")
    texts, rng = TextSource(Grammar.load()), np.random.default_rng(0)
    drawn = [texts.draw(rng, 1) for _ in range(1500)]
    tokenizer.train([text.text(code) for text in drawn for code in LANGUAGES], folder / "tokenizer")
    torch.manual_seed(0)
    stages = ("shared", "text_", "speech_")
    weights = SeamlessM4Tv2Model(starter_config()).state_dict().items()
    save_file(
        {name: tensor.clone() for name, tensor in weights if name.startswith(stages)},
        folder / WEIGHTS_FILE_NAME,
    )
    centres = rng.standard_normal((UNIT_COUNT - 1, 64)).astype(np.float32)
    means = dict.fromkeys(LANGUAGES, np.full(64, -4, np.float32))
    UnitCodebook(centres, means, dict.fromkeys(LANGUAGES, np.full(64, 2, np.float32))).save(
        folder / "units.npz"
    )
    return folder


@pytest.mark.skipif(not synth.is_available(), reason="libespeak-ng.so.1 is not installed")
def test_a_beginning_that_says_nothing_in_one_language_yet_is_not_spoken(work: Path) -> None:
    spelling, rng = StarterTokenizer.load(work / "tokenizer"), np.random.default_rng(2)
    whole = dict(TextSource(Grammar.load()).draw(rng, 1).texts())
    features = np.zeros((8, 160), np.float16)
    speech = [Example("eng", texts, features) for texts in (whole, whole | {"deu": ""})]
    source = SpokenTextSource(work, spelling, "train", speech)
    drawn = [source.draw(rng).source for _ in range(12)]
    assert any(each is speech[0] for each in drawn)
    assert not any(each is speech[1] for each in drawn)


@pytest.mark.skipif(not synth.is_available(), reason="libespeak-ng.so.1 is not installed")
def test_the_stage_learns_what_is_said(work: Path) -> None:
    spelling = StarterTokenizer.load(work / "tokenizer")
    source = SpokenTextSource(work, spelling, "train", [])
    rng = np.random.default_rng(1)
    batch = [source.draw(rng) for _ in range(3)]
    for item in batch:
        assert len(item.durations) == len(item.character_ids) == sum(item.counts_per_token)
        assert item.durations.sum() == len(item.units)
        assert UNUSED_UNIT not in item.units
    torch.manual_seed(0)
    stage = T2uStage(work, spelling, "cpu")
    before = {name: tensor.clone() for name, tensor in stage.model.text_decoder.state_dict().items()}
    optimizer = torch.optim.AdamW(stage.parameters(), lr=2e-3)
    losses = []
    for _ in range(6):
        figures = stage.losses(batch)
        optimizer.zero_grad()
        (figures["units"] + figures["durations"]).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append((float(figures["units"].detach()), float(figures["durations"].detach())))
    assert losses[-1][0] < losses[0][0] - 0.3
    assert losses[-1][1] < losses[0][1]
    after = stage.model.text_decoder.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    names = set(stage.weights())
    assert names <= set(SeamlessM4Tv2Model(starter_config()).state_dict())
    assert any(".duration_predictor." in name for name in names)
