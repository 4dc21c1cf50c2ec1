"""Recordings of people who go on speaking, as files are translated: what of them comes back."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from benchmarks.quality.clip import Clip
from benchmarks.quality.figures import Figures, FileFigures
from benchmarks.quality.pipeline import PipelineOutput, settings_for, translate_all
from benchmarks.simultaneous.joins import align, keys, source_words
from benchmarks.simultaneous.longform import longform_scores
from benchmarks.simultaneous.monologues import VARIANTS, Monologue, Variant, monologues
from benchmarks.simultaneous.words import Word
from translate_svc.service import Service
from translate_svc.types import Segmentation, StreamSettings, VadSettings

FILE_VARIANTS = VARIANTS[:2]
_SENTENCES = 24
"""Of a recording: about 60 s with short gaps. None comes twice."""
_MIN_DURATION_S = 40.0
_TURNS = 2
"""Of both ways of cutting: other jobs of the machine make single times vary by a tenth."""
_LIVE = VadSettings(max_utterance_ms=15_000)


async def measure_files(service: Service, clips: Sequence[Clip]) -> Figures:
    """Of one language into all others, with short gaps and with real pauses: by hindsight, each sentence
    alone, and cut as live speech is, in silences of 0.5 s or after 15 s.

    ``clips``: one sentence each, enough for a recording or several.
    """
    figures = Figures()
    for variant in FILE_VARIANTS:
        figures += await _measure(service, variant, _recordings(clips, variant))
    return figures


def _recordings(clips: Sequence[Clip], variant: Variant) -> list[Monologue]:
    groups = [clips[start : start + _SENTENCES] for start in range(0, len(clips), _SENTENCES)]
    whole = [group for group in groups if len(group) == _SENTENCES] or [list(clips)]
    made = [monologues(group, variant, 1, _MIN_DURATION_S)[0] for group in whole]
    return [replace(each, name=f"{each.language}-{number}") for number, each in enumerate(made)]


async def _measure(service: Service, variant: Variant, made: Sequence[Monologue]) -> Figures:
    source = made[0].language
    targets = [code for code in made[0].sentences[0].texts if code != source]
    live = replace(settings_for(source, targets, manual=False), vad=_LIVE)
    alone = [
        await translate_all(service, [(each.alone(sentence), live) for sentence in each.sentences])
        for each in made
    ]
    hindsight = replace(live, segmentation=Segmentation.HINDSIGHT, vad=VadSettings())
    live_s = hindsight_s = 0.0
    for _ in range(_TURNS):
        by_live, seconds = await _timed(service, made, live)
        live_s += seconds
        by_hindsight, seconds = await _timed(service, made, hindsight)
        hindsight_s += seconds
    rows = []
    for target in targets:
        offline = [" ".join(each.translations.get(target, "") for each in texts) for texts in alone]
        texts = [each.translations.get(target, "") for each in by_hindsight]
        rows.append(
            FileFigures(
                variant.name,
                source,
                target,
                found=_found(made, target, texts),
                bleu=_bleu(made, target, texts),
                offline_found=_found(made, target, offline),
                offline_bleu=_bleu(made, target, offline),
                live_bleu=_bleu(made, target, [each.translations.get(target, "") for each in by_live]),
                time_share=hindsight_s / live_s,
                sentences=sum(len(each.sentences) for each in made),
            )
        )
    return Figures(files=tuple(rows))


async def _timed(
    service: Service, made: Sequence[Monologue], settings: StreamSettings
) -> tuple[list[PipelineOutput], float]:
    """All recordings, and the processor time that they took."""
    before_s = time.process_time()
    heard = await translate_all(service, [(each.samples, settings) for each in made])
    return heard, time.process_time() - before_s


def _bleu(made: Sequence[Monologue], target: str, texts: Sequence[str]) -> float:
    """Of the whole recordings, aligned with their sentences by OmniSTEval."""
    words = [[Word(word, 0, 0, 0, 0) for word in text.split()] for text in texts]
    return longform_scores(list(zip(made, words, strict=True)), target).bleu


def _found(made: Sequence[Monologue], target: str, texts: Sequence[str]) -> float:
    """Share of sentences in per cent of which at least half of the words are there, in their order."""
    found = total = 0
    for monologue, text in zip(made, texts, strict=True):
        reference = source_words(monologue.sentences, target)
        counts, right = [0] * len(monologue.sentences), [0] * len(monologue.sentences)
        for word in reference:
            counts[word.sentence] += 1
        for edit in align([word.key for word in reference], keys(text)):
            for place in range(*edit.reference) if edit.kind == "equal" else ():
                right[reference[place].sentence] += 1
        found += sum(2 * each >= count for each, count in zip(right, counts, strict=True))
        total += len(counts)
    return 100 * found / total
