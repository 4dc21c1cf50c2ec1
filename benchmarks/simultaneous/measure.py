"""The parts of the measurement, each with a service of its own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.quality.clip import Clip
from benchmarks.quality.measures.scores import word_error_rate
from benchmarks.quality.pipeline import settings_for, translate_all
from benchmarks.simultaneous.audio_clock import AudioClockLoop
from benchmarks.simultaneous.figures import (
    OFFLINE,
    CostFigures,
    Figures,
    SpeechFigures,
    StageFigures,
    TextFigures,
)
from benchmarks.simultaneous.joins import (
    align,
    invented,
    join,
    key,
    keys,
    lags_ms,
    slope_ms_per_s,
    source_words,
)
from benchmarks.simultaneous.listen import Mode, RecognizedSpeech, listen, stream_settings
from benchmarks.simultaneous.longform import longform_scores
from benchmarks.simultaneous.monologues import Monologue, Variant, monologues
from benchmarks.simultaneous.speech import StreamSpeech, play, sentence_sounds, torn_words, word_sounds_ms
from benchmarks.simultaneous.stage_costs import StageClock, clocked_runners
from benchmarks.simultaneous.whole_track import long_pauses, track_of, whole_track_wer
from benchmarks.simultaneous.words import Word, flicker, texts_of, words_of
from translate_svc.config import Settings
from translate_svc.service import Service
from translate_svc.types import SAMPLES_PER_UNIT, Samples, TargetSettings

CATCH_UP_DURATION_FACTOR = 0.8
"""As in ``translate-svc live``: speech may be hurried so far while earlier speech is still being played."""

_MAX_SLOTS, _MAX_STREAMS = 32, 64
_ENGINE_THREAD = "translate-engine"
_EDGE = np.zeros(15 * SAMPLES_PER_UNIT, np.float32)


@dataclass(frozen=True, slots=True)
class Task:
    """A measurement: ``clips`` of one source language into ``targets`` by ``modes``.

    ``offline``: whether figures of each sentence alone are wanted beside them. ``dtype``: as ``serve`` takes
    it.
    """

    model: Path
    clips: Sequence[Clip]
    targets: Sequence[str]
    modes: Sequence[Mode]
    variant: Variant
    count: int
    min_duration_s: float = 60.0
    offline: bool = True
    dtype: str = "auto"

    def monologues(self) -> list[Monologue]:
        return monologues(self.clips, self.variant, self.count, self.min_duration_s)


def run(measure: Callable[[AudioClockLoop], Awaitable[Figures]]) -> Figures:
    """On an audio clock."""

    async def main() -> Figures:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, AudioClockLoop)
        return await measure(loop)

    with asyncio.Runner(loop_factory=AudioClockLoop) as runner:
        return runner.run(main())


@asynccontextmanager
async def service_of(model: Path, dtype: str = "auto") -> AsyncIterator[Service]:
    settings = Settings(
        model=str(model), dtype=dtype, max_slots=_MAX_SLOTS, max_streams=_MAX_STREAMS, measure_capacity=False
    )
    async with Service.start(settings) as service:
        yield service


@asynccontextmanager
async def clocked_service(model: Path, dtype: str = "auto") -> AsyncIterator[tuple[Service, StageClock]]:
    """The same with a clock of its engine's stages."""
    with clocked_runners() as clock:
        async with service_of(model, dtype) as service:
            yield service, clock


