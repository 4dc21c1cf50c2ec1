"""Stage 1: speech and text to text. `python -m training.starter.train_text --minutes 80 --workers 2`

Trains the speech encoder, text encoder and text decoder together. One encoder pass a batch serves translation
and transcription; a throw-away character CTC head on the 50 Hz states makes the alignment appear early. It
begins with clean single sentences (easy shards) and then lets longer and longer examples of the full mixture
in. Curriculum, learning rate and CTC weight follow the share of `--minutes` spent, so a run ends where its
budget ends.

It resumes from its checkpoint, days later and with another `--minutes` too: the time trained so far counts,
and the schedule continues at its share of the new budget (a larger one raises the learning rate again).
Where there are weights but no checkpoint (`take_up` has brought them) it begins with them, in the part of the
schedule where all lengths are in: 30 % of `--minutes` are left then.
Writes build/starter/text.safetensors (at every checkpoint), text_log.jsonl and text_checkpoint.pt.

`--run refine` trains the speech encoder alone, from where the text stage ended or from a finished checkpoint:
the text decoder and with it the text-to-unit stage stay valid. `--run read` trains all but the speech
encoder, which costs half as much a step: phrases are learnt, and speech is heard as before.

Each worker is a process pinned to a core of its own, with its own shards; gradients are averaged at every
step. Worker 0 keeps the clock, the log and the checkpoints. `--device cuda` wants a single worker, and
`--loaders`: without them a GPU waits while each step is made, about as long as it then trains on it. On a CPU
the clock is the worker's processor time, so that a busy machine makes training longer, not shorter.

It writes the average of the weights over about the last thousand steps, which is better than any of them and
does not need the learning rate to have fallen, and scores it where there are held-out sets.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from training.starter import corpus
from training.starter.evaluate_text import score
from training.starter.learning import loaders, workers
from training.starter.learning.schedule import TAKEN_UP_SHARE, Run, Schedule
from training.starter.learning.speech_forward import use_fast_conformer
from training.starter.learning.step_inputs import StepInputs, StepSource
from training.starter.learning.text_stage import TextStage, stage_weights
from training.starter.learning.workers import Worker
from training.starter.tokenizer import StarterTokenizer

WEIGHTS_FILE_NAME = "text.safetensors"

_TEXT_WEIGHT = 0.5
_CHECKPOINT_EVERY_S, _LOG_EVERY_STEPS = {"cpu": 300.0, "cuda": 60.0}, 50
_AVERAGING, _AVERAGING_WARM_UP_STEPS = 0.999, 10


@dataclass(slots=True)
class Progress:
    """What a resumed run continues from, beside weights and optimizer."""

    step: int = 0
    elapsed_s: float = 0.0
    shard_uses: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class TextTrainer:
    """`loader_count`: processes that make its steps; without one it makes them itself, between them."""

    work: Path
    schedule: Schedule
    stage: TextStage
    parameters: list[torch.Tensor]
    optimizer: torch.optim.AdamW
    source: StepSource
    worker: Worker
    loader_count: int = 0
    progress: Progress = field(default_factory=Progress)
    averages: list[torch.Tensor] = field(default_factory=list)
    seed: int = 0
    _spent_s: Synchronized[float] = field(default_factory=loaders.shared_seconds)

    @classmethod
    def create(
        cls,
        work: Path,
        schedule: Schedule,
        worker: Worker,
        device: str = "cpu",
        *,
        loader_count: int = 0,
        seed: int = 0,
    ) -> TextTrainer:
        torch.manual_seed(1)
        stage = TextStage(StarterTokenizer.load(work / "tokenizer")).to(device)
        parameters = stage.trained_parameters(schedule.run)
        stage.requires_grad_(False)
        for parameter in parameters:
            parameter.requires_grad_(True)
        optimizer = torch.optim.AdamW(parameters, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
        source = StepSource(work, schedule, stage.device.type, np.random.default_rng(1), worker)
        trainer = cls(work, schedule, stage, parameters, optimizer, source, worker, loader_count, seed=seed)
        trainer._resume()
        torch.manual_seed(seed * 1_000_003 + trainer.progress.step * worker.count + worker.index)
        source.rng = np.random.default_rng([1, seed, trainer.progress.step, worker.index])
        source.shard_uses = trainer.progress.shard_uses
        return trainer

    def run(self) -> None:
        """Trains until the budget is spent, then evaluates on the whole of the held-out sets."""
        now = workers.clock(self.stage.device)
        started, checkpoint_every_s = now(), _CHECKPOINT_EVERY_S[self.stage.device.type]
        before = last_checkpoint_s = self.progress.elapsed_s
        self.stage.train()
        with self._steps() as steps:
            for inputs in steps:
                figures = self.step(inputs, before + now() - started)
                elapsed_s = self._spent_s.value = self.progress.elapsed_s
                if self.worker.leads and self.progress.step % _LOG_EVERY_STEPS == 0:
                    self._log({name: float(value) for name, value in figures.items()})
                if elapsed_s >= self.schedule.budget_s:
                    break
                if elapsed_s - last_checkpoint_s > checkpoint_every_s and self.worker.leads:
                    last_checkpoint_s = elapsed_s
                    self._checkpoint(quick=True)
        if self.worker.leads:
            self._checkpoint(quick=False)

    @contextmanager
    def _steps(self) -> Iterator[Iterator[StepInputs]]:
        self._spent_s.value = self.progress.elapsed_s
        if not self.loader_count:
            yield self.source.steps(lambda: self.progress.elapsed_s)
            return
        seed = (self.seed, self.progress.step)
        with loaders.loaded(self.source, self.loader_count, seed, self._spent_s) as steps:
            yield steps

    def step(self, inputs: StepInputs, elapsed_s: float) -> dict[str, torch.Tensor | float]:
        """One update of the weights; the losses before it and the learning rate."""
        rate = self.schedule.learning_rate(self.progress.step, self.progress.elapsed_s)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        losses = self.stage.losses(inputs)
        ctc_weight = self.schedule.ctc_weight(self.progress.elapsed_s)
        total = losses["speech"] + ctc_weight * losses["ctc"] + _TEXT_WEIGHT * losses["text"]
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        self.progress.elapsed_s = self.worker.average_gradients(self.parameters, elapsed_s)
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.progress.step += 1
        self._average()
        return {name: loss.detach() for name, loss in losses.items()} | {"learning_rate": rate}

    def _average(self) -> None:
        step = self.progress.step
        kept = min(_AVERAGING, step / (step + _AVERAGING_WARM_UP_STEPS))
        with torch.no_grad():
            torch._foreach_lerp_(self.averages, self.parameters, 1 - kept)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Within it the stage has the averages for its weights."""
        with torch.no_grad():
            trained = [parameter.clone() for parameter in self.parameters]
            torch._foreach_copy_(self.parameters, self.averages)
            try:
                yield
            finally:
                torch._foreach_copy_(self.parameters, trained)

    def _log(self, figures: Mapping[str, float]) -> None:
        record = {"step": self.progress.step, "elapsed_s": round(self.progress.elapsed_s, 1)}
        line = json.dumps(record | {name: round(value, 5) for name, value in figures.items()})
        with (self.work / f"{self.schedule.name}_log.jsonl").open("a", encoding="utf-8") as log:
            log.write(line + "\n")
        print(line, flush=True)

    def _checkpoint(self, *, quick: bool) -> None:
        self.save()
        if not corpus.has_held_out_sets(self.work):
            return
        sets = corpus.held_out_sets(self.work, quick=quick)
        with self.averaged():
            self._log(score(self.stage.model, self.stage.tokenizer, sets, every_direction=not quick))
        self.stage.train()

    def save(self) -> None:
        """Writes the weights, and the checkpoint from which `create` resumes."""
        state: dict[str, Any] = {
            "stage": self.stage.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "averages": self.averages,
            "progress": (self.progress.step, self.progress.elapsed_s, self.progress.shard_uses),
        }
        path = self.work / f"{self.schedule.name}_checkpoint.pt"
        torch.save(state, path.with_suffix(".part"))
        # first, for weights without it are taken for those of a finished checkpoint
        path.with_suffix(".part").replace(path)
        with self.averaged():
            save_file(stage_weights(self.stage.model), self.work / "text.part")
        (self.work / "text.part").replace(self.work / WEIGHTS_FILE_NAME)

    def _resume(self) -> None:
        path = self.work / f"{self.schedule.name}_checkpoint.pt"
        if path.exists():
            state = torch.load(path, weights_only=True, map_location=self.stage.device)
            self.stage.load_state_dict(state["stage"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.averages = state["averages"]
            self.progress = Progress(*state["progress"])
            return
        text_path = self.work / "text_checkpoint.pt"
        if self.schedule.refines and text_path.exists():
            state = torch.load(text_path, weights_only=True, map_location=self.stage.device)
            self.stage.load_state_dict(state["stage"])
        elif (self.work / WEIGHTS_FILE_NAME).exists():
            self.progress.elapsed_s = self.schedule.taken_up_s
        if (self.work / WEIGHTS_FILE_NAME).exists():
            self.stage.model.load_state_dict(load_file(self.work / WEIGHTS_FILE_NAME), strict=False)
        self.averages = [parameter.detach().clone() for parameter in self.parameters]


def _run_worker(index: int, arguments: argparse.Namespace) -> None:
    schedule = Schedule(arguments.minutes * 60.0, Run(arguments.run), arguments.taken_up_share)
    with workers.joined(index, arguments.workers) as worker:
        use_fast_conformer()
        TextTrainer.create(
            arguments.work,
            schedule,
            worker,
            arguments.device,
            loader_count=arguments.loaders,
            seed=arguments.seed,
        ).run()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--work", type=Path, default=Path("build/starter"))
    parser.add_argument(
        "--minutes", type=float, default=80.0, help="of a worker's processor time, evaluations included"
    )
    parser.add_argument(
        "--run",
        default=Run.WHOLE.value,
        choices=[run.value for run in Run],
        help="refine: the speech encoder alone; read: all but the speech encoder",
    )
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument(
        "--loaders",
        type=int,
        default=0,
        help="processes that make a GPU's steps; what they need is a core each",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        help="of what is drawn: runs of several seeds are averaged",
    )
    parser.add_argument(
        "--taken-up-share", type=float, default=TAKEN_UP_SHARE,
        help="of --minutes that counts as spent on weights of a finished checkpoint",
    )  # fmt: skip
    arguments = parser.parse_args()
    if arguments.device != "cpu" and arguments.workers != 1:
        parser.error("--workers: a GPU takes one worker")
    if arguments.device == "cpu" and arguments.loaders:
        parser.error("--loaders: they make the steps of a GPU")
    workers.spawn(_run_worker, arguments)


if __name__ == "__main__":
    main()
