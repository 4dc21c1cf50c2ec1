"""Quality over latency as a picture: every mode a point, modes of one kind a line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import matplotlib as mpl

from benchmarks.simultaneous.figures import OFFLINE, Figures, TextFigures
from benchmarks.simultaneous.listen import SIMULTANEOUS, UTTERANCE
from benchmarks.simultaneous.monologues import VARIANTS

_INK, _FAINT = "#22303c", "#9aa7b2"
_COLORS = {UTTERANCE.name: "#c2255c", SIMULTANEOUS.name: "#0b7285", OFFLINE: "#5f3dc4"}
_MAX_LAG_S, _MIN_SHARE = 1.5, 0.95
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans", "font.size": 9.5, "text.color": _INK, "axes.edgecolor": _FAINT,
    "axes.labelcolor": _INK, "xtick.color": _INK, "ytick.color": _INK,
    "axes.spines.top": False, "axes.spines.right": False,
}  # fmt: skip


def draw(figures: Figures, path: Path) -> None:
    """Writes a PNG with one panel a variant: means over the directions that all modes of a panel have.

    Nothing where no texts were measured.
    """
    mpl.use("Agg")
    from matplotlib import pyplot

    panels = [(each.name, common_rows(figures, each.name)) for each in VARIANTS]
    panels = [(name, rows) for name, rows in panels if rows]
    if not panels:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(_STYLE):
        figure, axes = pyplot.subplots(
            1, len(panels), figsize=(5.2 * len(panels), 4.6), squeeze=False, sharey=True
        )
        figure.set_layout_engine("constrained")
        for panel, (name, rows) in zip(axes[0], panels, strict=True):
            _draw_panel(panel, name, rows)
        axes[0][0].set(ylabel="BLEU", ylim=(None, 100))
        handles, labels = axes[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, frameon=False, loc="outside lower center", ncols=len(labels))
        figure.savefig(path, dpi=110, facecolor="white", metadata={"Software": None})
        pyplot.close(figure)


def common_rows(figures: Figures, variant: str) -> list[TextFigures]:
    """Rows of a variant, in the directions in which every mode was measured."""
    rows = [row for row in figures.text if row.variant == variant]
    modes = {row.mode for row in rows}
    by_direction: dict[str, set[str]] = {}
    for row in rows:
        by_direction.setdefault(row.direction, set()).add(row.mode)
    return [row for row in rows if by_direction[row.direction] == modes]


def _draw_panel(axes: Any, title: str, rows: Sequence[TextFigures]) -> None:
    points: dict[str, list[tuple[float, float, str]]] = {}
    for mode in dict.fromkeys(row.mode for row in rows):
        own = [row for row in rows if row.mode == mode]
        lag_s, bleu = mean(row.yaal_ms for row in own) / 1000, mean(row.bleu for row in own)
        points.setdefault(mode.split(",")[0], []).append((lag_s, bleu, mode))
    if OFFLINE in points:
        aim = points[OFFLINE][0][1] * _MIN_SHARE
        axes.axhline(aim, color=_FAINT, linestyle=":", linewidth=1)
        axes.axvline(_MAX_LAG_S, color=_FAINT, linestyle=":", linewidth=1)
    for kind, group in points.items():
        group.sort()
        lags_s, bleus = [each[0] for each in group], [each[1] for each in group]
        axes.plot(lags_s, bleus, "o-", color=_COLORS.get(kind, _INK), label=kind, markersize=5)
        for lag_s, bleu, mode in group:
            label = mode.partition(", ")[2] or "default"
            if kind != OFFLINE:
                axes.annotate(
                    label, (lag_s, bleu), (4, -11), textcoords="offset points", fontsize=7.5, color=_FAINT
                )
    axes.set(xlabel="LongYAAL, computation-unaware, s", xlim=(0, None))
    axes.set_title(title, loc="left", fontweight="bold", fontsize=10.5)
