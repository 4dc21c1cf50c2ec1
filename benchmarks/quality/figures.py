"""What ``make quality`` measures, as it is kept in benchmarks/results/quality.json."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from benchmarks.quality.measures.scores import TextScores


@dataclass(frozen=True, slots=True)
class TranslationFigures:
    """One set of clips, or of texts, in one direction."""

    set_name: str
    source: str
    target: str
    scores: TextScores

    @property
    def direction(self) -> str:
        return f"{self.source}-{self.target}"


@dataclass(frozen=True, slots=True)
class TranscriptFigures:
    """Word error rate of a set's transcripts in per cent."""

    set_name: str
    language: str
    wer: float
    count: int


@dataclass(frozen=True, slots=True)
class RoundTripFigures:
    """The service's own speech sent to the service again: word error rate, in per cent, of its transcript
    against the text that was spoken.
    """

    language: str
    speaker_id: int
    wer: float
    count: int


@dataclass(frozen=True, slots=True)
class EmptyFigures:
    """Share in per cent of texts that are empty, as texts of recordings without speech should be."""

    set_name: str
    empty: float
    count: int


@dataclass(frozen=True, slots=True)
class PieceFigures:
    """Pieces of continuous speech in one language: of the words that are settled, how many were written, and
    of the words written, how many were invented because the rest was not heard, in per cent.
    """

    set_name: str
    source: str
    found: float
    invented: float
    written: int
    count: int


@dataclass(frozen=True, slots=True)
class ConfidenceFigures:
    """How well the confidence of a set's texts tells the wrong ones from the right ones.

    In per cent: the ``area`` under the curve (50: not at all), that of the mean log-probability alone
    (``mean_area``); the wrong texts below the threshold at 5 % false alarms (``flagged``); the wrong and the
    right texts that the service warned of (``warned``, ``false_alarms``); of all texts those that are right,
    empty or warned of (``told``); the mean confidence (``said``) and the share of texts that are right, both
    of texts that are not empty. None where there are no such texts. ``wrong`` and ``count`` are numbers of
    texts.
    """

    set_name: str
    area: float | None
    mean_area: float | None
    flagged: float | None
    warned: float | None
    false_alarms: float | None
    told: float
    said: float | None
    right: float | None
    wrong: int
    count: int


@dataclass(frozen=True, slots=True)
class ReliabilityFigures:
    """Texts of some sets with a confidence from ``low`` per cent on, a fifth wide: the mean of what was
    ``said`` and the share that is ``right``, in per cent.
    """

    sets: str
    low: float
    said: float
    right: float
    count: int


@dataclass(frozen=True, slots=True)
class RecognizerFigures:
    """Word error rates in per cent by an independent recognizer, of the service's English speech and of the
    synthesizer's that its vocoder learnt from, saying the same under equal conditions.
    """

    speaker_id: int
    wer: float
    synthesizer_wer: float
    count: int


@dataclass(frozen=True, slots=True)
class IdentityFigures:
    """Share in per cent of texts that equal those of transformers' greedy ``generate`` letter by letter."""

    language: str
    identical: float
    count: int


@dataclass(frozen=True, slots=True)
class VocoderFigures:
    """Seconds of speech that the vocoder makes in a second, on one thread in float32."""

    times_real_time: float


@dataclass(frozen=True, slots=True)
class SizeFigures:
    """How large checkpoint and domain are: parameters, bytes of the weights' file, sentence patterns and how
    many of them are held out, and the word forms that a language's training sentences have.
    """

    parameters: int
    weight_bytes: int
    templates: int
    held_out_templates: int
    word_forms: dict[str, int]


@dataclass(frozen=True, slots=True)
class FileFigures:
    """Recordings of some kind in one direction, cut by hindsight as files are.

    ``found``: sentences of which at least half of the words come back, in per cent. ``offline_...``: of each
    sentence alone. ``live_bleu``: of the same recordings, cut in silences of 0.5 s or after 15 s.
    ``time_share``: processor time beside that of the live cuts, of all targets of the source.
    """

    set_name: str
    source: str
    target: str
    found: float
    bleu: float
    offline_found: float
    offline_bleu: float
    live_bleu: float
    time_share: float
    sentences: int


@dataclass(frozen=True, slots=True)
class PrecisionFigures:
    """One direction in one precision: BLEU, or the transcripts' WER where ``target`` is ``source``, and how
    many of the ``count`` texts are those of float32; per cent all. None where it was not measured.
    """

    precision: str
    source: str
    target: str
    bleu: float | None
    wer: float | None
    equal: float | None
    count: int


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything; a part of the measurement fills a part of it, and ``+`` puts parts together."""

    speech: tuple[TranslationFigures, ...] = ()
    text: tuple[TranslationFigures, ...] = ()
    transcripts: tuple[TranscriptFigures, ...] = ()
    round_trips: tuple[RoundTripFigures, ...] = ()
    empty: tuple[EmptyFigures, ...] = ()
    recognizer: tuple[RecognizerFigures, ...] = ()
    identity: tuple[IdentityFigures, ...] = ()
    vocoder: tuple[VocoderFigures, ...] = ()
    size: tuple[SizeFigures, ...] = ()
    pieces: tuple[PieceFigures, ...] = ()
    confidence: tuple[ConfidenceFigures, ...] = ()
    reliability: tuple[ReliabilityFigures, ...] = ()
    files: tuple[FileFigures, ...] = ()
    precisions: tuple[PrecisionFigures, ...] = ()
    simultaneous_precisions: tuple[PrecisionFigures, ...] = ()

    def __add__(self, other: Figures) -> Figures:
        return Figures(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))


def total(parts: Iterable[Figures]) -> Figures:
    """All parts in one, in their order."""
    return sum(parts, Figures())


def save(figures: Figures, path: Path) -> None:
    """As JSON, rounded to the digits that mean something."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(_rounded(asdict(figures)), indent=1) + "\n", encoding="utf-8")


def load(path: Path) -> Figures:
    """What ``save`` wrote."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return Figures(
        speech=tuple(_translation(row) for row in content["speech"]),
        text=tuple(_translation(row) for row in content["text"]),
        transcripts=tuple(TranscriptFigures(**row) for row in content["transcripts"]),
        round_trips=tuple(RoundTripFigures(**row) for row in content["round_trips"]),
        empty=tuple(EmptyFigures(**row) for row in content["empty"]),
        recognizer=tuple(RecognizerFigures(**row) for row in content["recognizer"]),
        identity=tuple(IdentityFigures(**row) for row in content["identity"]),
        vocoder=tuple(VocoderFigures(**row) for row in content["vocoder"]),
        size=tuple(SizeFigures(**row) for row in content["size"]),
        pieces=tuple(PieceFigures(**row) for row in content["pieces"]),
        confidence=tuple(ConfidenceFigures(**row) for row in content["confidence"]),
        reliability=tuple(ReliabilityFigures(**row) for row in content["reliability"]),
        files=tuple(FileFigures(**row) for row in content["files"]),
        precisions=tuple(PrecisionFigures(**row) for row in content["precisions"]),
        simultaneous_precisions=tuple(PrecisionFigures(**row) for row in content["simultaneous_precisions"]),
    )


def _translation(row: dict[str, Any]) -> TranslationFigures:
    return TranslationFigures(**row | {"scores": TextScores(**row["scores"])})


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 2)
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(each) for each in value]
    return value
