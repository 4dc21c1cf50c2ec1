"""Checkpoints, utterances, an oracle and a driver that the tests of models and runner share."""

from __future__ import annotations

import atexit
import dataclasses
import functools
import itertools
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile
import torch
from torch.utils._python_dispatch import _disable_current_modes

from tests.published_layout import build_published_layout
from tests.step_results import decode_results, unit_results, vocode_results
from tests.tiny_checkpoint import build_tiny_checkpoint, build_unspaced_checkpoint
from translate_svc.engine.plan import (
    DecodeItem,
    EncodeItem,
    SequenceKey,
    StepPlan,
    TextToUnitItem,
    VocodeItem,
)
from translate_svc.engine.runner.model_runner import ModelRunner
from translate_svc.engine.step_result import StepResult
from translate_svc.models.checkpoint.checkpoint import Checkpoint
from translate_svc.models.limits import ModelLimits
from translate_svc.models.placement import Placement
from translate_svc.models.precision import FLOAT32
from translate_svc.models.seamless.reference import Reference
from translate_svc.models.seamless.seamless_model import SeamlessModel
from translate_svc.models.seamless.tokenizer import SentencePieceTokenizer
from translate_svc.types import EncoderSource, Samples

EOS = 3
MAX_NEW_TOKENS = 24
_STARTER = Path(__file__).parents[1] / "model_cache" / "starter"
_CLIPS = Path(__file__).parent / "data"
_TEXTS = (
    "The train to Madrid leaves at seven o'clock.",
    "¿Dónde está la estación?",
    "Good morning.",
    "El tren sale a las nueve y el museo está cerca del río. ¿Cuánto cuesta?",
    "where is the river? it is near the station 😀",
    "gracias",
)
_STARTER_CLIPS = ("eng_1", "spa_1", "eng_two", "fra_1", "deu_1", "silence")


