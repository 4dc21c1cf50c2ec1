"""The one command: which stages run, from nothing and from a finished checkpoint, and what resumes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from training.starter import __main__ as recipe

STARTER = Path(__file__).parents[2] / "model_cache" / "starter"


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The stages that were started, with their options."""
    stages: list[tuple[str, ...]] = []
    monkeypatch.setattr(recipe, "run_stage", lambda *stage: stages.append(stage))
    monkeypatch.setattr(recipe, "wait", lambda *_: None)
    monkeypatch.setattr(recipe, "_TOKENIZER_TEXTS", 3000)
    return stages


def run(monkeypatch: pytest.MonkeyPatch, *options: str) -> None:
    monkeypatch.setattr(sys, "argv", ["starter", *options])
    recipe.main()


def test_from_a_finished_checkpoint_the_vocoder_and_the_tokenizer_stay(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, started: list[tuple[str, ...]]
) -> None:
    for _ in range(2):  # the second run resumes: nothing is taken up again
        started.clear()
        run(monkeypatch, "--work", str(tmp_path / "work"), "--from", str(STARTER))
        names = [name for name, *_ in started]
        assert names == [
            "units", "corpus", "corpus", "train_text", "average", "train_t2u", "evaluate_text", "assemble",
        ]  # fmt: skip
        corpus = [options for name, *options in started if name == "corpus"]
        assert all(options[2:4] == ["--easy-shards", "0"] for options in corpus)
        assert [options[-1] for options in corpus] == ["0/2", "1/2"]
        assert started[4][-2:] == ("--from", str(STARTER)), "the weights become the average of both"
    tokenizer = tmp_path / "work" / "tokenizer" / "sentencepiece.bpe.model"
    assert tokenizer.read_bytes() == (STARTER / "sentencepiece.bpe.model").read_bytes()


def test_from_nothing_every_stage_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, started: list[tuple[str, ...]]
) -> None:
    run(monkeypatch, "--work", str(tmp_path / "work"), "--workers", "3")
    assert [name for name, *_ in started] == [
        "units", "corpus", "corpus", "train_vocoder", "train_text", "train_t2u", "train_text",
        "evaluate_text", "assemble",
    ]  # fmt: skip
    assert all("--easy-shards" not in stage for stage in started)
    tokenizer = tmp_path / "work" / "tokenizer" / "sentencepiece.bpe.model"
    assert tokenizer.read_bytes() != (STARTER / "sentencepiece.bpe.model").read_bytes()
