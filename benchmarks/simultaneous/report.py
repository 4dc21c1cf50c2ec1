"""``python -m benchmarks.simultaneous.report``: tables and picture of docs/simultaneous.md and
of the pages in docs/simultaneous/, from benchmarks/results/simultaneous.json.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean

from benchmarks.quality.report import ROOT, bar_table, fill, table
from benchmarks.simultaneous.bars import bars, capacity, shares
from benchmarks.simultaneous.curves import common_rows, draw
from benchmarks.simultaneous.figures import OFFLINE, Figures, TextFigures, load
from benchmarks.simultaneous.listen import SIMULTANEOUS, UTTERANCE
from benchmarks.simultaneous.monologues import VARIANTS
from benchmarks.simultaneous.stage_costs import WORK_UNITS
from translate_svc.types import Stage

RESULTS = ROOT / "benchmarks" / "results" / "simultaneous.json"
PAGES = tuple(
    ROOT / "docs" / page for page in ("simultaneous.md", "simultaneous/directions.md", "simultaneous/cost.md")
)
PICTURE = ROOT / "docs" / "images" / "simultaneous.png"

_COMPARED = (UTTERANCE.name, SIMULTANEOUS.name)
_LAGS = ("LongYAAL, s", "mean lag, s", "p90, s")


def blocks(figures: Figures) -> dict[str, str]:
    """Every block by its name, as Markdown."""
    return {
        "bars": bar_table(bars(figures)),
        "directions": _directions(figures),
        "variants": _variants(figures),
        "settings": _settings(figures),
        "paced": _paced(figures),
        "speech": _speech(figures),
        "cost": _cost(figures),
        "stages": _stages(figures),
    }


def write_pages(figures: Figures) -> None:
    """Fills the pages and draws their picture."""
    content = blocks(figures)
    for page in PAGES:
        page.write_text(fill(page.read_text(encoding="utf-8"), content), encoding="utf-8")
    draw(figures, PICTURE)


def _directions(figures: Figures) -> str:
    rows = [row for row in figures.text if row.variant == VARIANTS[0].name and row.mode in _COMPARED]
    rows.sort(key=lambda row: (row.direction, _COMPARED.index(row.mode)))
    return table(
        (
            "direction", "mode", "BLEU", "of offline, %", *_LAGS,
            "found, %", "invented, %", "lost", "doubled", "flicker",
        ),
        [
            (
                row.direction, row.mode, f"{row.bleu:.1f}", _share(figures, [row]), *_lags([row]),
                f"{row.found:.0f}", f"{row.invented:.1f}",
                str(row.lost), str(row.doubled), str(row.flicker),
            )
            for row in rows
        ],
    )  # fmt: skip


def _variants(figures: Figures) -> str:
    """Means over directions."""
    lines = []
    for variant in VARIANTS:
        for mode in (OFFLINE, *_COMPARED):
            rows = [row for row in figures.text if (row.variant, row.mode) == (variant.name, mode)]
            if rows:
                lines.append((variant.name, mode, *_means(figures, rows)))
    return table(("recording", "mode", "directions", "BLEU", "of offline, %", *_LAGS), lines)


def _settings(figures: Figures) -> str:
    """Every mode, over the directions that all of them have."""
    rows = common_rows(figures, VARIANTS[0].name)
    names = list(dict.fromkeys(row.mode for row in rows))
    lines = [(name, *_means(figures, [row for row in rows if row.mode == name])) for name in names]
    return table(("mode", "directions", "BLEU", "of offline, %", *_LAGS), lines)


def _paced(figures: Figures) -> str:
    return table(
        ("direction", "mode", "streams at once", "LongYAAL, s", "computation-aware, s"),
        [
            (
                f"{row.source}-{row.target}", row.mode, str(row.streams),
                f"{row.yaal_ms / 1000:.2f}", f"{row.ca_yaal_ms / 1000:.2f}",
            )
            for row in figures.paced
        ],
    )  # fmt: skip


def _speech(figures: Figures) -> str:
    return table(
        (
            "direction", "mode", "minutes", "lag of a word's sound, s", "p90, s", "its growth, ms/s",
            "growth of the text's lag, ms/s", "round trip WER, %", "torn words", "whole track WER, %",
            "pauses a minute",
        ),
        [
            (
                f"{row.source}-{row.target}", row.mode, f"{row.minutes:.0f}", f"{row.lag_ms / 1000:.2f}",
                f"{row.p90_lag_ms / 1000:.2f}", f"{row.slope_ms_per_s:.1f}",
                f"{row.text_slope_ms_per_s:.1f}", f"{row.round_trip_wer:.1f}", str(row.torn_words),
                f"{row.whole_track_wer:.1f}", f"{row.pauses_per_minute:.1f}",
            )
            for row in figures.speech
        ],
    )  # fmt: skip


def _cost(figures: Figures) -> str:
    lines = []
    for mode, output in dict.fromkeys((row.mode, row.output) for row in figures.cost):
        rows = [row for row in figures.cost if (row.mode, row.output) == (mode, output)]
        per_second = 1000 * sum(row.engine_s for row in rows) / sum(row.audio_s for row in rows)
        streams = capacity(figures, mode)
        lines.append((mode, output, f"{per_second:.0f}", "" if streams is None else f"{streams:.0f}"))
    return table(("mode", "output", "engine, ms for a second of audio", "streams on one core"), lines)


def _stages(figures: Figures) -> str:
    """For each output and stage: both modes beside each other, for a second of audio."""
    lines = []
    for output, stage in dict.fromkeys((row.output, Stage(row.stage)) for row in figures.stages):
        both = [row for row in figures.stages if (row.output, row.stage) == (output, stage.value)]
        cells = [output, stage.value, WORK_UNITS[stage]]
        for mode in _COMPARED:
            rows = [row for row in both if row.mode == mode]
            audio_s = sum(row.audio_s for row in rows)
            spent_ms, work = 1000 * sum(row.engine_s for row in rows), sum(row.work for row in rows)
            cells += [f"{spent_ms / audio_s:.1f}", f"{work / audio_s:.1f}"] if audio_s else ["", ""]
        lines.append(tuple(cells))
    of_both = tuple(f"{mode}: {what}" for mode in _COMPARED for what in ("engine, ms", "work"))
    return table(("output", "stage", "work is counted in", *of_both), lines)


def _means(figures: Figures, rows: Sequence[TextFigures]) -> tuple[str, ...]:
    return (
        str(len(rows)), f"{mean(row.bleu for row in rows):.1f}", _share(figures, rows), *_lags(rows)
    )  # fmt: skip


def _share(figures: Figures, rows: Sequence[TextFigures]) -> str:
    found = shares(figures, rows)
    return f"{mean(found):.0f}" if found else ""


def _lags(rows: Sequence[TextFigures]) -> tuple[str, str, str]:
    return (
        f"{mean(row.yaal_ms for row in rows) / 1000:.2f}",
        f"{mean(row.lag_ms for row in rows) / 1000:.2f}",
        f"{mean(row.p90_lag_ms for row in rows) / 1000:.2f}",
    )


if __name__ == "__main__":
    write_pages(load(RESULTS))