@functools.cache
def checkpoint_folder(name: str) -> Path:
    """``tiny``, ``unspaced`` and ``published`` are built once a process; ``starter`` is the committed one."""
    if name == "starter":
        return _STARTER
    folder = Path(tempfile.mkdtemp(prefix="tiny-checkpoint-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    builders = {"published": build_published_layout, "unspaced": build_unspaced_checkpoint}
    return builders.get(name, build_tiny_checkpoint)(folder / name)


def wandering_tone(samples: int, seed: int) -> Samples:
    """Harmonics of a moving pitch, with noise: something for the encoder to tell apart. Deterministic."""
    rng = np.random.default_rng(seed)
    time = np.arange(samples) / 16_000
    pitch_hz = 150 + 80 * rng.random() + 200 * np.abs(np.interp(time * 6, range(200), rng.normal(size=200)))
    phase = np.cumsum(pitch_hz) / 16_000 * 2 * np.pi
    loudness = np.abs(np.sin(time * 2 * np.pi * (1 + 3 * rng.random())))
    voiced = np.sum([np.sin(k * phase) / k for k in range(1, 9)], axis=0)
    mixed: Samples = (0.2 * loudness * voiced + 0.02 * rng.normal(size=samples)).astype(np.float32)
    return mixed


def tones(count: int = 16) -> list[Samples]:
    """Every remainder of (20 ms frames) mod 8; even and odd numbers of mel frames."""
    return [wandering_tone(400 + 160 * (63 + 9 * index) + 37, index) for index in range(count)]


@functools.cache
def utterances(name: str) -> tuple[Samples, ...]:
    """Utterances that the checkpoint has something to say about, of different lengths."""
    if name == "tiny":
        return tuple(tones(10))
    return tuple(soundfile.read(_CLIPS / f"{clip}.flac", dtype="float32")[0] for clip in _STARTER_CLIPS)


@functools.cache
def source_texts(name: str) -> tuple[tuple[int, ...], ...]:
    """Texts of both languages, as the text encoder is fed them, English first and then in turns."""
    whole = Checkpoint.open(checkpoint_folder(name))
    tokenizer = SentencePieceTokenizer.from_pretrained(
        whole.path, config=whole.config, languages=whole.maps.text_languages
    )
    return tuple(
        tokenizer.source_tokens(text, language)
        for text, language in zip(_TEXTS, itertools.cycle(("eng", "spa")), strict=False)
    )


@dataclass(frozen=True, slots=True, eq=False)
class Translated:
    """Everything that is made of one source. ``token_ids`` without prompt and end."""

    token_ids: tuple[int, ...]
    finished: bool
    units: npt.NDArray[np.int64]
    samples: Samples


class Oracle:
    """``Reference`` in float32 on the CPU, with the tests' token limit."""

    def __init__(self, folder: Path) -> None:
        self._reference = Reference(folder, Placement("cpu", FLOAT32))
        self.model: Any = self._reference.model
        self._answers: dict[object, Translated] = {}

    def inputs(self, source: EncoderSource) -> dict[str, Any]:
        """What ``generate`` takes of one source."""
        return self._reference.inputs(source)

    def translate(self, source: EncoderSource, language: str, speaker_id: int) -> Translated:
        """Units and samples are empty where transformers fails: as in ``Reference.translate``.

        A repeated question is not computed again.
        """
        content = source.tobytes() if isinstance(source, np.ndarray) else tuple(source)
        question = content, language, speaker_id
        if question not in self._answers:
            with _disable_current_modes():  # the stand-in accelerator is slow, and has no part in this
                made = self._reference.translate(source, language, speaker_id, max_new_tokens=MAX_NEW_TOKENS)
            self._answers[question] = Translated(made.token_ids, made.finished, made.units, made.samples)
        return self._answers[question]


@functools.cache
def oracle(name: str) -> Oracle:
    """One per checkpoint and process."""
    return Oracle(checkpoint_folder(name))


LIMITS = ModelLimits(
    max_slots=8, max_slot_tokens=MAX_NEW_TOKENS + 2, max_source_samples=160_000, max_source_tokens=64
)
"""Utterances of up to ten seconds."""


_OF_RUNNER = ("masks", "graphs", "source_cache", "tail_padding_samples", "clock")


def new_runner(name: str, limits: ModelLimits = LIMITS, **options: Any) -> ModelRunner:
    """On the CPU unless ``TEST_DEVICE`` says otherwise."""
    of_runner = {key: options.pop(key) for key in _OF_RUNNER if key in options}
    return ModelRunner(new_model(name, limits, **options), limits, **of_runner)


def new_model(name: str, limits: ModelLimits = LIMITS, **options: Any) -> SeamlessModel:
    """In float32, on the CPU unless ``TEST_DEVICE`` says otherwise."""
    device = torch.device(options.pop("device", os.environ.get("TEST_DEVICE", "cpu")))
    precision = options.pop("precision", FLOAT32)
    checkpoint = Checkpoint.open(checkpoint_folder(name))
    return SeamlessModel(checkpoint, limits, device=device, precision=precision, **options)


@dataclass(slots=True, eq=False)
class Job:
    """One utterance or text into one language, in ``slot``, joining at step ``start``."""

    source: EncoderSource
    language: str
    speaker_id: int
    slot: int
    start: int = 0
    token_ids: list[int] = field(default_factory=list)
    fed: int = 0
    finished: bool = False

    def next_token(self) -> int | None:
        """What to feed next, None when the text is complete and all of it was fed."""
        return None if self.fed == len(self.token_ids) else self.token_ids[self.fed]


class Driver:
    """Drives a runner as a scheduler would; everything that can share a step does."""

    def __init__(self, name: str, slots: int = LIMITS.max_slots, **options: Any) -> None:
        self.runner = new_runner(name, dataclasses.replace(LIMITS, max_slots=slots), **options)
        self._languages = Checkpoint.open(checkpoint_folder(name)).maps.text_languages
        self._requests = 0

    def execute(self, **items: Sequence[Any]) -> StepResult:
        """One plan in which nothing may fail."""
        stages: dict[str, Any] = {stage: tuple(each) for stage, each in items.items()}
        result = self.runner.execute(StepPlan(**stages))
        assert not result.failures, result.failures
        return result

    def translate(self, jobs: Sequence[Job]) -> list[Translated]:
        """All jobs to their ends; each joins the running batch at its own step."""
        self._requests += 1
        keys = {SequenceKey(f"{self._requests}-{index}", 0): job for index, job in enumerate(jobs)}
        step = 0
        while live := {key: job for key, job in keys.items() if step < job.start or not self._fed(job)}:
            joining = {key: job for key, job in live.items() if job.start == step}
            for job in joining.values():
                job.token_ids = [EOS, self._languages[job.language]]
            if joining:
                self.execute(
                    encode=[
                        EncodeItem(key.request_id, job.source, (job.slot,), job.slot)
                        for key, job in joining.items()
                    ]
                )
            running = {key: job for key, job in live.items() if job.start <= step}
            if running:
                self._advance(running)
            step += 1
        units = self._units(keys)
        waveforms = self._waveforms(keys, units)
        return [
            Translated(tuple(job.token_ids[2:]), job.finished, units[key], waveforms[key])
            for key, job in keys.items()
        ]

    @staticmethod
    def _fed(job: Job) -> bool:
        return bool(job.token_ids) and job.next_token() is None

    def _advance(self, running: dict[SequenceKey, Job]) -> None:
        items = [
            DecodeItem(key, job.slot, job.fed, (job.token_ids[job.fed],), return_source_ms=True)
            for key, job in running.items()
        ]
        for decoded in decode_results(self.execute(decode=items)):
            job = running[decoded.key]
            job.fed += 1
            if job.fed < 2 or job.fed == MAX_NEW_TOKENS + 2:
                continue
            job.finished = decoded.token_id == EOS
            if not job.finished:
                job.token_ids.append(decoded.token_id)

    def _units(self, keys: dict[SequenceKey, Job]) -> dict[SequenceKey, npt.NDArray[np.int64]]:
        items = [
            TextToUnitItem(key, job.slot, tuple(job.token_ids), job.language, 1.0)
            for key, job in keys.items()
        ]
        return {made.key: made.units for made in unit_results(self.execute(text_to_unit=items))}

    def _waveforms(
        self, keys: dict[SequenceKey, Job], units: dict[SequenceKey, npt.NDArray[np.int64]]
    ) -> dict[SequenceKey, Samples]:
        waveforms = {key: np.empty(0, np.float32) for key in keys}
        items = [
            VocodeItem(key, units[key], 0, len(units[key]), job.language, job.speaker_id)
            for key, job in keys.items()
            if len(units[key])
        ]
        if items:
            waveforms |= {made.key: made.samples for made in vocode_results(self.execute(vocode=items))}
        return waveforms
