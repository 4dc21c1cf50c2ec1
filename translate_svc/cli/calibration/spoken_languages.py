"""Recordings of which the language is known, and what a checkpoint's encoder makes of them.

A folder of them has a folder for each language, named by its code, its tag or as in FLEURS (``es_419``), with
WAV and FLAC files in it or in folders of it. A language that the checkpoint does not know stands for all
others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr

from translate_svc.audio.files import read_audio
from translate_svc.cli.calibration.typed_texts import TypedText
from translate_svc.cli.exit_codes import UsageError
from translate_svc.config import Settings
from translate_svc.engine.request import SourceText
from translate_svc.language_rule import LanguageRule
from translate_svc.languages import LanguageTable
from translate_svc.models.limits import ModelLimits
from translate_svc.models.placement import Placement
from translate_svc.models.registry import open_checkpoint
from translate_svc.models.seamless.seamless_model import SeamlessModel
from translate_svc.models.slices import finish
from translate_svc.models.spoken_languages.fit import PooledSpeech, fit_language_rule
from translate_svc.service import Service
from translate_svc.types import (
    INTERNAL_SAMPLE_RATE_HZ,
    SAMPLES_ENCODING,
    AudioFormat,
    Caller,
    Samples,
    SpeechChunk,
    TargetSettings,
    TranslateRequest,
)

VOICES = "voices"
"""In place of a folder: what the checkpoint says itself."""

_FORMAT = AudioFormat(SAMPLES_ENCODING, INTERNAL_SAMPLE_RATE_HZ)
_BEGINNINGS_S = (0.8, 1.2, 1.5, 2.0, 3.0)
_MAX_S = 15.0
_LOUD = 0.05
"""Of the loudest samples: what lies below, before the first louder one and after the last, is cut off."""
_BEFORE_S, _AFTER_S = 0.2, 0.3
_TEXTS_OF_A_LANGUAGE = 60
_SPEEDS = (0.85, 1.0, 1.18)
"""Of the tape: more voices than the checkpoint has."""
_NOISE_DB = (-60.0, -20.0)
_SEED = 35


@dataclass(frozen=True, slots=True, eq=False)
class SpokenClip:
    """16 kHz samples, and the code of their language; None: one that the checkpoint does not know."""

    samples: Samples
    language: str | None


def read_folder(folder: Path, languages: LanguageTable) -> Iterator[SpokenClip]:
    """The recordings of a folder, one by one.

    Raises:
        InvalidArgument: a file cannot be read.
    """
    for inner in _folders(folder):
        found = languages.find(inner.name)
        for path in _files(inner):
            samples, rate_hz = read_audio(path)
            if rate_hz != INTERNAL_SAMPLE_RATE_HZ:
                samples = soxr.resample(samples, rate_hz, INTERNAL_SAMPLE_RATE_HZ)
            yield SpokenClip(samples, found.code if found is not None and found.text else None)


def count_files(folder: Path) -> int:
    """How many recordings ``read_folder`` gives.

    Raises:
        UsageError: there are none.
    """
    count = sum(len(_files(inner)) for inner in _folders(folder)) if folder.is_dir() else 0
    if not count:
        raise UsageError("must hold a folder with WAV or FLAC files for each language", field="--languages")
    return count


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir())


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".wav", ".flac"))


def speak_texts(
    model: Path, placement: Placement, typed: Sequence[TypedText], report: Callable[[], None]
) -> list[SpokenClip]:
    """What the checkpoint says of typed texts in all its voices, through a service of its own."""
    settings = Settings(
        model=str(model.resolve()),
        device=placement.device,
        dtype=placement.dtype_name,
        measure_capacity=False,
    )

    # their translations too, as nothing is translated into its own language
    texts: list[TypedText | SourceText] = [*typed, *_translations(typed)]

    async def spoken() -> list[SpokenClip]:
        clips: list[SpokenClip] = []
        async with Service.start(settings) as service:
            written = {each.code for each in service.languages() if each.text}
            for language in [each for each in service.languages() if each.speech_out]:
                others = [text for text in texts if text.language in written - {language.code}]
                for number, text in enumerate(others[:_TEXTS_OF_A_LANGUAGE]):
                    speaker = language.speaker_ids[number % len(language.speaker_ids)]
                    clips.append(await _say(service, text, language.code, speaker))
                    report()
        return [clip for clip in clips if len(clip.samples) > INTERNAL_SAMPLE_RATE_HZ // 2]

    return asyncio.run(spoken())


def _translations(typed: Sequence[TypedText]) -> Iterator[SourceText]:
    for each in typed:
        for code, right in each.texts.items():
            yield from (SourceText(text, code) for text in right)


async def _say(service: Service, text: TypedText | SourceText, language: str, speaker_id: int) -> SpokenClip:
    target = TargetSettings(language, speaker_id=speaker_id)
    call = await service.translate(
        TranslateRequest(text.text, (target,), _FORMAT, text.language), Caller("calibration")
    )
    try:
        chunks = [event.data async for event in call.events() if isinstance(event, SpeechChunk)]
    finally:
        await call.cancel()
    return SpokenClip(np.frombuffer(b"".join(chunks), "<f4"), language)


def varied(clips: Sequence[SpokenClip]) -> Iterator[SpokenClip]:
    """Each clip at several speeds of the tape, with noise."""
    rng = np.random.default_rng(_SEED)
    for clip in clips:
        for speed in _SPEEDS:
            samples = soxr.resample(clip.samples, INTERNAL_SAMPLE_RATE_HZ * speed, INTERNAL_SAMPLE_RATE_HZ)
            level = 10 ** (rng.uniform(*_NOISE_DB) / 20) * np.sqrt(np.mean(samples**2))
            noise = level * rng.standard_normal(len(samples))
            yield SpokenClip((samples + noise).astype(np.float32), clip.language)


def learn_rule(
    model: Path,
    placement: Placement,
    clips: Iterator[SpokenClip],
    learnt_from: str,
    report: Callable[[], None],
) -> LanguageRule:
    """The rule of a checkpoint. ``report`` is called after each clip.

    Raises:
        UsageError: the clips do not suffice, or the checkpoint finds out the language by other means.
    """
    limits = ModelLimits(
        max_slots=1, max_slot_tokens=16, max_source_samples=int(_MAX_S * INTERNAL_SAMPLE_RATE_HZ),
        max_source_tokens=16,
    )  # fmt: skip
    loaded = open_checkpoint(model).load(limits, placement)
    if not isinstance(loaded, SeamlessModel):
        raise UsageError("is for checkpoints of SeamlessM4T: this one needs no rule", field="--languages")
    pooled: list[PooledSpeech] = []
    rng = np.random.default_rng(_SEED)
    for number, clip in enumerate(clips):
        for samples in _beginnings(clip.samples, rng):
            if len(samples) >= loaded.min_source_samples:
                finish(loaded.encode([samples], [[0]]))
                pooled.append(PooledSpeech(number, clip.language, *loaded.language_states.of_slot(0)))
        report()
    try:
        return fit_language_rule(pooled, learnt_from)
    except ValueError as error:
        raise UsageError(str(error), field="--languages") from error


def loud_part(samples: Samples) -> tuple[Samples, int] | None:
    """The speech of a recording with a little before and after it, and where it begins in that.

    None: silence.
    """
    level = np.abs(samples)
    loud = np.flatnonzero(level > _LOUD * np.quantile(level, 0.999) if len(samples) else level)
    if not len(loud):
        return None
    start = max(0, int(loud[0]) - int(_BEFORE_S * INTERNAL_SAMPLE_RATE_HZ))
    end = int(loud[-1]) + int(_AFTER_S * INTERNAL_SAMPLE_RATE_HZ)
    longest = start + int(_MAX_S * INTERNAL_SAMPLE_RATE_HZ)
    return np.ascontiguousarray(samples[start : min(end, longest)]), int(loud[0]) - start


def _beginnings(samples: Samples, rng: np.random.Generator) -> Iterator[Samples]:
    """The speech as a whole, and a beginning of it."""
    if (found := loud_part(samples)) is None:
        return
    speech, begins = found
    yield speech
    cut = begins + int(float(rng.choice(_BEGINNINGS_S)) * INTERNAL_SAMPLE_RATE_HZ)
    if cut < len(speech):
        yield np.ascontiguousarray(speech[:cut])
