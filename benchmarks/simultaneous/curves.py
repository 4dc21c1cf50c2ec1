"""Quality over latency as a picture: every mode a point, modes of one kind a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import matplotlib as mpl
from matplotlib.transforms import Bbox

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
_LABEL_PLACES = [
    (x_points * far, y_points * far)
    for far in (1, 2, 3, 4)
    for x_points, y_points in ((8, 0), (8, -8), (8, 8), (-8, 0), (-8, 8), (-8, -8))
]
"""Where a label may lie, from its point, in points; the best place first."""


@dataclass(frozen=True, slots=True)
class Point:
    """A mode: means over directions. ``kind``: what stands before the comma of ``mode``."""

    mode: str
    lag_s: float
    bleu: float

    @property
    def kind(self) -> str:
        return self.mode.partition(",")[0]

    @property
    def label(self) -> str:
        return self.mode.partition(", ")[2] or "default"


@dataclass(frozen=True, slots=True)
class Panel:
    """``labelled``: the kinds of modes whose points have labels."""

    title: str
    points: Sequence[Point]
    labelled: frozenset[str]


def draw(figures: Figures, path: Path) -> None:
    """Writes a PNG with one panel a variant, and one that shows the points near the bars from close up.

    Nothing where no texts were measured.
    """
    mpl.use("Agg")
    from matplotlib import pyplot

    panels = panels_of(figures)
    if not panels:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    with mpl.rc_context(_STYLE):
        figure, axes = pyplot.subplots(rows, columns, figsize=(6.2 * columns, 4.1 * rows), squeeze=False)
        figure.set_layout_engine("constrained")
        for panel, place in zip(panels, axes.flat, strict=False):
            draw_panel(place, panel)
        for unused in axes.flat[len(panels) :]:
            unused.set_visible(False)
        handles, labels = axes[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, frameon=False, loc="outside lower center", ncols=len(labels))
        figure.draw_without_rendering()  # from here on everything has its place
        figure.set_layout_engine("none")
        for panel, place in zip(panels, axes.flat, strict=False):
            label_panel(place, panel)
        figure.savefig(path, dpi=110, facecolor="white", metadata={"Software": None})
        pyplot.close(figure)


def panels_of(figures: Figures) -> list[Panel]:
    """One for each variant that was measured. Where several settings of simultaneous translation were, their
    points lie close together, and a panel of their own names them.
    """
    panels = []
    for variant in VARIANTS:
        points = _points(common_rows(figures, variant.name))
        kinds = frozenset(point.kind for point in points) - {OFFLINE}
        close = [point for point in points if point.kind in (SIMULTANEOUS.name, OFFLINE)]
        if sum(point.kind == SIMULTANEOUS.name for point in points) < 2:
            panels += [Panel(variant.name, points, kinds)] if points else []
            continue
        panels.append(Panel(variant.name, points, kinds - {SIMULTANEOUS.name}))
        panels.append(Panel(f"{variant.name}, from close up", close, frozenset({SIMULTANEOUS.name})))
    return panels


def common_rows(figures: Figures, variant: str) -> list[TextFigures]:
    """Rows of a variant, in the directions in which every mode was measured."""
    rows = [row for row in figures.text if row.variant == variant]
    modes = {row.mode for row in rows}
    by_direction: dict[str, set[str]] = {}
    for row in rows:
        by_direction.setdefault(row.direction, set()).add(row.mode)
    return [row for row in rows if by_direction[row.direction] == modes]


def _points(rows: Sequence[TextFigures]) -> list[Point]:
    points = []
    for mode in dict.fromkeys(row.mode for row in rows):
        own = [row for row in rows if row.mode == mode]
        points.append(Point(mode, mean(row.yaal_ms for row in own) / 1000, mean(row.bleu for row in own)))
    return sorted(points, key=lambda point: point.lag_s)


def draw_panel(axes: Any, panel: Panel) -> None:
    """Points, lines and bars."""
    points = panel.points
    axes.set_title(panel.title, loc="left", fontweight="bold", fontsize=10.5)
    axes.set(xlabel="LongYAAL, computation-unaware, s", ylabel="BLEU")
    for kind in dict.fromkeys(point.kind for point in points):
        own = [point for point in points if point.kind == kind]
        lags_s, bleus = [point.lag_s for point in own], [point.bleu for point in own]
        axes.plot(lags_s, bleus, "o-", color=_COLORS.get(kind, _INK), label=kind, markersize=5, linewidth=1.2)
    axes.margins(0.16, 0.16)
    offline = [point for point in points if point.kind == OFFLINE]
    if offline:
        axes.axhline(offline[0].bleu * _MIN_SHARE, color=_FAINT, linestyle=":", linewidth=1)
        axes.axvline(_MAX_LAG_S, color=_FAINT, linestyle=":", linewidth=1)


def label_panel(axes: Any, panel: Panel) -> None:
    """Names points, each label in the first place where it covers neither a point nor another label.

    The panel must have its final size.
    """
    taken = [Bbox.from_extents(x - 4, y - 4, x + 4, y + 4) for x, y in _pixels(axes, panel.points)]
    for point in panel.points:
        if point.kind not in panel.labelled:
            continue
        for x_points, y_points in _LABEL_PLACES:
            label = axes.annotate(
                point.label, (point.lag_s, point.bleu), (x_points, y_points), textcoords="offset points",
                ha="left" if x_points > 0 else "right", va="center", fontsize=8,
                color=_COLORS.get(point.kind, _INK),
            )  # fmt: skip
            box = label.get_window_extent()
            if not any(box.overlaps(other) for other in taken):
                break
            label.remove()
        taken.append(box)


def _pixels(axes: Any, points: Sequence[Point]) -> list[tuple[float, float]]:
    return [tuple(axes.transData.transform((point.lag_s, point.bleu))) for point in points]
