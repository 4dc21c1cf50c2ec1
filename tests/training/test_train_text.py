"""The text stage: its schedule, a step that learns, greedy decoding, and resuming with another budget."""

from __future__ import annotations

import multiprocessing
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests.training.text_work import examples, make_tokenizer
from training.starter import evaluate_text
from training.starter.examples import shards
from training.starter.examples.batching import stack_features
from training.starter.grammar import LANGUAGES
from training.starter.learning import loaders
from training.starter.learning.schedule import Run, Schedule
from training.starter.learning.speech_forward import decode, encode_speech
from training.starter.learning.step_inputs import StepSource
from training.starter.learning.text_stage import TextStage
from training.starter.learning.workers import Worker
from training.starter.model_config import MAX_NEW_TOKENS
from training.starter.tokenizer import EOS_ID, StarterTokenizer
from training.starter.train_text import TextTrainer


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("work")
    make_tokenizer(folder / "tokenizer")
    for name in ("easy_shards", "shards"):
        shards.write(folder / name / "0000.npz", examples([60, 45, 90, 50]))
    return folder


@pytest.fixture
def work(prepared: Path, tmp_path: Path) -> Path:
    """A copy for each test: what one saves, no other finds."""
    return Path(shutil.copytree(prepared, tmp_path / "work"))


@pytest.mark.slow
def test_steps_learn_and_a_run_resumes_with_another_budget(work: Path) -> None:
    batch = examples([60, 45, 90, 50])
    trainer = TextTrainer.create(work, Schedule(600.0), Worker())
    trainer.stage.train()
    trainer.progress.step = 300  # past the warm-up
    first = trainer.step(trainer.source.step_of(batch, 0.0), 1.0)
    for second in range(2, 13):
        last = trainer.step(trainer.source.step_of(batch, 0.0), float(second))
    assert all(float(last[name]) < 0.9 * float(first[name]) for name in ("speech", "text", "ctc"))
    trainer.save()
    resumed = TextTrainer.create(work, Schedule(1200.0), Worker())
    assert (resumed.progress.step, resumed.progress.elapsed_s) == (312, 12.0)
    before, after = trainer.stage.state_dict(), resumed.stage.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(torch.equal(*pair) for pair in zip(trainer.averages, resumed.averages, strict=True))
    moments = [next(iter(each.optimizer.state.values()))["exp_avg"] for each in (trainer, resumed)]
    assert torch.equal(*moments)
    assert (
        resumed.step(resumed.source.step_of(batch, 0.0), 13.0)["learning_rate"]
        > trainer.step(trainer.source.step_of(batch, 0.0), 13.0)["learning_rate"]
    )


@pytest.mark.parametrize(
    ("run", "moved"),
    [
        (Run.WHOLE, {"speech_encoder", "text_encoder", "text_decoder", "shared"}),
        (Run.READ, {"text_encoder", "text_decoder", "shared"}),
    ],
)
def test_a_run_trains_its_parts_and_no_others(work: Path, run: Run, moved: set[str]) -> None:
    trainer = TextTrainer.create(work, Schedule(600.0, run), Worker())
    before = {name: tensor.clone() for name, tensor in trainer.stage.model.state_dict().items()}
    trainer.step(trainer.source.step_of(examples([60, 45, 90, 50]), 20.0), 20.0)
    after = trainer.stage.model.state_dict()
    parts = {name.partition(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert parts - {"lm_head"} == moved  # whose matrix is that of "shared"


def test_what_is_written_is_the_average_of_the_steps(work: Path) -> None:
    trainer = TextTrainer.create(work, Schedule(600.0), Worker())
    trained, mean = trainer.parameters[0], trainer.averages[0].clone()
    for number in range(3):
        step = trainer.progress.step
        trainer.step(trainer.source.step_of(examples([60, 45, 90, 50], seed=number), 20.0), 20.0)
        assert trainer.progress.step == step + 1
        kept = min(0.999, (step + 1) / (step + 11))
        mean = mean * kept + trained.detach() * (1 - kept)
        assert torch.allclose(trainer.averages[0], mean, atol=1e-6)
    assert not torch.equal(trained, mean)
    before = trained.detach().clone()
    with trainer.averaged():
        assert torch.equal(trained, trainer.averages[0])
    assert torch.equal(trained, before)
    trainer.save()
    names = {id(parameter): name for name, parameter in trainer.stage.model.named_parameters()}
    written = load_file(work / "text.safetensors")
    checked = [
        torch.equal(written[names[id(parameter)]], average)
        for parameter, average in zip(trainer.parameters, trainer.averages, strict=True)
        if names.get(id(parameter)) in written
    ]
    assert len(checked) > 100
    assert all(checked)


def test_greedy_decoding_with_a_cache_equals_decoding_the_whole_prefix(work: Path) -> None:
    torch.manual_seed(5)
    stage = TextStage(StarterTokenizer.load(work / "tokenizer")).eval()
    for parameter in stage.model.text_decoder.layers.parameters():
        torch.nn.init.normal_(parameter)  # fresh weights say one token over and over
    stage.model.shared.weight.data *= 0.2
    batch = examples([60, 45, 90, 50])
    language_ids = [stage.tokenizer.language_id(language) for language in LANGUAGES]
    with torch.inference_mode():
        encoded = encode_speech(stage.model, *stack_features(batch))
        rows = evaluate_text.greedy_decode(stage.model, encoded.states, encoded.mask, language_ids)
        width = max(map(len, rows))
        inputs = torch.zeros(len(rows), width + 2, dtype=torch.long)
        for row, (language_id, tokens) in enumerate(zip(language_ids, rows, strict=True)):
            inputs[row, : len(tokens) + 2] = torch.tensor([EOS_ID, language_id, *tokens])
        best = decode(stage.model, inputs, encoded.states, encoded.mask).argmax(-1)
    assert len({token for tokens in rows for token in tokens}) > 8
    for row, tokens in enumerate(rows):
        expected = [*tokens, EOS_ID][:MAX_NEW_TOKENS]
        assert best[row, 1 : len(expected) + 1].tolist() == expected


@pytest.mark.slow
def test_loaders_make_the_steps_of_all_shards_until_they_are_not_wanted(work: Path) -> None:
    shards.write(work / "shards" / "0001.npz", examples([70, 70, 70, 70]))
    schedule = Schedule(600.0)
    source = StepSource(work, schedule, "cpu", np.random.default_rng(0))
    spent_s = loaders.shared_seconds()
    spent_s.value = schedule.taken_up_s
    with loaders.loaded(source, 2, (0, 0), spent_s) as steps:
        running = multiprocessing.active_children()
        longest: set[int] = set()
        while longest != {70, 90}:  # of one shard, and of the other
            step = next(steps)
            assert len(step.features) == len(step.frame_counts) == 4
            longest.add(step.features.shape[1])
    for process in running:
        process.join(60)
        assert not process.is_alive()


def test_a_loader_that_ends_is_told(work: Path) -> None:
    source = StepSource(work, Schedule(600.0), "cpu", np.random.default_rng(0))
    shutil.rmtree(work / "shards")
    spent_s = loaders.shared_seconds()
    spent_s.value = source.schedule.taken_up_s
    with (
        loaders.loaded(source, 1, (0, 0), spent_s) as steps,
        pytest.raises(RuntimeError, match="a loader has ended"),
    ):
        next(steps)