async def measure_text(task: Task, loop: AudioClockLoop) -> Figures:
    """Offline first, then each mode: all monologues in all targets, one target a stream."""
    made = task.monologues()
    figures = Figures()
    async with clocked_service(task.model, task.dtype) as (service, clock):
        alone = await _alone(service, made, task.targets)
        for target in task.targets if task.offline else ():
            offline = [_offline_words(*each) for each in zip(made, alone[target], strict=True)]
            row = _text_row(OFFLINE, task.variant, target, made, offline, alone[target])
            figures += Figures(text=(row,))
        for mode in task.modes:
            jobs = [(each, TargetSettings(target, speech=False)) for target in task.targets for each in made]
            heard, spent = await _listen_all(service, clock, loop, mode, jobs)
            figures += spent
            for number, target in enumerate(task.targets):
                own = heard[number * len(made) : (number + 1) * len(made)]
                words = [words_of(each.deltas) for each in own]
                row = _text_row(mode.name, task.variant, target, made, words, alone[target], own)
                figures += Figures(text=(row,))
    return figures


async def measure_speech(task: Task, loop: AudioClockLoop) -> Figures:
    """One long monologue, text and speech, as ``translate-svc live`` asks for it."""
    monologue = task.monologues()[0]
    figures = Figures()
    async with clocked_service(task.model) as (service, clock):
        for mode in task.modes:
            for target in task.targets:
                wanted = TargetSettings(target, catch_up_duration_factor=CATCH_UP_DURATION_FACTOR)
                (heard,), spent = await _listen_all(service, clock, loop, mode, [(monologue, wanted)])
                row = await _speech_row(service, mode.name, monologue, target, heard)
                figures += spent + Figures(speech=(row,))
    return figures


async def _listen_all(
    service: Service,
    clock: StageClock,
    loop: AudioClockLoop,
    mode: Mode,
    jobs: Sequence[tuple[Monologue, TargetSettings]],
) -> tuple[list[RecognizedSpeech], Figures]:
    """All together on the audio clock; and what they cost. All jobs want the same kind of output."""
    before_s, stages_before = engine_cpu_s(), clock.read()
    with loop.audio_time(partial(is_computing, service)):
        heard = await asyncio.gather(
            *(listen(service, each.samples, stream_settings(mode, each.language, to)) for each, to in jobs)
        )
    output = "text and speech" if jobs[0][1].speech else "text"
    audio_s = sum(each.duration_ms for each, _ in jobs) / 1000
    spent = {stage: total - stages_before[stage] for stage, total in clock.read().items()}
    rows = (
        StageFigures(mode.name, output, stage.value, each.engine_s, each.work, audio_s)
        for stage, each in spent.items()
        if each.work
    )
    cost = CostFigures(mode.name, output, engine_cpu_s() - before_s, audio_s)
    return list(heard), Figures(cost=(cost,), stages=tuple(rows))


def is_computing(service: Service) -> bool:
    """Whether the engine has something to do or to deliver."""
    load = service.snapshot().load
    return load.live_requests + load.waiting_requests > 0


def engine_cpu_s() -> float:
    """Processor time that the engine's thread has used."""
    thread = next(each for each in threading.enumerate() if each.name == _ENGINE_THREAD)
    assert thread.ident is not None
    return time.clock_gettime(time.pthread_getcpuclockid(thread.ident))


async def _alone(
    service: Service, made: Sequence[Monologue], targets: Sequence[str]
) -> dict[str, list[list[str]]]:
    """Translations of each sentence by itself: by target, of each monologue."""
    settings = settings_for(made[0].language, targets)
    texts: dict[str, list[list[str]]] = {target: [] for target in targets}
    for monologue in made:
        jobs = [(monologue.alone(sentence), settings) for sentence in monologue.sentences]
        heard = await translate_all(service, jobs)
        for target in targets:
            texts[target].append([each.translations.get(target, "") for each in heard])
    return texts


def _offline_words(monologue: Monologue, texts: Sequence[str]) -> list[Word]:
    """Known when the sentence ends."""
    return [
        Word(word, number, 0, sentence.end_ms, sentence.end_ms)
        for number, (sentence, text) in enumerate(zip(monologue.sentences, texts, strict=True))
        for word in text.split()
    ]


