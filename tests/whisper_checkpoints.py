"""Random Whisper checkpoints, and transformers' answers, for tests of the engine with a second family."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from benchmarks.random_whisper import WhisperSize, write_whisper
from tests.checkpoints import wandering_tone
from translate_svc.types import Samples

MOST_TOKENS = 24
WINDOW_STATES = 150
"""Three seconds: a test needs no thirty."""

SIZES = {
    "tiny": WhisperSize(64, 2, 2, 4),
    "small": WhisperSize(96, 3, 3, 6),
    "large-v3": WhisperSize(80, 3, 3, 5, num_mel_bins=128, languages=100),
    "turbo": WhisperSize(80, 3, 1, 5, num_mel_bins=128, languages=100),
}
"""The shapes of published checkpoints with few layers, narrow states and a short window."""


@functools.cache
def whisper_folder(name: str) -> Path:
    """A checkpoint whose texts vary, and end by themselves now and then. Built once a process."""
    import dataclasses

    folder = Path(tempfile.mkdtemp(prefix="whisper-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    size = dataclasses.replace(SIZES[name], text_tokens=400, window_states=WINDOW_STATES, init_std=0.3)
    folder = write_whisper(folder / name, size)
    file = folder / "model.safetensors"
    weights = {key: each.clone() for key, each in load_file(file).items()}
    embedding = weights["model.decoder.embed_tokens.weight"]
    embedding[size.text_tokens] *= 1.6  # the end comes more often
    embedding[size.text_tokens + 1 :] *= 0.3  # and special tokens where they are forced
    save_file(weights, file, metadata={"format": "pt"})
    return folder


def speech(seconds: float, seed: int) -> Samples:
    """Something that the encoder tells apart."""
    return wandering_tone(int(16_000 * seconds), seed)


@dataclass(frozen=True, slots=True)
class Asked:
    """One utterance and what is asked of it."""

    samples: Samples
    source: str
    task: str = "transcribe"
    timestamps: bool = False


class WhisperOracle:
    """transformers, with its own processors of logits, for one window."""

    def __init__(self, folder: Path) -> None:
        from transformers import WhisperFeatureExtractor, WhisperForConditionalGeneration

        self.model: Any = WhisperForConditionalGeneration.from_pretrained(folder).eval()
        self._features = WhisperFeatureExtractor.from_pretrained(folder)

    def features(self, samples: Samples) -> torch.Tensor:
        """``[1, mel_bins, frames]``."""
        made: torch.Tensor = self._features(samples, sampling_rate=16_000, return_tensors="pt").input_features
        return made

    def tokens(self, asked: Asked, num_beams: int = 1) -> tuple[int, ...]:
        """The text, without prompt and end.

        It is ``GenerationMixin.generate``, which Whisper's own ``generate`` calls for each window, with the
        prompt and the processors that this gives it. Whisper's goes on after the last timestamp of a window;
        the engine has one utterance a window.
        """
        from transformers import GenerationConfig, LogitsProcessorList
        from transformers.generation import logits_process
        from transformers.generation.utils import GenerationMixin

        known = self.model.generation_config
        prompt = [known.decoder_start_token_id, known.lang_to_id[f"<|{asked.source}|>"]]
        prompt.append(known.task_to_id[asked.task])
        processors = LogitsProcessorList(
            [logits_process.SuppressTokensLogitsProcessor(known.suppress_tokens)]
        )
        begin = len(prompt) + (not asked.timestamps)
        processors.append(
            logits_process.SuppressTokensAtBeginLogitsProcessor(known.begin_suppress_tokens, begin)
        )
        if asked.timestamps:
            processors.append(logits_process.WhisperTimeStampLogitsProcessor(known, begin))
        else:
            prompt.append(known.no_timestamps_token_id)
        config = GenerationConfig(
            num_beams=num_beams,
            do_sample=False,
            max_new_tokens=MOST_TOKENS + asked.timestamps,  # the prompt is shorter
            eos_token_id=known.eos_token_id,
            pad_token_id=known.pad_token_id,
            decoder_start_token_id=known.decoder_start_token_id,
        )
        with torch.no_grad():
            made = GenerationMixin.generate(
                self.model,
                input_features=self.features(asked.samples),
                decoder_input_ids=torch.tensor([prompt]),
                generation_config=config,
                logits_processor=processors,
            )
        text = made[0, len(prompt) :].tolist()
        return tuple(text[: text.index(known.eos_token_id)] if known.eos_token_id in text else text)


@functools.cache
def whisper_oracle(name: str) -> WhisperOracle:
    """One per checkpoint and process."""
    return WhisperOracle(whisper_folder(name))


def some_speech(count: int, most_s: float = 3.0) -> Sequence[Samples]:
    """Utterances of different lengths."""
    return [speech(0.3 + (most_s - 0.3) * (index * 7 % count) / count, index) for index in range(count)]
