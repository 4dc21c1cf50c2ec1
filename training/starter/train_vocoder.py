"""Stage 2: the vocoder, from units to the target voices, by spectral losses alone.

`taskset -c 1 python -m training.starter.train_vocoder --minutes 30` trains on one core, writes its state,
its curve (vocoder_log.jsonl) and vocoder.safetensors into build/starter/ every two minutes, and resumes.
The learning rate follows the time spent, so that it has decayed when the time is up.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor
from transformers.models.seamless_m4t_v2.modeling_seamless_m4t_v2 import SeamlessM4Tv2CodeHifiGan

from training.starter.grammar import Language
from training.starter.model_config import starter_config
from training.starter.spectral_loss import SpectralLoss
from training.starter.target_speech import TargetSpeech
from training.starter.tokenizer import LANGUAGE_CODES
from training.starter.units import HOP_SAMPLES, UnitCodebook, log_mel
from training.starter.voices import TARGET_SPEAKER_IDS

_BATCH, _CROP_UNITS = 8, 36
_MARGIN_UNITS = 2  # not judged at the ends of a crop, where convolutions see zeros instead of neighbours
_POOL = 512
_NEW_PER_STEP = 2
_PEAK_LEARNING_RATE, _LAST_LEARNING_RATE, _WARM_UP = 1.5e-3, 1e-5, 0.01
_SAVE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Utterance:
    """`units` (count,) and the `samples` (count * 320,) they stand for."""

    language: Language
    units: NDArray[np.int64]
    samples: NDArray[np.float32]


class UtterancePool:
    """A rolling stock of target speech: each step replaces a few utterances and crops from all."""

    def __init__(self, codebook: UnitCodebook, rng: np.random.Generator, *, held_out: bool = False) -> None:
        self._codebook, self._rng = codebook, rng
        self._speech = TargetSpeech(held_out=held_out)
        self._stock: list[Utterance] = []

    def draw(self) -> Utterance:
        while True:
            language, _, speech = self._speech.draw(self._rng)
            units = self._codebook.units_of(speech.samples, language)
            if len(units) >= _CROP_UNITS:
                return Utterance(language, units, speech.samples[: len(units) * HOP_SAMPLES])

    def batch(self) -> tuple[Tensor, Tensor, Tensor]:
        """Units (batch, crop), language indices (batch,), samples (batch, crop * 320)."""
        while len(self._stock) < _POOL:
            self._stock.append(self.draw())
        for _ in range(_NEW_PER_STEP):
            self._stock[int(self._rng.integers(_POOL))] = self.draw()
        chosen = [self._stock[index] for index in self._rng.integers(_POOL, size=_BATCH)]
        starts = [int(self._rng.integers(len(item.units) - _CROP_UNITS + 1)) for item in chosen]
        crops = list(zip(chosen, starts, strict=True))
        units = np.stack([item.units[start : start + _CROP_UNITS] for item, start in crops])
        samples = [
            item.samples[start * HOP_SAMPLES : (start + _CROP_UNITS) * HOP_SAMPLES] for item, start in crops
        ]
        languages = torch.tensor([LANGUAGE_CODES.index(item.language) for item in chosen])
        return torch.from_numpy(units), languages, torch.from_numpy(np.stack(samples))


def synthesise(vocoder: SeamlessM4Tv2CodeHifiGan, units: Tensor, languages: Tensor) -> Tensor:
    """(batch, units) and language indices (batch,) -> (batch, units * 320): one unit, one hop."""
    speakers = torch.tensor([TARGET_SPEAKER_IDS[code] for code in LANGUAGE_CODES])[languages]
    embedded = [
        vocoder.language_embedding(languages)[:, :, None].expand(-1, -1, units.shape[1]),
        vocoder.unit_embedding(units).transpose(1, 2),
        vocoder.speaker_embedding(speakers)[:, :, None].expand(-1, -1, units.shape[1]),
    ]
    waveform: Tensor = vocoder.hifi_gan(torch.cat(embedded, dim=1))
    return waveform


def fix_durations(vocoder: SeamlessM4Tv2CodeHifiGan) -> None:
    """transformers always asks the vocoder for durations; these weights make it answer 1, always."""
    with torch.no_grad():
        vocoder.dur_predictor.proj.weight.zero_()
        vocoder.dur_predictor.proj.bias.fill_(math.log(2.0))


class VocoderTraining:
    """Everything that a run must keep to go on where it stopped."""

    def __init__(self, work: Path, seconds: float) -> None:
        self.work, self.seconds = work, seconds
        self.spent_seconds, self.step = 0.0, 0
        torch.manual_seed(5)
        self.vocoder = SeamlessM4Tv2CodeHifiGan(starter_config())
        fix_durations(self.vocoder)
        self.loss = SpectralLoss()
        trained = [
            parameter
            for name, parameter in self.vocoder.named_parameters()
            if not name.startswith("dur_predictor.")
        ]
        self.optimizer = torch.optim.AdamW(trained, lr=0.0, betas=(0.8, 0.99), weight_decay=0.01, fused=True)
        self.parameters = trained
        self._resume()
        codebook = UnitCodebook.load(work / "units.npz")
        self.pool = UtterancePool(codebook, np.random.default_rng([23, self.step]))
        held_out = UtterancePool(codebook, np.random.default_rng(29), held_out=True)
        self.judged = [held_out.draw() for _ in range(24)]

    def run(self) -> None:
        last, saved = time.monotonic(), self.spent_seconds
        losses: list[float] = []
        while self.spent_seconds < self.seconds:
            losses.append(self._one_step())
            now = time.monotonic()
            self.spent_seconds, last = self.spent_seconds + now - last, now
            if self.spent_seconds - saved >= _SAVE_SECONDS or self.spent_seconds >= self.seconds:
                self._log(float(np.mean(losses)))
                self._save()
                losses, saved, last = [], self.spent_seconds, time.monotonic()

    def _one_step(self) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = self._learning_rate()
        units, languages, samples = self.pool.batch()
        margin = slice(_MARGIN_UNITS * HOP_SAMPLES, -_MARGIN_UNITS * HOP_SAMPLES)
        loss = self.loss(synthesise(self.vocoder, units, languages)[:, margin], samples[:, margin])
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 5.0)
        self.optimizer.step()
        self.step += 1
        return float(loss.detach())

    def _learning_rate(self) -> float:
        progress = min(1.0, self.spent_seconds / self.seconds)
        if progress < _WARM_UP:
            return _PEAK_LEARNING_RATE * max(progress / _WARM_UP, 0.02)
        cosine = 0.5 * (1 + math.cos(math.pi * (progress - _WARM_UP) / (1 - _WARM_UP)))
        return _LAST_LEARNING_RATE + (_PEAK_LEARNING_RATE - _LAST_LEARNING_RATE) * cosine

    def _log(self, loss: float) -> None:
        entry = {"step": self.step, "elapsed_s": round(self.spent_seconds, 1), "loss": round(loss, 4)}
        entry |= judge(self.vocoder, self.judged)
        with (self.work / "vocoder_log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(entry) + "\n")

    def _save(self) -> None:
        state = {
            "vocoder": self.vocoder.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "spent_seconds": self.spent_seconds,
        }
        temporary = self.work / "vocoder_state.part"
        torch.save(state, temporary)
        temporary.replace(self.work / "vocoder_state.pt")
        weights = self.vocoder.state_dict().items()
        named = {f"vocoder.{name}": tensor.contiguous() for name, tensor in weights}
        save_file(named, self.work / "vocoder.safetensors.part")
        (self.work / "vocoder.safetensors.part").replace(self.work / "vocoder.safetensors")

    def _resume(self) -> None:
        path = self.work / "vocoder_state.pt"
        if path.exists():
            state = torch.load(path, weights_only=True)
            self.vocoder.load_state_dict(state["vocoder"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step, self.spent_seconds = state["step"], state["spent_seconds"]


@torch.inference_mode()
def judge(vocoder: SeamlessM4Tv2CodeHifiGan, utterances: Sequence[Utterance]) -> dict[str, float]:
    """Per language: mean absolute log-mel difference to the original, and level against it in decibels."""
    figures: dict[str, float] = {}
    for language in LANGUAGE_CODES:
        distances, levels = [], []
        for item in (item for item in utterances if item.language == language):
            index = torch.tensor([LANGUAGE_CODES.index(language)])
            output = synthesise(vocoder, torch.from_numpy(item.units)[None], index)[0].numpy()
            distances.append(float(np.abs(log_mel(output) - log_mel(item.samples)).mean()))
            levels.append(10 * math.log10(float(np.mean(output**2)) / float(np.mean(item.samples**2))))
        figures[f"mel_distance_{language}"] = round(float(np.mean(distances)), 4)
        figures[f"level_db_{language}"] = round(float(np.mean(levels)), 2)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--work", type=Path, default=Path("build/starter"))
    parser.add_argument("--minutes", type=float, default=30.0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    VocoderTraining(arguments.work, arguments.minutes * 60).run()


if __name__ == "__main__":
    main()
