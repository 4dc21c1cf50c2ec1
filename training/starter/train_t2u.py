"""Stage 3: text to units. `python -m training.starter.train_t2u --minutes 12`

Trains the T2U encoder and decoder on the last hidden states of the finished text decoder, which stays as it
is: changing it afterwards means running this stage again. Targets are the units of speaker 0 and the
durations that the synthesizer's phoneme times give. A part of the hidden states comes from the speech
encoder, so that both kinds of input are heard. Writes t2u.safetensors, t2u_log.jsonl and t2u_checkpoint.pt;
resumes. Where there are weights but no checkpoint (`take_up` has brought them) it begins with them, as though
two fifths of `--minutes` were spent.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import SeamlessM4Tv2Model

from training.starter import corpus, train_text
from training.starter.examples import batching, shards
from training.starter.examples.spoken_text import SpokenText, SpokenTextSource
from training.starter.learning import workers
from training.starter.learning.speech_forward import encode_speech, use_fast_conformer
from training.starter.learning.workers import Worker
from training.starter.model_config import UNIT_OFFSET, starter_config
from training.starter.tokenizer import StarterTokenizer

WEIGHTS_FILE_NAME = "t2u.safetensors"

_PEAK_LEARNING_RATE, _WARM_UP_STEPS = 1.5e-3, 200
_TAKEN_UP_SHARE = 0.4
_DURATION_WEIGHT, _LABEL_SMOOTHING = 1.0, 0.05
_BATCH_UNITS, _POOL, _NEW_PER_STEP = 3200, 2000, 4
_LENGTH_JITTER_UNITS = 12
_SPEECH_SHARDS = 8
_CHECKPOINT_EVERY_S, _LOG_EVERY_STEPS = 120.0, 50
_HELD_OUT = 96


class TeacherDurations(nn.Module):
    """Stands in for the duration predictor: hands out the teacher's durations and keeps the prediction."""

    def __init__(self, predictor: nn.Module) -> None:
        super().__init__()
        self.predictor = predictor
        self.teacher: Tensor | None = None
        self.predicted = torch.empty(0)

    def forward(self, hidden_states: Tensor, padding_mask: Tensor | None = None) -> Tensor:
        self.predicted = self.predictor(hidden_states, padding_mask=padding_mask)
        return self.predicted if self.teacher is None else torch.log1p(self.teacher.float())


