"""Streams in real time: what computing adds to the lag, and how many streams one core serves."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.simultaneous.figures import CapacityFigures, Figures, PacedFigures
from benchmarks.simultaneous.joins import join, key, lags_ms, source_words
from benchmarks.simultaneous.listen import Mode, RecognizedSpeech, listen, stream_settings
from benchmarks.simultaneous.longform import longform_scores
from benchmarks.simultaneous.measure import service_of
from benchmarks.simultaneous.monologues import Monologue
from benchmarks.simultaneous.words import words_of
from translate_svc.service import Service
from translate_svc.types import TargetSettings

LEVELS = (1, 2, 4, 8, 12, 16)

_STAGGER_S = 1.7
_CA_ALLOWANCE_MS = 300.0


def measure_paced(
    model: Path, spoken: Sequence[tuple[Monologue, str]], modes: Sequence[Mode], streams: int
) -> Figures:
    """Each pair of monologue and target with LongYAAL in both ways, ``streams`` of them at a time."""

    async def main() -> Figures:
        figures = Figures()
        async with service_of(model) as service:
            for mode in modes:
                for start in range(0, len(spoken), streams):
                    group = spoken[start : start + streams]
                    heard = await _listen_together(service, mode, group)
                    rows = [_paced_row(mode, len(group), *each) for each in zip(group, heard, strict=True)]
                    figures += Figures(paced=tuple(rows))
        return figures

    return asyncio.run(main())


def measure_capacity(model: Path, spoken: Sequence[tuple[Monologue, str]], mode: Mode) -> Figures:
    """More and more streams on the first core that this process may use, until computing costs too much.

    Restricts the calling process to that core.
    """
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

    async def main() -> Figures:
        figures = Figures()
        async with service_of(model) as service:
            for streams in LEVELS:
                group = [spoken[index % len(spoken)] for index in range(streams)]
                row = _capacity_row(mode, group, await _listen_together(service, mode, group))
                figures += Figures(capacity=(row,))
                if row.ca_lag_ms > row.lag_ms + _CA_ALLOWANCE_MS:
                    break
        return figures

    return asyncio.run(main())


async def _listen_together(
    service: Service, mode: Mode, group: Sequence[tuple[Monologue, str]]
) -> list[RecognizedSpeech]:
    """Their beginnings are spread, as those of people are."""

    async def one(number: int, monologue: Monologue, target: str) -> RecognizedSpeech:
        await asyncio.sleep(number * _STAGGER_S / len(group))
        wanted = TargetSettings(target, speech=False)
        return await listen(service, monologue.samples, stream_settings(mode, monologue.language, wanted))

    return list(await asyncio.gather(*(one(number, *each) for number, each in enumerate(group))))


def _capacity_row(
    mode: Mode, group: Sequence[tuple[Monologue, str]], heard: Sequence[RecognizedSpeech]
) -> CapacityFigures:
    lags, aware = [], []
    for (monologue, target), each in zip(group, heard, strict=True):
        reference = source_words(monologue.sentences, target)
        words = [word for word in words_of(each.deltas) if key(word.text)]
        pairs = join(reference, words, [True] * len(reference)).pairs
        lags.append(lags_ms(reference, [word.heard_ms for word in words], pairs))
        aware.append(lags_ms(reference, [word.arrived_ms for word in words], pairs))
    return CapacityFigures(
        mode.name, len(group), float(np.concatenate(lags).mean()), float(np.concatenate(aware).mean())
    )


def _paced_row(
    mode: Mode, streams: int, spoken: tuple[Monologue, str], heard: RecognizedSpeech
) -> PacedFigures:
    monologue, target = spoken
    scores = longform_scores([(monologue, words_of(heard.deltas))], target)
    return PacedFigures(mode.name, monologue.language, target, streams, scores.yaal_ms, scores.ca_yaal_ms)
