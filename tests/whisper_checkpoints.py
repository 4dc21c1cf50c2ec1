"""Random Whisper checkpoints, and transformers' answers, for tests of the engine with a second family."""

from __future__ import annotations

import atexit
import functools
import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load_file, save_file

from benchmarks.random_whisper import WhisperSize, write_whisper
from tests.checkpoints import wandering_tone
from translate_svc.models.placement import Placement
from translate_svc.models.precision import FLOAT32
from translate_svc.models.whisper.generation import language_code
from translate_svc.models.whisper.reference import WhisperReference
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
    _suppress(folder / "generation_config.json", size.text_tokens)
    return folder


def _suppress(file: Path, text_tokens: int) -> None:
    """So many tokens that every text would be another one without the rules."""
    values = json.loads(file.read_text("utf-8"))
    values["suppress_tokens"] += range(0, text_tokens, 3)
    values["begin_suppress_tokens"] += range(1, text_tokens, 3)
    file.write_text(json.dumps(values), encoding="utf-8")


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


class WhisperOracle(WhisperReference):
    """transformers, in float32."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, Placement("cpu", FLOAT32))

    def tokens(self, asked: Asked, num_beams: int = 1) -> tuple[int, ...]:
        """The text, without prompt and end."""
        made = self.generate(
            asked.samples,
            "eng" if asked.task == "translate" else language_code(asked.source),
            language_code(asked.source),
            max_new_tokens=MOST_TOKENS + asked.timestamps,  # the prompt is shorter
            num_beams=num_beams,
            timestamps=asked.timestamps,
        )
        prompt_tokens = 3 if asked.timestamps else 4
        return self.text_of(made.sequences[0].tolist()[prompt_tokens:])[0]


@functools.cache
def whisper_oracle(name: str) -> WhisperOracle:
    """One per checkpoint and process."""
    return WhisperOracle(whisper_folder(name))


def some_speech(count: int, most_s: float = 3.0) -> Sequence[Samples]:
    """Utterances of different lengths."""
    return [speech(0.3 + (most_s - 0.3) * (index * 7 % count) / count, index) for index in range(count)]
