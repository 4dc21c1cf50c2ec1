"""Every figure of docs/quality.md: which set, through which settings, against which reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from benchmarks.quality.clip import Clip, by_direction
from benchmarks.quality.pipeline import Heard, settings_for, translate_all, translate_texts
from benchmarks.quality.scores import TextScores, text_scores, word_error_rate
from translate_svc.service import Service
from translate_svc.types import Samples

_EDGE_SAMPLES = 4_800
_FLOOR = 1e-4


@dataclass(frozen=True, slots=True)
class SpeechFigures:
    """One set in one direction. ``transcript_wer`` and ``round_trip_wer`` in per cent; None: not measured.

    ``from_text``: the same sentences in writing, text to text: what is lost beyond it is lost in hearing.
    The round trip: the service's own speech, put back into it and transcribed, against the text it was
    made of.
    """

    name: str
    direction: str
    scores: TextScores
    transcript_wer: float | None = None
    round_trip_wer: float | None = None
    from_text: TextScores | None = None

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class EmptyFigures:
    """Share of clips without speech whose translation is empty, in per cent."""

    name: str
    empty: float
    count: int

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


async def measure_speech(
    service: Service,
    name: str,
    clips: Sequence[Clip],
    *,
    speech: bool = False,
    text: bool = False,
    manual: bool = True,
) -> list[SpeechFigures]:
    """Figures of a set of spoken clips, one row a direction; ``speech`` adds the round trip, ``text`` the
    same sentences in writing.
    """
    rows = []
    for (source, target), group in sorted(by_direction(clips).items()):
        settings = settings_for(source, target, transcript=True, speech=speech, manual=manual)
        heard = await translate_all(service, [(clip.samples, settings) for clip in group])
        rows.append(
            SpeechFigures(
                name,
                f"{source}-{target}",
                text_scores([clip.translation for clip in group], [result.translation for result in heard]),
                word_error_rate([clip.transcript for clip in group], [result.transcript for result in heard]),
                await _round_trip(service, target, heard) if speech else None,
                await measure_text(service, group) if text else None,
            )
        )
    return rows


async def measure_text(service: Service, clips: Sequence[Clip]) -> TextScores:
    """From text to text: the transcripts of clips of one direction against their translations."""
    ((source, target),) = by_direction(clips)
    translations = await translate_texts(service, [clip.transcript for clip in clips], source, target)
    return text_scores([clip.translation for clip in clips], translations)


async def measure_empty(service: Service, name: str, clips: Sequence[Clip], *, manual: bool) -> EmptyFigures:
    """How often nothing is said about nothing. ``manual`` leaves the VAD out: the model alone."""
    jobs = [
        (clip.samples, settings_for(clip.source_language, clip.target_language, manual=manual))
        for clip in clips
    ]
    heard = await translate_all(service, jobs)
    empty = sum(not result.translation for result in heard)
    return EmptyFigures(name, 100.0 * empty / len(clips), len(clips))


async def _round_trip(service: Service, language: str, heard: Sequence[Heard]) -> float:
    spoken = [result for result in heard if result.translation]
    settings = settings_for(language, language)
    again = await translate_all(service, [(_with_edges(result.speech), settings) for result in spoken])
    return word_error_rate(
        [result.translation for result in spoken], [result.translation for result in again]
    )


def _with_edges(speech: Samples) -> Samples:
    """0.3 s of a faint floor on both sides, as a room would have it."""
    rng = np.random.default_rng(len(speech))
    floor = (_FLOOR * rng.standard_normal(len(speech) + 2 * _EDGE_SAMPLES)).astype(np.float32)
    floor[_EDGE_SAMPLES : _EDGE_SAMPLES + len(speech)] += speech
    return floor
