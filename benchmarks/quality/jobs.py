"""The measurement in parts that run side by side, each in a process of its own with a service of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.quality.clip import by_language
from benchmarks.quality.figures import Figures
from benchmarks.quality.measure import (
    measure_empty,
    measure_round_trip,
    measure_speech,
    measure_text,
    speak_all,
)
from benchmarks.quality.measures.confidence import measure_confidence
from benchmarks.quality.measures.files import measure_files
from benchmarks.quality.measures.identity import measure_identity
from benchmarks.quality.measures.pieces import PIECE_SETS, measure_pieces
from benchmarks.quality.measures.recognizer import DomainRecognizer, compare_with_synthesizer
from benchmarks.quality.precisions import measure, measure_simultaneous, shipped
from benchmarks.quality.sets import (
    SPEECHLESS_KINDS,
    SPOKEN_SETS,
    free_clips,
    speechless_clips,
    spoken_clips,
    training_sentences,
    written_texts,
)
from training.starter.grammar import LANGUAGES, Language, Part
from training.starter.sounds.conditions import Speechless
from training.starter.synthesis.target_speech import speak
from training.starter.synthesis.voices import SPEAKER_IDS
from translate_svc.config import Settings
from translate_svc.service import Service

FULL_COUNT, QUICK_COUNT = 300, 30

_DOMAIN_SENTENCES = 40_000
_MAX_SLOTS = 32  # eight streams of a transcript and three translations
_CONFIDENCE_SETS = ("one", "template", "synthesizer", "several", "mixed", "stock")
_CONFIDENCE_GROUPS = {"known": ("one", "synthesizer", "several", "mixed"), "template": ("template",)}
_TEXT_PARTS: tuple[tuple[str, Part], ...] = (
    ("one", "combination"),
    ("template", "template"),
    ("stock", "stock"),
)


@dataclass(frozen=True, slots=True)
class Job:
    """``measure`` is given a running service. It is pickled: a partial of a function of this module.

    ``as_transformers``: without tail padding and translations through the transcript, which it has not.
    """

    name: str
    measure: Callable[[Service], Awaitable[Figures]]
    as_transformers: bool = False


@dataclass(frozen=True, slots=True)
class PrecisionJob:
    """``measure`` is given the model and starts services of its own."""

    name: str
    measure: Callable[[Path], Figures]


def jobs(model: Path, count: int) -> list[Job | PrecisionJob]:
    """All parts except the vocoder's speed, which needs a quiet machine. The parts that take longest come
    first.

    ``count`` clips a direction. Parts that cost more for each clip have fewer: a half for the recognizer, a
    third in mixed conditions, cut by the detector, or as a round trip, a thirtieth through transformers.
    """
    return [*_precision_jobs(), *_speech_jobs(count), *_other_jobs(model, count)]


def run(job: Job | PrecisionJob, model: Path) -> Figures:
    """In this process; starts a service."""
    if isinstance(job, PrecisionJob):
        return job.measure(model)

    async def with_service() -> Figures:
        settings = Settings(
            model=str(model),
            max_slots=_MAX_SLOTS,
            measure_capacity=False,
            tail_padding_ms=0 if job.as_transformers else -1,
            cascade_weight=0.0 if job.as_transformers else -1.0,
            transcript_retries=0 if job.as_transformers else -1,
        )
        async with Service.start(settings) as service:
            return await job.measure(service)

    return asyncio.run(with_service())


def _precision_jobs() -> Iterator[PrecisionJob]:
    clips = shipped()
    for language, some in by_language(clips).items():
        yield PrecisionJob(f"precisions {language}", partial(measure, clips=some))
        yield PrecisionJob(
            f"precisions {language}, simultaneous", partial(measure_simultaneous, source=language)
        )


def _speech_jobs(count: int) -> Iterator[Job]:
    some = _share(count, 3)
    sizes = {"several": count, "one": count, "template": count, "noise10": count, "telephone": count}
    sizes |= {"synthesizer": count, "stock": count, "mixed": some}
    for name, size in sizes.items():
        for language in SPOKEN_SETS[name].languages:
            yield Job(f"{name} {language}", partial(_speech, name, language, size))
    for language in LANGUAGES:
        yield Job(f"several, cut, {language}", partial(_cut_speech, language, some))


def _other_jobs(model: Path, count: int) -> Iterator[Job]:
    some = _share(count, 3)
    for language in LANGUAGES:
        yield Job(f"text {language}", partial(_text, language, count))
        for speaker_id in SPEAKER_IDS:
            yield Job(f"round trip {language} {speaker_id}", partial(_round_trip, language, speaker_id, some))
        identity = partial(_identity, model, language, _share(count, 30))
        yield Job(f"transformers {language}", identity, as_transformers=True)
    for speaker_id in SPEAKER_IDS:
        yield Job(f"recognizer {speaker_id}", partial(_recognizer, speaker_id, _share(count, 2)))
    for kind in SPEECHLESS_KINDS:
        yield Job(kind, partial(_empty, kind, count))
        yield Job(f"{kind}, cut", partial(_cut_empty, kind, some))
    for language in LANGUAGES:
        yield Job(f"files {language}", partial(_files, language, max(24, _share(count, 4))))
    yield Job("free talk", partial(_free_talk, count))
    yield Job("confidence", partial(_confidence, some))
    for language in LANGUAGES:
        for name in PIECE_SETS:
            yield Job(f"pieces, {name}, {language}", partial(_pieces, model, name, language, some))


def _share(count: int, divisor: int) -> int:
    return max(1, count // divisor)


async def _speech(name: str, language: Language, count: int, service: Service) -> Figures:
    return await measure_speech(service, name, spoken_clips(name, language, count))


async def _cut_speech(language: Language, count: int, service: Service) -> Figures:
    clips = spoken_clips("several", language, count)
    return await measure_speech(service, "several, cut", clips, manual=False)


async def _text(language: Language, count: int, service: Service) -> Figures:
    figures = Figures()
    for name, part in _TEXT_PARTS:
        figures += await measure_text(service, name, language, written_texts(language, count, part))
    return figures


async def _round_trip(language: Language, speaker_id: int, count: int, service: Service) -> Figures:
    source = _source_for(language)
    texts = [texts[source] for texts in written_texts(source, count)]
    return await measure_round_trip(service, texts, source, language, speaker_id)


async def _recognizer(speaker_id: int, count: int, service: Service) -> Figures:
    recognizer = DomainRecognizer(training_sentences("eng", _DOMAIN_SENTENCES))
    source = _source_for("eng")
    texts = [texts[source] for texts in written_texts(source, count)]
    spoken = [
        (text, samples)
        for text, samples in await speak_all(service, texts, source, "eng", speaker_id)
        if recognizer.can_recognize(text)
    ]
    originals = [speak(text, "eng", speaker_id).samples for text, _ in spoken]
    return compare_with_synthesizer(recognizer, speaker_id, spoken, originals)


async def _identity(model: Path, language: Language, count: int, service: Service) -> Figures:
    return await measure_identity(service, model, spoken_clips("one", language, count))


async def _empty(kind: Speechless, count: int, service: Service) -> Figures:
    return await measure_empty(service, kind, speechless_clips(kind, count))


async def _cut_empty(kind: Speechless, count: int, service: Service) -> Figures:
    return await measure_empty(service, f"{kind}, cut", speechless_clips(kind, count), manual=False)


async def _files(language: Language, count: int, service: Service) -> Figures:
    return await measure_files(service, spoken_clips("one", language, count))


async def _free_talk(count: int, service: Service) -> Figures:
    clips = free_clips(count)
    figures = await measure_empty(service, "free", clips)
    return figures + await measure_empty(service, "free, cut", clips[: _share(count, 3)], manual=False)


async def _confidence(count: int, service: Service) -> Figures:
    sets = {
        name: [
            clip for language in SPOKEN_SETS[name].languages for clip in spoken_clips(name, language, count)
        ]
        for name in _CONFIDENCE_SETS
    }
    free = {"free": free_clips(count)}
    return await measure_confidence(service, sets | free, _CONFIDENCE_SETS[0], _CONFIDENCE_GROUPS)


async def _pieces(model: Path, name: str, language: Language, count: int, _service: Service) -> Figures:
    return measure_pieces(model, name, language, count)


def _source_for(language: Language) -> Language:
    """The source language for ``language`` in parts that could take any."""
    return LANGUAGES[(LANGUAGES.index(language) + 1) % len(LANGUAGES)]
