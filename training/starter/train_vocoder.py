"""Stage 2: the vocoder, from units to the target voices, by spectral losses alone.

`taskset -c 1 python -m training.starter.train_vocoder --minutes 30` trains on one core, writes its state,
its curve (vocoder_log.jsonl) and vocoder.safetensors into build/starter/ every two minutes, and resumes.
The learning rate follows the time spent, so that it has decayed when the time is up. Where there are weights
but no state (`take_up` has brought them) it begins with them, as though half of `--minutes` were spent.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers.models.seamless_m4t_v2.modeling_seamless_m4t_v2 import SeamlessM4Tv2CodeHifiGan

from training.starter.grammar import LANGUAGES, Language, Part
from training.starter.learning.spectral_loss import SpectralLoss
from training.starter.learning.vocoder_forward import synthesise
from training.starter.model_config import starter_config
from training.starter.synthesis.target_speech import (
    HOP_SAMPLES,
    TargetSpeech,
    counterparts,
    hop_centres,
    speak,
)
from training.starter.synthesis.voices import SPEAKER_IDS
from training.starter.units import UnitCodebook, log_mel

WEIGHTS_FILE_NAME = "vocoder.safetensors"

_BATCH, _CROP_UNITS = 8, 36
_MARGIN_UNITS = 2  # not judged at the ends of a crop, where convolutions see zeros instead of neighbours
_POOL = 512
_NEW_PER_STEP = 2
_PEAK_LEARNING_RATE, _LAST_LEARNING_RATE, _WARM_UP = 1.5e-3, 1e-5, 0.01
_TAKEN_UP_SHARE = 0.5
_SAVE_SECONDS = 120.0
_JUDGED = 48


@dataclass(frozen=True, slots=True)
class Utterance:
    """`samples` (count * 320,) of a speaker, and the `units` (count,) that speaker 0's speech gives there."""

    language: Language
    speaker_id: int
    units: NDArray[np.int64]
    samples: NDArray[np.float32]


def utter(text: str, language: Language, speaker_id: int, codebook: UnitCodebook) -> Utterance:
    """Raises SynthesisError."""
    speech = spoken = speak(text, language)
    centres = hop_centres(len(speech.samples))
    if speaker_id != 0:
        spoken = speak(text, language, speaker_id)
        centres = counterparts(hop_centres(len(spoken.samples)), spoken, speech)
    units = codebook.units_of(speech.samples, language, centres)
    return Utterance(language, speaker_id, units, spoken.samples[: len(units) * HOP_SAMPLES])


class UtterancePool:
    """A rolling stock of target speech: each step replaces a few utterances and crops from all."""

    def __init__(self, codebook: UnitCodebook, rng: np.random.Generator, part: Part = "train") -> None:
        self._codebook, self._rng = codebook, rng
        self._speech = TargetSpeech(part)
        self._stock: list[Utterance] = []

    def draw(self) -> Utterance:
        while True:
            language, text = self._speech.draw(self._rng)
            utterance = utter(text, language, int(self._rng.choice(SPEAKER_IDS)), self._codebook)
            if len(utterance.units) >= _CROP_UNITS:
                return utterance

    def batch(self) -> tuple[Tensor, Tensor, Tensor]:
        """Units (batch, crop), language and speaker ids (batch, 2), samples (batch, crop * 320)."""
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
        return torch.from_numpy(units), voice_ids(chosen), torch.from_numpy(np.stack(samples))


def voice_ids(utterances: Sequence[Utterance]) -> Tensor:
    """(batch, 2): the vocoder's language and speaker ids."""
    return torch.tensor([(LANGUAGES.index(item.language), item.speaker_id) for item in utterances])


def fix_durations(vocoder: SeamlessM4Tv2CodeHifiGan) -> None:
    """transformers always asks the vocoder for durations; these weights make it answer 1, always."""
    with torch.no_grad():
        vocoder.dur_predictor.proj.weight.zero_()
        vocoder.dur_predictor.proj.bias.fill_(math.log(2.0))


class VocoderTraining:
    """Everything that a run must keep to continue where it stopped."""

    def __init__(self, work: Path, seconds: float, device: str) -> None:
        self.work, self.seconds, self.device = work, seconds, device
        self.spent_seconds, self.step = 0.0, 0
        torch.manual_seed(5)
        self.vocoder = SeamlessM4Tv2CodeHifiGan(starter_config()).to(device)
        fix_durations(self.vocoder)
        self.loss = SpectralLoss().to(device)
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
        held_out = UtterancePool(codebook, np.random.default_rng(29), "combination")
        self.judged = [held_out.draw() for _ in range(_JUDGED)]

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
        units, voices, samples = (part.to(self.device) for part in self.pool.batch())
        margin = slice(_MARGIN_UNITS * HOP_SAMPLES, -_MARGIN_UNITS * HOP_SAMPLES)
        loss = self.loss(synthesise(self.vocoder, units, voices)[:, margin], samples[:, margin])
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
        named = {f"vocoder.{name}": tensor.cpu().contiguous() for name, tensor in weights}
        save_file(named, self.work / "vocoder.part")
        (self.work / "vocoder.part").replace(self.work / WEIGHTS_FILE_NAME)

    def _resume(self) -> None:
        path = self.work / "vocoder_state.pt"
        if path.exists():
            state = torch.load(path, map_location=self.device, weights_only=True)
            self.vocoder.load_state_dict(state["vocoder"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step, self.spent_seconds = state["step"], state["spent_seconds"]
        elif (self.work / WEIGHTS_FILE_NAME).exists():
            weights = load_file(self.work / WEIGHTS_FILE_NAME)
            self.vocoder.load_state_dict(
                {name.removeprefix("vocoder."): tensor for name, tensor in weights.items()}
            )
            self.spent_seconds = _TAKEN_UP_SHARE * self.seconds


@torch.inference_mode()
def judge(vocoder: SeamlessM4Tv2CodeHifiGan, utterances: Sequence[Utterance]) -> dict[str, float]:
    """Per voice: mean absolute log-mel difference to the original, and level against it in decibels."""
    device = vocoder.unit_embedding.weight.device
    distances, levels = defaultdict[str, list[float]](list), defaultdict[str, list[float]](list)
    for item in utterances:
        units = torch.from_numpy(item.units)[None].to(device)
        output = synthesise(vocoder, units, voice_ids([item]).to(device))[0].cpu().numpy()
        voice = f"{item.language}_{item.speaker_id}"
        distances[voice].append(float(np.abs(log_mel(output) - log_mel(item.samples)).mean()))
        levels[voice].append(10 * math.log10(float(np.mean(output**2)) / float(np.mean(item.samples**2))))
    figures: dict[str, float] = {}
    for voice in sorted(distances):
        figures[f"mel_distance_{voice}"] = round(float(np.mean(distances[voice])), 4)
        figures[f"level_db_{voice}"] = round(float(np.mean(levels[voice])), 2)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--work", type=Path, default=Path("build/starter"))
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    VocoderTraining(arguments.work, arguments.minutes * 60, arguments.device).run()


if __name__ == "__main__":
    main()
