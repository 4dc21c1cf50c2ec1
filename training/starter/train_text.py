"""Stage 1: speech and text to text. `python -m training.starter.train_text --minutes 50`

Trains the speech encoder, text encoder and text decoder together. One encoder pass a batch serves translation
and transcription; a throw-away character CTC head on the 50 Hz states makes the alignment appear early.
The learning rate follows the time spent, so a run ends where its budget ends; it resumes from its checkpoint.
Writes build/starter/text.safetensors (at every checkpoint), text_log.jsonl and text_checkpoint.pt.

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
from torch import Tensor, nn
from transformers import SeamlessM4Tv2Model

from training.starter import batching, corpus, workers
from training.starter.evaluate_text import score
from training.starter.grammar import Grammar
from training.starter.model_config import HIDDEN_SIZE, starter_config
from training.starter.speech_forward import decode, encode_speech, pad_states, use_fast_conformer
from training.starter.tokenizer import StarterTokenizer
from training.starter.workers import Worker

WEIGHTS_FILE_NAME = "text.safetensors"
STAGE_PREFIXES = ("shared.", "text_encoder.", "speech_encoder.", "text_decoder.", "lm_head.")

_PEAK_LEARNING_RATE, _WARM_UP_STEPS = 1.5e-3, 400
_CTC_WEIGHT, _TEXT_WEIGHT, _LABEL_SMOOTHING = 0.6, 0.5, 0.1
_TEXT_ROWS_SHARE = 0.5
_FRAMES_PER_BATCH = 1300
_SHARDS_PER_ROUND = 6
_CHECKPOINT_EVERY_S, _LOG_EVERY_STEPS = 300.0, 50


class TextStage(nn.Module):
    """The parts of the model that stage 1 trains, and its CTC head."""

    def __init__(self, character_count: int) -> None:
        super().__init__()
        self.model = SeamlessM4Tv2Model(starter_config())
        self.ctc_head = nn.Linear(HIDDEN_SIZE, character_count + 1)

    def trained_parameters(self) -> list[nn.Parameter]:
        model = self.model
        modules = (model.shared, model.text_encoder, model.speech_encoder, model.text_decoder, model.lm_head)
        unique = {
            parameter: None for module in (*modules, self.ctc_head) for parameter in module.parameters()
        }
        return list(unique)


@dataclass(slots=True)
class Progress:
    """What a resumed run continues from, beside weights and optimizer."""

    step: int = 0
    elapsed_s: float = 0.0
    shard_uses: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class TextTrainer:
    work: Path
    budget_s: float
    tokenizer: StarterTokenizer
    stage: TextStage
    optimizer: torch.optim.AdamW
    characters: dict[str, int]
    text_source: corpus.TextSource
    rng: np.random.Generator
    worker: Worker
    easy_until_s: float
    progress: Progress = field(default_factory=Progress)

    @classmethod
    def create(cls, work: Path, budget_s: float, easy_until_s: float, worker: Worker) -> TextTrainer:
        torch.manual_seed(1)
        tokenizer = StarterTokenizer.load(work / "tokenizer")
        characters = {
            character: index for index, character in enumerate([" ", *tokenizer.characters()], start=1)
        }
        stage = TextStage(len(characters))
        optimizer = torch.optim.AdamW(
            stage.trained_parameters(),
            lr=_PEAK_LEARNING_RATE,
            betas=(0.9, 0.98),
            weight_decay=0.01,
            fused=True,
        )
        rng = np.random.default_rng(1)
        text_source = corpus.TextSource(Grammar.load(), held_out=False)
        trainer = cls(
            work, budget_s, tokenizer, stage, optimizer, characters, text_source, rng, worker, easy_until_s
        )
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
            if elapsed_s >= self.budget_s:
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
            easy = self.progress.elapsed_s < self.easy_until_s
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
                if easy and self.progress.elapsed_s >= self.easy_until_s:
                    break

    def _step(self, examples: list[batching.Example], elapsed_s: float) -> dict[str, float]:
        rate = self._learning_rate()
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        losses = self._losses(examples)
        total = losses["speech"] + _CTC_WEIGHT * losses["ctc"] + _TEXT_WEIGHT * losses["text"]
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        self.progress.elapsed_s = self.worker.average_gradients(self.stage.trained_parameters(), elapsed_s)
        nn.utils.clip_grad_norm_(self.stage.trained_parameters(), 1.0)
        self.optimizer.step()
        self.progress.step += 1
        return {name: float(loss.detach()) for name, loss in losses.items()} | {"learning_rate": rate}

    def _losses(self, examples: list[batching.Example]) -> dict[str, Tensor]:
        """Cross-entropies of speech -> text (both languages) and text -> text; the CTC loss a character."""
        model, tokenizer = self.stage.model, self.tokenizer
        encoded = encode_speech(model, *batching.stack_features(examples, self.rng))
        pairs = [
            self.text_source.draw_pair(self.rng) for _ in range(math.ceil(len(examples) * _TEXT_ROWS_SHARE))
        ]
        ids, ids_mask = batching.encoder_batch(
            tokenizer, [pair.source_text for pair in pairs], [pair.language for pair in pairs]
        )
        text_states = model.text_encoder(input_ids=ids, attention_mask=ids_mask).last_hidden_state
        speech = (encoded.states, encoded.mask)
        states, mask = pad_states([speech, speech, (text_states, ids_mask)])
        targets = batching.decoder_batch(
            tokenizer,
            [text for group in (
                [example.target_text for example in examples],
                [example.source_text for example in examples],
                [pair.target_text for pair in pairs],
            ) for text in group],
            [example.target_language for example in examples]
            + [example.language for example in examples]
            + [batching.other_language(pair.language) for pair in pairs],
        )  # fmt: skip
        logits = decode(model, targets.input_ids, states, mask)
        speech_rows = 2 * len(examples)
        return {
            "speech": self._cross_entropy(logits[:speech_rows], targets.labels[:speech_rows]),
            "text": self._cross_entropy(logits[speech_rows:], targets.labels[speech_rows:]),
            "ctc": self._ctc(encoded.frames, examples),
        }

    @staticmethod
    def _cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
        return nn.functional.cross_entropy(
            logits.flatten(0, 1),
            labels.flatten(),
            ignore_index=batching.IGNORED,
            label_smoothing=_LABEL_SMOOTHING,
        )

    def _ctc(self, frames: Tensor, examples: list[batching.Example]) -> Tensor:
        targets = batching.character_targets(examples, self.characters)
        log_probabilities = self.stage.ctc_head(frames).log_softmax(-1).transpose(0, 1)
        counts = torch.tensor([len(example.features) for example in examples])
        loss = nn.functional.ctc_loss(
            log_probabilities, targets.ids, counts, targets.counts, reduction="sum", zero_infinity=True
        )
        return loss / max(1, int(targets.counts.sum()))

    def _learning_rate(self) -> float:
        warm_up = min(1.0, (self.progress.step + 1) / _WARM_UP_STEPS)
        spent = min(1.0, self.progress.elapsed_s / self.budget_s)
        return _PEAK_LEARNING_RATE * warm_up * max(0.01, 0.5 * (1 + math.cos(math.pi * spent)))

    def _log(self, figures: Mapping[str, float]) -> None:
        record = {"step": self.progress.step, "elapsed_s": round(self.progress.elapsed_s, 1)}
        line = json.dumps(record | {name: round(value, 4) for name, value in figures.items()})
        with (self.work / "text_log.jsonl").open("a", encoding="utf-8") as log:
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
        torch.save(state, self.work / "text_checkpoint.part")
        (self.work / "text_checkpoint.part").replace(self.work / "text_checkpoint.pt")
        self._log(score(self.stage.model, self.tokenizer, corpus.held_out_sets(self.work, quick=quick)))
        self.stage.train()

    def _resume(self) -> None:
        path = self.work / "text_checkpoint.pt"
        if path.exists():
            state = torch.load(path, weights_only=True)
            self.stage.load_state_dict(state["stage"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.progress = Progress(*state["progress"])


def stage_weights(model: SeamlessM4Tv2Model) -> dict[str, Tensor]:
    """The state dict's entries of this stage, each with memory of its own, as safetensors wants it."""
    return {
        name: tensor.detach().clone().contiguous()
        for name, tensor in model.state_dict().items()
        if name.startswith(STAGE_PREFIXES)
    }


def _run_worker(index: int, arguments: argparse.Namespace) -> None:
    with workers.joined(index, arguments.workers) as worker:
        use_fast_conformer()
        TextTrainer.create(
            arguments.work, arguments.minutes * 60.0, arguments.easy_minutes * 60.0, worker
        ).run()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--work", type=Path, default=Path("build/starter"))
    parser.add_argument("--minutes", type=float, default=50.0, help="of wall clock, evaluation included")
    parser.add_argument("--easy-minutes", type=float, default=12.0, help="of these, on easy shards")
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    workers.spawn(_run_worker, arguments)


if __name__ == "__main__":
    main()