class T2uStage:
    """Loss and accuracy of the T2U model over the frozen text stage."""

    def __init__(self, work: Path, tokenizer: StarterTokenizer, device: str) -> None:
        self.tokenizer, self.device = tokenizer, device
        self.model = SeamlessM4Tv2Model(starter_config())
        self.model.load_state_dict(load_file(work / train_text.WEIGHTS_FILE_NAME), strict=False)
        self.model.requires_grad_(False).eval()
        self.model.t2u_model.requires_grad_(True)
        self.model.to(device)
        decoder = self.model.t2u_model.model.decoder
        self.durations = TeacherDurations(decoder.duration_predictor)
        decoder.duration_predictor = self.durations

    def parameters(self) -> list[nn.Parameter]:
        return list(self.model.t2u_model.parameters())

    @torch.no_grad()
    def hidden_states(self, batch: Sequence[SpokenText]) -> tuple[Tensor, Tensor]:
        """The text decoder's last states over [</s>, language, tokens...] of each row and their mask."""
        examples = [item.source for item in batch if isinstance(item.source, batching.Example)]
        pairs = [item.source for item in batch if isinstance(item.source, batching.TextPair)]
        parts: dict[int, tuple[Tensor, Tensor]] = {}
        if examples:
            features, counts = batching.stack_features(examples)
            encoded = encode_speech(self.model, features.to(self.device), counts.to(self.device))
            parts |= {id(e): (encoded.states[i], encoded.mask[i]) for i, e in enumerate(examples)}
        if pairs:
            encoder_ids, mask = batching.encoder_batch(
                self.tokenizer, [pair.source_text for pair in pairs], [pair.source_language for pair in pairs]
            )
            encoder_ids, mask = encoder_ids.to(self.device), mask.to(self.device)
            states = self.model.text_encoder(input_ids=encoder_ids, attention_mask=mask).last_hidden_state
            parts |= {id(pair): (states[i], mask[i]) for i, pair in enumerate(pairs)}
        rows = [parts[id(item.source)] for item in batch]
        states = nn.utils.rnn.pad_sequence([row[0] for row in rows], batch_first=True)
        mask = nn.utils.rnn.pad_sequence([row[1] for row in rows], batch_first=True)
        ids = batching.decoder_batch(
            self.tokenizer, [item.target_text for item in batch], [item.target_language for item in batch]
        ).input_ids.to(self.device)
        hidden = self.model.text_decoder(
            input_ids=ids, encoder_hidden_states=states, encoder_attention_mask=mask, use_cache=False
        ).last_hidden_state
        return hidden, (ids != 0).long()

    def losses(self, batch: Sequence[SpokenText]) -> dict[str, Tensor]:
        """Cross-entropy of the units and squared error of log durations; accuracy and mean error to read."""
        hidden, mask = self.hidden_states(batch)

        def padded(rows: Sequence[Sequence[int] | NDArray[np.int64]], value: int = 0) -> Tensor:
            return nn.utils.rnn.pad_sequence(
                [torch.as_tensor(row) for row in rows], batch_first=True, padding_value=value
            ).to(self.device)

        teacher = padded([item.durations for item in batch])
        self.durations.teacher = teacher
        output = self.model.t2u_model(
            inputs_embeds=hidden,
            attention_mask=mask,
            char_input_ids=padded([item.character_ids for item in batch]),
            char_count_per_id=padded([item.counts_per_token for item in batch]),
        )
        logits = output.last_hidden_state
        labels = padded([item.units + UNIT_OFFSET for item in batch], batching.IGNORED)
        real_character, real_unit = teacher > 0, labels != batching.IGNORED
        error = (self.durations.predicted - torch.log1p(teacher.float()))[real_character]
        predicted_units = torch.expm1(self.durations.predicted).round().clamp(min=1)
        return {
            "units": nn.functional.cross_entropy(
                logits.flatten(0, 1), labels.flatten(), ignore_index=batching.IGNORED,
                label_smoothing=_LABEL_SMOOTHING,
            ),
            "durations": error.square().mean(),
            "unit_accuracy": (logits.argmax(-1) == labels)[real_unit].float().mean(),
            "duration_error_units": (predicted_units - teacher)[real_character].abs().mean(),
        }  # fmt: skip

    def weights(self) -> dict[str, Tensor]:
        """The stage's entries of the model's state dict, the duration predictor under its own name."""
        return {
            f"t2u_model.{name.replace('.duration_predictor.predictor.', '.duration_predictor.')}":
                tensor.detach().cpu().clone().contiguous()
            for name, tensor in self.model.t2u_model.state_dict().items()
        }  # fmt: skip

    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Takes what `weights` gave."""
        decoder = self.model.t2u_model.model.decoder
        decoder.duration_predictor = self.durations.predictor
        self.model.load_state_dict(weights, strict=False)
        decoder.duration_predictor = self.durations


def choose_alike(pool: Sequence[SpokenText], rng: np.random.Generator) -> list[SpokenText]:
    """Texts of similar length, about _BATCH_UNITS units in all: long texts are few, short ones many."""
    jitter = rng.uniform(0, _LENGTH_JITTER_UNITS, len(pool))
    order = np.argsort([len(item.units) + more for item, more in zip(pool, jitter, strict=True)])
    end = int(rng.integers(1, len(pool) + 1))
    count = max(1, _BATCH_UNITS // len(pool[order[end - 1]].units))
    return [pool[index] for index in order[max(0, end - count) : end]]


class T2uTrainer:
    def __init__(self, work: Path, budget_s: float, device: str, worker: Worker) -> None:
        torch.manual_seed(3)
        self.work, self.budget_s, self.worker = work, budget_s, worker
        tokenizer = StarterTokenizer.load(work / "tokenizer")
        self.stage = T2uStage(work, tokenizer, device)
        self.optimizer = torch.optim.AdamW(
            self.stage.parameters(), lr=_PEAK_LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.01, fused=True
        )
        self.step, self.elapsed_s = 0, 0.0
        self._resume()
        self.rng = np.random.default_rng([3, self.step, worker.index])
        torch.manual_seed(self.step * worker.count + worker.index)
        paths = corpus.shard_paths(work)[:_SPEECH_SHARDS]
        speech = [example for path in paths for example in shards.read(path)]
        self.source = SpokenTextSource(work, tokenizer, "train", speech)
        self.held_out: list[SpokenText] = []
        if worker.leads:
            rng, held_out = np.random.default_rng(5), SpokenTextSource(work, tokenizer, "combination", [])
            self.held_out = [held_out.draw(rng) for _ in range(_HELD_OUT)]

    def run(self) -> None:
        now = workers.clock(self.stage.device)
        started, before, saved_s = now(), self.elapsed_s, self.elapsed_s
        pool = [self.source.draw(self.rng) for _ in range(_POOL // 4)]
        while self.elapsed_s < self.budget_s:
            pool = [*pool, *(self.source.draw(self.rng) for _ in range(_NEW_PER_STEP))][-_POOL:]
            batch = choose_alike(pool, self.rng)
            figures = self._train(batch, before + now() - started)
            if self.step % _LOG_EVERY_STEPS == 0 and self.worker.leads:
                self._log(figures)
            if self.elapsed_s - saved_s > _CHECKPOINT_EVERY_S and self.worker.leads:
                saved_s = self.elapsed_s
                self._checkpoint()
        if self.worker.leads:
            self._checkpoint()

    def _train(self, batch: Sequence[SpokenText], elapsed_s: float) -> dict[str, float]:
        spent = min(1.0, self.elapsed_s / self.budget_s)
        rate = _PEAK_LEARNING_RATE * min(1.0, (self.step + 1) / _WARM_UP_STEPS)
        rate *= max(0.01, 0.5 * (1 + math.cos(math.pi * spent)))
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.stage.model.t2u_model.train()
        losses = self.stage.losses(batch)
        self.optimizer.zero_grad(set_to_none=True)
        (losses["units"] + _DURATION_WEIGHT * losses["durations"]).backward()  # type: ignore[no-untyped-call]
        self.elapsed_s = self.worker.average_gradients(self.stage.parameters(), elapsed_s)
        nn.utils.clip_grad_norm_(self.stage.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        return {name: float(loss.detach()) for name, loss in losses.items()} | {"learning_rate": rate}

    @torch.no_grad()
    def _evaluate(self) -> dict[str, float]:
        self.stage.model.eval()
        parts = [self.stage.losses(self.held_out[i : i + 16]) for i in range(0, len(self.held_out), 16)]
        return {
            f"held_out_{name}": float(np.mean([float(part[name]) for part in parts])) for name in parts[0]
        }

    def _log(self, figures: dict[str, float]) -> None:
        record = {"step": self.step, "elapsed_s": round(self.elapsed_s, 1)}
        line = json.dumps(record | {name: round(value, 4) for name, value in figures.items()})
        with (self.work / "t2u_log.jsonl").open("a", encoding="utf-8") as log:
            log.write(line + "\n")
        print(line, flush=True)

    def _checkpoint(self) -> None:
        state = {
            "t2u": self.stage.weights(),
            "optimizer": self.optimizer.state_dict(),
            "progress": (self.step, self.elapsed_s),
        }
        torch.save(state, self.work / "t2u_checkpoint.part")
        (self.work / "t2u_checkpoint.part").replace(self.work / "t2u_checkpoint.pt")
        save_file(self.stage.weights(), self.work / "t2u.part")
        (self.work / "t2u.part").replace(self.work / WEIGHTS_FILE_NAME)
        self._log(self._evaluate())

    def _resume(self) -> None:
        path = self.work / "t2u_checkpoint.pt"
        if path.exists():
            state = torch.load(path, map_location=self.stage.device, weights_only=True)
            self.stage.load(state["t2u"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step, self.elapsed_s = state["progress"]
        elif (self.work / WEIGHTS_FILE_NAME).exists():
            self.stage.load(load_file(self.work / WEIGHTS_FILE_NAME))
            self.elapsed_s = _TAKEN_UP_SHARE * self.budget_s


def _run_worker(index: int, arguments: argparse.Namespace) -> None:
    with workers.joined(index, arguments.workers) as worker:
        use_fast_conformer()
        T2uTrainer(arguments.work, arguments.minutes * 60.0, arguments.device, worker).run()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--work", type=Path, default=Path("build/starter"))
    parser.add_argument("--minutes", type=float, default=12.0, help="of processor time")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--device", default="cpu", help="cpu or cuda (one worker)")
    workers.spawn(_run_worker, parser.parse_args())


if __name__ == "__main__":
    main()
