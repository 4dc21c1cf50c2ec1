"""What simultaneous translation is held to, and whether it gets there."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchmarks.quality.bars import Bar, least, most
from benchmarks.simultaneous.figures import OFFLINE, Figures, SpeechFigures, TextFigures
from benchmarks.simultaneous.listen import SIMULTANEOUS, UTTERANCE

_SHORT_GAPS = "short gaps"
_CA_ALLOWANCE_MS = 300.0


def bars(figures: Figures, mode: str = SIMULTANEOUS.name) -> list[Bar]:
    """All of them, for ``mode`` with its defaults, in the order in which they are told."""
    rows = [row for row in figures.text if row.mode == mode]
    usual = [row for row in rows if row.variant == _SHORT_GAPS]
    speech = [row for row in figures.speech if row.mode == mode]
    return [
        Bar("BLEU, share of offline, each direction", least(shares(figures, usual)), 95.0, "%"),
        Bar("LongYAAL, each direction", most([row.yaal_ms for row in usual]), 1500.0, "ms", True),
        Bar(
            "lag of a word, p90, each direction", most([row.p90_lag_ms for row in usual]), 2500.0, "ms", True
        ),
        Bar("invented words, each direction", most([row.invented for row in usual]), 2.0, "%", True),
        Bar("flicker", most([row.flicker for row in rows]), 0.0, "", True),
        Bar("words lost or doubled at joins", most([row.lost + row.doubled for row in rows]), 0.0, "", True),
        Bar("lag of a word's sound, mean", most([row.lag_ms for row in speech]), 2500.0, "ms", True),
        Bar(
            "growth of it over ten minutes",
            most([row.slope_ms_per_s for row in speech if row.minutes >= 10]),
            1.0,
            "ms/s",
            True,
        ),
        Bar(
            "round trip WER beyond utterance mode",
            most(_beyond(figures, mode, lambda row: row.round_trip_wer)),
            1.0,
            "points",
            True,
        ),
        Bar(
            "whole track WER beyond utterance mode",
            most(_beyond(figures, mode, lambda row: row.whole_track_wer)),
            0.0,
            "points",
            True,
        ),
        Bar(
            "long pauses within sentences, a minute",
            most([row.pauses_per_minute for row in speech]),
            1.0,
            "",
            True,
        ),
        Bar("words with a silence in them", most([row.torn_words for row in speech]), 0.0, "", True),
        Bar("engine time, times utterance mode", most(_cost_ratios(figures, mode)), 3.0, "", True),
        Bar("streams on one core", capacity(figures, mode), 8.0),
    ]


def shares(figures: Figures, rows: Sequence[TextFigures]) -> list[float]:
    """BLEU of each row in per cent of what the model has on the same sentences alone."""
    offline = {(row.variant, row.direction): row.bleu for row in figures.text if row.mode == OFFLINE}
    return [
        100 * row.bleu / offline[row.variant, row.direction]
        for row in rows
        if offline.get((row.variant, row.direction))
    ]


def capacity(figures: Figures, mode: str) -> float | None:
    """The greatest number of streams up to which computing costs no more than 0.3 s of lag."""
    kept: float | None = None
    for row in sorted((row for row in figures.capacity if row.mode == mode), key=lambda row: row.streams):
        if row.ca_lag_ms > row.lag_ms + _CA_ALLOWANCE_MS:
            return kept or 0.0
        kept = float(row.streams)
    return kept


def _beyond(figures: Figures, mode: str, wer: Callable[[SpeechFigures], float]) -> list[float]:
    usual = {
        (row.source, row.target, row.minutes): wer(row)
        for row in figures.speech
        if row.mode == UTTERANCE.name
    }
    return [
        wer(row) - usual[row.source, row.target, row.minutes]
        for row in figures.speech
        if row.mode == mode and (row.source, row.target, row.minutes) in usual
    ]


def _cost_ratios(figures: Figures, mode: str) -> list[float]:
    """For each kind of output: engine time for a second of audio, of both modes."""

    def per_second(name: str, output: str) -> float | None:
        rows = [row for row in figures.cost if (row.mode, row.output) == (name, output)]
        audio_s = sum(row.audio_s for row in rows)
        return sum(row.engine_s for row in rows) / audio_s if audio_s else None

    ratios = []
    for output in sorted({row.output for row in figures.cost}):
        own, usual = per_second(mode, output), per_second(UTTERANCE.name, output)
        if own is not None and usual:
            ratios.append(own / usual)
    return ratios
