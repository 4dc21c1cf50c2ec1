"""Stage 1: speech and text to text. `python -m training.starter.train_text --minutes 50`

Trains the speech encoder, text encoder and text decoder together. One encoder pass a batch serves translation
and transcription; a throw-away character CTC head on the 50 Hz states makes the alignment appear early.
The learning rate follows the time spent, so a run ends where its budget ends; it resumes from its checkpoint.
Writes build/starter/text.safetensors (at every checkpoint), text_log.jsonl and text_checkpoint.pt.

`--refine` trains the speech encoder alone, from where the text stage ended: the text decoder and with it the
text-to-unit stage stay valid.

Each worker is a process pinned to a core of its own, with its own shards; gradients are averaged at every
step. Worker 0 keeps the clock, the log and the checkpoints.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

from training.starter import batching, corpus, workers
from training.starter.evaluate_text import score
from training.starter.grammar import Grammar
from training.starter.speech_forward import use_fast_conformer
from training.starter.text_stage import TextStage, stage_weights
from training.starter.tokenizer import StarterTokenizer
from training.starter.workers import Worker

WEIGHTS_FILE_NAME = "text.safetensors"

_PEAK_LEARNING_RATE, _REFINING_LEARNING_RATE, _WARM_UP_STEPS = 1.5e-3, 6e-4, 300
_CTC_WEIGHT, _TEXT_WEIGHT = 0.6, 0.5
_TEXT_ROWS_SHARE = 0.5
_FRAMES_PER_BATCH = 1300
_SHARDS_PER_ROUND = 6
_CHECKPOINT_EVERY_S, _LOG_EVERY_STEPS = 300.0, 50


@dataclass(frozen=True, slots=True)
class Schedule:
    """One run: its time, and whether it `refines` the speech encoder alone, from the text stage's end."""

    budget_s: float
    easy_until_s: float = 0.0
    refines: bool = False

    @property
    def name(self) -> str:
        return "speech" if self.refines else "text"

    @property
    def peak_learning_rate(self) -> float:
        return _REFINING_LEARNING_RATE if self.refines else _PEAK_LEARNING_RATE


