"""The bars that the starter must meet, and whether it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.quality.figures import Figures, PrecisionFigures, TranslationFigures

_CONFIDENCE_SETS = ("one", "template", "synthesizer", "free")
"""Sentences alone, in voices that training never heard, from templates that it never saw, and free talk."""
_UNSEEN_VOICES = ("one", "synthesizer")


@dataclass(frozen=True, slots=True)
class Bar:
    """``value`` is the worst figure of what ``name`` describes, or None if it was not measured. It must be
    at least ``bar``, or with ``at_most`` at most ``bar``.
    """

    name: str
    value: float | None
    bar: float
    unit: str = ""
    at_most: bool = False

    @property
    def is_met(self) -> bool:
        if self.value is None:
            return False
        return self.value <= self.bar if self.at_most else self.value >= self.bar


def bars(figures: Figures) -> list[Bar]:
    """All of them, in the order of the page."""
    return [
        *_translation_bars(figures),
        *_file_bars(figures),
        *_invention_bars(figures),
        *_engine_bars(figures),
        *_int8_bars(figures),
    ]


def _translation_bars(figures: Figures) -> list[Bar]:
    one = bleu(figures.speech, "one")
    exact = _exact(figures.speech, "synthesizer")
    beyond = [row.wer - row.synthesizer_wer for row in figures.recognizer if row.speaker_id == 0]
    return [
        Bar("one sentence, BLEU, each direction", least(one), 90.0),
        Bar("one sentence, BLEU, mean of directions", _mean(one), 95.0),
        Bar("two to four sentences, BLEU, each direction", least(bleu(figures.speech, "several")), 88.0),
        Bar("noise at 10 dB, BLEU, each direction", least(bleu(figures.speech, "noise10")), 85.0),
        Bar("telephone, BLEU, each direction", least(bleu(figures.speech, "telephone")), 85.0),
        Bar("unseen English synthesizers, exact", _mean(exact), 70.0, "%"),
        Bar(
            "stock phrases by speech, exact, each direction",
            least(_exact(figures.speech, "stock")),
            90.0,
            "%",
        ),
        Bar("stock phrases by text, exact, each direction", least(_exact(figures.text, "stock")), 97.0, "%"),
        Bar("transcripts, WER, each language", most(_transcript_wer(figures)), 3.0, "%", True),
        Bar("text to text, BLEU, each direction", least(bleu(figures.text, "one")), 97.0),
        Bar(
            "round trip of the speech, WER, each voice",
            most([row.wer for row in figures.round_trips]),
            5.0,
            "%",
            True,
        ),
        Bar("PocketSphinx, WER beyond the original's", most(beyond), 2.0, "points", True),
    ]


def _file_bars(figures: Figures) -> list[Bar]:
    """A minute of speech with gaps of 0.1 to 0.4 s, and with real pauses."""
    gapless = [row for row in figures.files if row.set_name == "short gaps"]
    paused = [row for row in figures.files if row.set_name == "real pauses"]
    share = least([100 * row.bleu / row.offline_bleu for row in gapless])
    beside_live = _mean([row.bleu - row.live_bleu for row in paused])
    return [
        Bar("files without long pauses, sentences found", _mean([row.found for row in gapless]), 95.0, "%"),
        Bar("files without long pauses, BLEU beside each sentence alone, each direction", share, 92.0, "%"),
        Bar(
            "files without long pauses, time beside that of live cuts",
            most([row.time_share for row in gapless]),
            1.3,
            at_most=True,
        ),
        Bar("files with ordinary pauses, BLEU beyond that of live cuts, mean", beside_live, 0.0),
    ]


def _invention_bars(figures: Figures) -> list[Bar]:
    """Empty where nothing is to be translated, and a confidence that matches the errors."""
    empty = {row.set_name: row.empty for row in figures.empty}
    told = {row.set_name: row.told for row in figures.confidence}
    judged = [row for row in figures.confidence if row.set_name in _CONFIDENCE_SETS]
    areas = {row.set_name: row.area for row in judged if row.area is not None}
    unseen = [area for name, area in areas.items() if name in _UNSEEN_VOICES]
    flagged = [row.flagged for row in judged if row.flagged is not None]
    return [
        Bar("empty on silence", empty.get("silence"), 99.0, "%"),
        Bar("empty on noise", empty.get("noise"), 95.0, "%"),
        Bar("empty on other languages", empty.get("foreign"), 90.0, "%"),
        Bar("empty or flagged, talk outside the phrasebook", told.get("free"), 90.0, "%"),
        Bar("right, empty or flagged, stock phrases by speech", told.get("stock"), 90.0, "%"),
        Bar("right from wrong, unseen voices, area under the curve", least(unseen), 95.0, "%"),
        Bar("right from wrong, held-out templates, area under the curve", areas.get("template"), 95.0, "%"),
        Bar("wrong texts flagged at 5 % false alarms", least(flagged), 80.0, "%"),
    ]


def _engine_bars(figures: Figures) -> list[Bar]:
    return [
        Bar(
            "identical to transformers' generate",
            least([row.identical for row in figures.identity]),
            100.0,
            "%",
        ),
        Bar(
            "vocoder on one core, times real time",
            least([row.times_real_time for row in figures.vocoder]),
            25.0,
        ),
    ]


def _int8_bars(figures: Figures) -> list[Bar]:
    """Beside float32, direction by direction."""
    lost = [exact - int8 for exact, int8 in _beside(figures.precisions, "bleu")]
    words = [int8 - exact for exact, int8 in _beside(figures.precisions, "wer")]
    live = _beside(figures.simultaneous_precisions, "bleu")
    texts = [row for row in figures.precisions if row.precision == "int8"]
    equal = sum(row.count * (row.equal or 0.0) for row in texts) / max(1, sum(row.count for row in texts))
    share = 100 * sum(int8 for _, int8 in live) / sum(exact for exact, _ in live) if live else None
    return [
        Bar(
            "int8, BLEU lost, mean of directions",
            _mean(lost),
            0.3,
            at_most=True,
        ),
        Bar(
            "int8, BLEU lost, each direction",
            most(lost),
            0.8,
            at_most=True,
        ),
        Bar("int8, transcripts, WER gained, each language", most(words), 0.5, "points", True),
        Bar("int8, texts equal to those of float32", equal if texts else None, 97.0, "%"),
        Bar("int8, simultaneous BLEU beside float32's, mean", share, 99.0, "%"),
    ]


def _beside(rows: Sequence[PrecisionFigures], figure: str) -> list[tuple[float, float]]:
    """A figure in float32 and in int8, of every direction that has it."""
    found = {
        (row.precision, row.source, row.target): value
        for row in rows
        if (value := getattr(row, figure)) is not None
    }
    return [
        (value, found["int8", source, target])
        for (precision, source, target), value in found.items()
        if precision == "float32"
    ]


def bleu(rows: Sequence[TranslationFigures], set_name: str) -> list[float]:
    """Of a set, by direction."""
    return [row.scores.bleu for row in rows if row.set_name == set_name]


def _exact(rows: Sequence[TranslationFigures], set_name: str) -> list[float]:
    """As `bleu`: the share of texts that equal the reference, in per cent."""
    return [row.scores.exact for row in rows if row.set_name == set_name]


def _transcript_wer(figures: Figures) -> list[float]:
    return [row.wer for row in figures.transcripts if row.set_name == "one"]


def least(values: Sequence[float]) -> float | None:
    """None, as that of ``most``, where nothing was measured."""
    return min(values, default=None)


def most(values: Sequence[float]) -> float | None:
    return max(values, default=None)


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