def _known(monologue: Monologue, target: str, texts: Sequence[str]) -> list[bool]:
    """Of each reference word, whether the model finds it in its sentence alone."""
    known: list[bool] = []
    for sentence, text in zip(monologue.sentences, texts, strict=True):
        reference = [each.key for each in source_words([sentence], target)]
        found = [False] * len(reference)
        for edit in align(reference, keys(text)):
            if edit.kind == "equal":
                found[slice(*edit.reference)] = [True] * (edit.reference[1] - edit.reference[0])
        known += found
    return known


def _text_row(
    mode: str,
    variant: Variant,
    target: str,
    made: Sequence[Monologue],
    words: Sequence[Sequence[Word]],
    alone: Sequence[Sequence[str]],
    heard: Sequence[RecognizedSpeech] = (),
) -> TextFigures:
    """``words``: of each monologue. ``alone``: of each, what the model writes of every sentence by itself."""
    scores = longform_scores(list(zip(made, words, strict=True)), target)
    lags, references, told, found, lost, doubled, wrong = [], 0, 0, 0, 0, 0, 0
    for monologue, own, texts in zip(made, words, alone, strict=True):
        reference = source_words(monologue.sentences, target)
        spoken = [word for word in own if key(word.text)]
        joined = join(reference, spoken, _known(monologue, target, texts))
        said = [key(word.text) for word in spoken]
        wrong += len(invented([each.key for each in reference], keys(" ".join(texts)), said))
        lags.append(lags_ms(reference, [word.heard_ms for word in spoken], joined.pairs))
        references, told = references + len(reference), told + len(spoken)
        found += len(joined.pairs)
        lost, doubled = lost + len(joined.lost), doubled + len(joined.doubled)
    every = np.concatenate(lags)
    return TextFigures(
        mode, variant.name, made[0].language, target, scores.bleu, scores.yaal_ms,
        lag_ms=float(every.mean()), p90_lag_ms=float(np.percentile(every, 90)),
        found=100 * found / references, words=references, invented=100 * wrong / max(1, told),
        lost=lost, doubled=doubled,
        flicker=sum(flicker(each.deltas) for each in heard),
        warnings=sum(len(each.warnings) for each in heard),
    )  # fmt: skip


async def _speech_row(
    service: Service, mode: str, monologue: Monologue, target: str, heard: RecognizedSpeech
) -> SpeechFigures:
    reference = source_words(monologue.sentences, target)
    told = words_of(heard.deltas)
    words = [word for word in told if key(word.text)]
    joined = join(reference, words, [True] * len(reference))
    speech, played = StreamSpeech(texts_of(heard.deltas), heard.sounds), play(heard.sounds)
    moments = word_sounds_ms(words, speech, played)
    lags = lags_ms(reference, moments, joined.pairs)
    lags = lags[np.isfinite(lags)]
    wer = await _round_trip(service, target, sentence_sounds(told, speech, heard.continued))
    track, minutes = track_of(played), monologue.duration_ms / 60_000
    return SpeechFigures(
        mode, monologue.language, target, minutes,
        lag_ms=float(lags.mean()), p90_lag_ms=float(np.percentile(lags, 90)),
        slope_ms_per_s=slope_ms_per_s(reference, moments, joined.pairs),
        text_slope_ms_per_s=slope_ms_per_s(reference, [word.heard_ms for word in words], joined.pairs),
        round_trip_wer=wer, torn_words=torn_words(words, speech, played),
        whole_track_wer=await whole_track_wer(service, monologue, target, track),
        pauses_per_minute=long_pauses(track, words, speech, played) / minutes,
    )  # fmt: skip


async def _round_trip(service: Service, language: str, spoken: Sequence[tuple[str, Samples]]) -> float:
    """The service's transcript of its own sentences, in per cent wrong."""
    settings = settings_for(language, (), transcript=True)
    jobs = [(np.concatenate([_EDGE, samples, _EDGE]), settings) for _, samples in spoken]
    heard = await translate_all(service, jobs)
    return word_error_rate([text for text, _ in spoken], [each.transcript for each in heard])
