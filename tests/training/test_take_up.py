"""Going on from the shipped checkpoint: nothing of it is lost on the way into training and back."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from training.starter import assemble, average
from training.starter.examples.spoken_text import SpokenTextSource
from training.starter.learning.schedule import Run, Schedule
from training.starter.learning.workers import Worker
from training.starter.synthesis import synth
from training.starter.take_up import take_up
from training.starter.tokenizer import StarterTokenizer
from training.starter.train_t2u import T2uStage
from training.starter.train_text import TextTrainer

STARTER = Path(__file__).parents[2] / "model_cache" / "starter"


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("work")
    take_up(STARTER, folder)
    return folder


def test_assembled_again_it_is_what_it_was(work: Path) -> None:
    tensors, absent = assemble.gather_weights(work)
    shipped = load_file(STARTER / "model.safetensors")
    assert not absent
    assert tensors.keys() == shipped.keys()
    assert all(torch.equal(tensors[name], shipped[name]) for name in shipped)


def test_after_more_training_its_text_stage_is_a_part_of_what_it_was(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = load_file(work / "text.safetensors")
    trained = {name: tensor + 1 for name, tensor in before.items()}
    trained["lm_head.weight"] = trained["shared.weight"].clone()  # as training writes it, under all its names
    save_file(trained, tmp_path / "text.safetensors")
    options = ["--work", str(tmp_path), "--from", str(STARTER), "--share", "0.25"]
    monkeypatch.setattr(sys, "argv", ["average", *options])
    average.main()
    made = load_file(tmp_path / "text.safetensors")
    assert made.keys() == before.keys()
    for name, tensor in before.items():
        torch.testing.assert_close(made[name], tensor + 0.25)
    with pytest.raises(ValueError, match="another: the weights before have none of this shape"):
        average.averaged({"another": torch.ones(1)}, before, 0.25)


def test_the_text_stage_begins_with_the_weights_behind_the_curriculum(work: Path) -> None:
    schedule = Schedule(1000.0)
    trainer = TextTrainer.create(work, schedule, Worker())
    shipped = load_file(STARTER / "model.safetensors")
    for name in ("speech_encoder.feature_projection.projection.weight", "shared.weight"):
        assert torch.equal(trainer.stage.model.state_dict()[name], shipped[name].float())
    spent_s = trainer.progress.elapsed_s
    assert trainer.progress.step == 0, "the optimizer is new, and warms up"
    assert not schedule.is_easy(spent_s)
    assert schedule.longest_frames(spent_s) == schedule.longest_frames(1000.0)


def test_the_speech_encoder_alone_goes_on_from_the_weights(work: Path) -> None:
    schedule = Schedule(1000.0, Run.REFINE)
    trainer = TextTrainer.create(work, schedule, Worker())
    shipped = load_file(STARTER / "model.safetensors")
    model = trainer.stage.model
    for name in ("speech_encoder.feature_projection.projection.weight", "shared.weight"):
        assert torch.equal(model.state_dict()[name], shipped[name].float())
    assert {name.partition(".")[0] for name, each in model.named_parameters() if each.requires_grad} == {
        "speech_encoder"
    }
    first, peak = (schedule.learning_rate(300, spent_s) for spent_s in (trainer.progress.elapsed_s, 0.0))
    assert first < peak / 2, "what it knows is not to be unlearnt"


@pytest.mark.skipif(not synth.is_available(), reason="libespeak-ng.so.1 is not installed")
def test_its_units_are_those_that_its_speech_is_made_of(work: Path) -> None:
    """Units have no order: a codebook trained anew would agree in one of a hundred."""
    spelling = StarterTokenizer.load(work / "tokenizer")
    source, rng = SpokenTextSource(work, spelling, "combination", []), np.random.default_rng(5)
    stage = T2uStage(work, spelling, "cpu")
    stage.load(load_file(work / "t2u.safetensors"))
    stage.model.eval()
    with torch.no_grad():
        figures = stage.losses([source.draw(rng) for _ in range(16)])
    assert float(figures["unit_accuracy"]) > 0.7


def test_training_that_has_begun_is_not_overwritten(work: Path) -> None:
    with pytest.raises(FileExistsError, match=r"text\.safetensors"):
        take_up(STARTER, work)
