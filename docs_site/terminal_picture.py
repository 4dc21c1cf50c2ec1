"""A recorded terminal as an animated SVG, which needs no script and no font from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

CELL_WIDTH, LINE_HEIGHT, MARGIN = 8.4, 20, 16
_BACKGROUND, _FOREGROUND = "#10151c", "#d7dde5"
_COLORS = {"red": "#ff7b72", "green": "#7ee787", "brown": "#e3b341", "yellow": "#e3b341", "blue": "#79c0ff",
           "magenta": "#d2a8ff", "cyan": "#76e3ea", "white": "#ffffff"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Run:
    """Characters of a line that look alike. ``color`` is a name of ANSI, or ``default``."""

    column: int
    text: str
    color: str = "default"
    bold: bool = False


Line = tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Screen:
    """What the terminal shows from ``at_s`` on."""

    at_s: float
    lines: tuple[Line, ...]


def animated(screens: Sequence[Screen], columns: int, rows: int, *, hold_s: float, title: str) -> str:
    """The SVG. It shows each screen in its time, the last one for ``hold_s``, and begins again.

    Who asked the system for less motion sees the last screen alone.
    """
    width, height = columns * CELL_WIDTH + 2 * MARGIN, rows * LINE_HEIGHT + 2 * MARGIN
    total_s = screens[-1].at_s + hold_s
    numbers: dict[Line, int] = {}
    for screen in screens:
        for line in screen.lines:
            if line:
                numbers.setdefault(line, len(numbers))
    steps = "".join(
        f"{100 * screen.at_s / total_s:.3f}%{{transform:translateY({-index * height:g}px)}}"
        for index, screen in enumerate(screens)
    )
    last = f"translateY({-(len(screens) - 1) * height:g}px)"
    return "".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" ',
            f'height="{height:g}" role="img" aria-label="{escape(title)}">',
            f"<title>{escape(title)}</title><style>",
            "text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;",
            f"fill:{_FOREGROUND};white-space:pre}}.b{{font-weight:700}}",
            *(f".{name}{{fill:{color}}}" for name, color in _COLORS.items()),
            f"#film{{animation:film {total_s:.3f}s step-end infinite}}@keyframes film{{{steps}}}",
            f"@media (prefers-reduced-motion:reduce){{#film{{animation:none;transform:{last}}}}}",
            f"</style><defs>{''.join(_definitions(numbers))}</defs>",
            f'<rect width="100%" height="100%" rx="8" fill="{_BACKGROUND}"/><g id="film">',
            *_frames(screens, numbers, height),
            "</g></svg>\n",
        ]
    )


def _definitions(numbers: dict[Line, int]) -> Iterable[str]:
    for line, number in numbers.items():
        spans = "".join(_span(run) for run in line)
        yield f'<text id="l{number}">{spans}</text>'


def _span(run: Run) -> str:
    """Its length is fixed, so that columns stay in line in any font."""
    names = [run.color] if run.color in _COLORS else []
    classes = " ".join([*names, *(["b"] if run.bold else [])])
    x, length = MARGIN + run.column * CELL_WIDTH, len(run.text) * CELL_WIDTH
    shown = f' class="{classes}"' if classes else ""
    return (
        f'<tspan x="{x:.1f}" textLength="{length:.1f}" lengthAdjust="spacingAndGlyphs"{shown}>'
        f"{escape(run.text)}</tspan>"
    )


def _frames(screens: Sequence[Screen], numbers: dict[Line, int], height: float) -> Iterable[str]:
    for index, screen in enumerate(screens):
        lines = "".join(
            f'<use href="#l{numbers[line]}" y="{MARGIN + (row + 0.75) * LINE_HEIGHT:g}"/>'
            for row, line in enumerate(screen.lines)
            if line
        )
        yield f'<g transform="translate(0 {index * height:g})">{lines}</g>'