@dataclass(slots=True)
class Progress:
    """What a resumed run continues from, beside weights and optimizer."""

    step: int = 0
    elapsed_s: float = 0.0
    shard_uses: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class TextTrainer:
    work: Path
    schedule: Schedule
    tokenizer: StarterTokenizer
    stage: TextStage
    parameters: list[nn.Parameter]
    optimizer: torch.optim.AdamW
    text_source: corpus.TextSource
    rng: np.random.Generator
    worker: Worker
    progress: Progress = field(default_factory=Progress)

    @classmethod
    def create(cls, work: Path, schedule: Schedule, worker: Worker) -> TextTrainer:
        torch.manual_seed(1)
        tokenizer = StarterTokenizer.load(work / "tokenizer")
        stage = TextStage(tokenizer)
        parameters = stage.trained_parameters(speech_encoder_only=schedule.refines)
        stage.requires_grad_(False)
        for parameter in parameters:
            parameter.requires_grad_(True)
        optimizer = torch.optim.AdamW(parameters, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
        rng = np.random.default_rng(1)
        text_source = corpus.TextSource(Grammar.load(), held_out=False)
        trainer = cls(work, schedule, tokenizer, stage, parameters, optimizer, text_source, rng, worker)
        trainer._resume()
        torch.manual_seed(trainer.progress.step * worker.count + worker.index)
        trainer.rng = np.random.default_rng([1, trainer.progress.step, worker.index])
        return trainer

    def run(self) -> None:
        """Trains until the budget is spent, then evaluates on the whole held-out part."""
        started = time.monotonic()
        before = last_checkpoint_s = self.progress.elapsed_s
        self.stage.train()
        for batch in self._batches():
            figures = self._step(batch, before + time.monotonic() - started)
            elapsed_s = self.progress.elapsed_s
            if self.progress.step % _LOG_EVERY_STEPS == 0 and self.worker.leads:
                self._log(figures)
            if elapsed_s >= self.schedule.budget_s:
                break
            if elapsed_s - last_checkpoint_s > _CHECKPOINT_EVERY_S and self.worker.leads:
                last_checkpoint_s = elapsed_s
                self._checkpoint(quick=True)
        if self.worker.leads:
            self._checkpoint(quick=False)

    def _batches(self) -> Iterator[list[batching.Example]]:
        """Rounds over the least used shards; those written meanwhile are picked up. Endless."""
        cache: dict[str, list[batching.Example]] = {}
        while True:
            uses = self.progress.shard_uses
            easy = self.progress.elapsed_s < self.schedule.easy_until_s
            paths = corpus.shard_paths(self.work, easy=easy)[self.worker.index :: self.worker.count]
            names = [f"{path.parent.name}/{path.name}" for path in paths]
            if not names:
                raise FileNotFoundError(f"{self.work}: too few shards; run training.starter.corpus first")
            ties = {name: float(self.rng.random()) for name in names}
            for name in sorted(names, key=lambda name: (uses.get(name, 0), ties[name]))[:_SHARDS_PER_ROUND]:
                cache[name] = corpus.read_shard(self.work / name)
                uses[name] = uses.get(name, 0) + 1
            examples = [example for shard in cache.values() for example in shard]
            cache.clear()
            for batch in batching.length_batches(examples, _FRAMES_PER_BATCH, self.rng):
                yield batch
                if easy and self.progress.elapsed_s >= self.schedule.easy_until_s:
                    break

    def _step(self, examples: list[batching.Example], elapsed_s: float) -> dict[str, float]:
        rate = self._learning_rate()
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        text_rows = 1 if self.schedule.refines else math.ceil(len(examples) * _TEXT_ROWS_SHARE)
        pairs = [self.text_source.draw_pair(self.rng) for _ in range(text_rows)]
        losses = self.stage.losses(examples, pairs, self.rng)
        total = losses["speech"] + _CTC_WEIGHT * losses["ctc"] + _TEXT_WEIGHT * losses["text"]
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        self.progress.elapsed_s = self.worker.average_gradients(self.parameters, elapsed_s)
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.progress.step += 1
        return {name: float(loss.detach()) for name, loss in losses.items()} | {"learning_rate": rate}

    def _learning_rate(self) -> float:
        warm_up = min(1.0, (self.progress.step + 1) / _WARM_UP_STEPS)
        spent = min(1.0, self.progress.elapsed_s / self.schedule.budget_s)
        return self.schedule.peak_learning_rate * warm_up * max(0.01, 0.5 * (1 + math.cos(math.pi * spent)))

    def _log(self, figures: Mapping[str, float]) -> None:
        record = {"step": self.progress.step, "elapsed_s": round(self.progress.elapsed_s, 1)}
        line = json.dumps(record | {name: round(value, 4) for name, value in figures.items()})
        with (self.work / f"{self.schedule.name}_log.jsonl").open("a", encoding="utf-8") as log:
            log.write(line + "\n")
        print(line, flush=True)

    def _checkpoint(self, *, quick: bool) -> None:
        save_file(stage_weights(self.stage.model), self.work / "text.part")
        (self.work / "text.part").replace(self.work / WEIGHTS_FILE_NAME)
        state: dict[str, Any] = {
            "stage": self.stage.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "progress": (self.progress.step, self.progress.elapsed_s, self.progress.shard_uses),
        }
        path = self.work / f"{self.schedule.name}_checkpoint.pt"
        torch.save(state, path.with_suffix(".part"))
        path.with_suffix(".part").replace(path)
        self._log(score(self.stage.model, self.tokenizer, corpus.held_out_sets(self.work, quick=quick)))
        self.stage.train()

    def _resume(self) -> None:
        path = self.work / f"{self.schedule.name}_checkpoint.pt"
        if path.exists():
            state = torch.load(path, weights_only=True)
            self.stage.load_state_dict(state["stage"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.progress = Progress(*state["progress"])
        elif self.schedule.refines:
            self.stage.load_state_dict(
                torch.load(self.work / "text_checkpoint.pt", weights_only=True)["stage"]
            )


def _run_worker(index: int, arguments: argparse.Namespace) -> None:
    schedule = Schedule(arguments.minutes * 60.0, arguments.easy_minutes * 60.0, arguments.refine)
    with workers.joined(index, arguments.workers) as worker:
        use_fast_conformer()
        TextTrainer.create(arguments.work, schedule, worker).run()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--work", type=Path, default=Path("build/starter"))
    parser.add_argument("--minutes", type=float, default=50.0, help="of wall clock, evaluation included")
    parser.add_argument("--easy-minutes", type=float, default=0.0, help="of these, on easy shards at first")
    parser.add_argument(
        "--refine", action="store_true", help="train the speech encoder alone, from where it is"
    )
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    workers.spawn(_run_worker, arguments)


if __name__ == "__main__":
    main()
