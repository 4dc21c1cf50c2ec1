"""Checkpoints, utterances and the oracle that tests of models and runner share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from translate_svc.engine.model_runner import ModelRunner
from translate_svc.models.checkpoint import Checkpoint
from translate_svc.types import Samples

STARTER = Path(__file__).parents[1] / "model_cache" / "starter"
EOS = 3
MAX_TOKENS = 64


def utterance(samples: int, seed: int) -> Samples:
    """Tones that wander, with noise: something for the encoder to tell apart. Deterministic."""
    rng = np.random.default_rng(seed)
    time = np.arange(samples) / 16_000
    pitch = (
        150 + 80 * rng.random() + 200 * np.abs(np.interp(time * 6, np.arange(200), rng.standard_normal(200)))
    )
    phase = np.cumsum(pitch) / 16_000 * 2 * np.pi
    loudness = np.abs(np.sin(time * 2 * np.pi * (1 + 3 * rng.random())))
    voiced = sum(np.sin(k * phase) / k for k in range(1, 9))
    return (0.2 * loudness * voiced + 0.02 * rng.standard_normal(samples)).astype(np.float32)


def utterances() -> list[Samples]:
    """Every remainder of (20 ms frames) mod 8, even and odd numbers of mel frames."""
    lengths = [400 + 160 * (mel_frames - 1) + 37 for mel_frames in range(64, 200, 9)]
    return [utterance(length, seed) for seed, length in enumerate(lengths)]


@dataclass(frozen=True, slots=True, eq=False)
class Translated:
    """Everything the pipeline makes of one utterance. ``token_ids`` without prompt and end."""

    token_ids: tuple[int, ...]
    finished: bool
    units: np.ndarray[Any, np.dtype[np.int64]]
    samples: Samples


class Oracle:
    """transformers' own greedy ``generate`` for one utterance, its vocoder durations forced to 1."""

    def __init__(self, folder: Path) -> None:
        self.model = transformers.SeamlessM4Tv2Model.from_pretrained(folder, dtype=torch.float32).eval()
        self.features = transformers.SeamlessM4TFeatureExtractor.from_pretrained(folder)
        predictor = self.model.vocoder.dur_predictor
        with torch.no_grad():
            predictor.proj.weight.zero_()
            predictor.proj.bias.fill_(float(np.log(2)))

    def translate(self, samples: Samples, language: str, speaker_id: int, max_new_tokens: int) -> Translated:
        features = self.features(samples, sampling_rate=16_000, return_tensors="pt")
        settings = {"tgt_lang": language, "max_new_tokens": max_new_tokens}
        with torch.no_grad():
            text = self.model.generate(**features, generate_speech=False, **settings).sequences[0].tolist()
            finished = text[-1] == EOS
            tokens = tuple(text[2:-1] if finished else text[2:])
            if not tokens or not finished:  # no text crashes transformers, the limit makes it drop a token
                return Translated(tokens, finished, np.empty(0, np.int64), np.empty(0, np.float32))
            spoken = self.model.generate(
                **features, speaker_id=speaker_id, return_intermediate_token_ids=True, **settings
            )
        units = spoken.unit_sequences[0].numpy() - self.model.config.vocoder_offset
        return Translated(tokens, True, units, spoken.waveform[0].numpy())


def runner_for(folder: Path, *, slots: int = 8, **options: Any) -> ModelRunner:
    """A runner for utterances of up to ten seconds."""
    checkpoint = Checkpoint.open(folder)
    return ModelRunner(
        checkpoint, max_slots=slots, max_source_samples=160_000, max_tokens=MAX_TOKENS, **options
    )
