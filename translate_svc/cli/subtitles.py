"""Subtitles: turns texts of utterances into cues, and cues into SRT or WebVTT."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, zip_longest

from rich.cells import cell_len

from translate_svc.types import TokenInfo

LINE_CELLS = 42
"""Longest line, in terminal cells: 42 Latin letters or 21 ideographs."""

LINES_PER_CUE = 2
_MIN_CUE_MS = 1_000
_MIN_SPLIT_MS = 500


@dataclass(frozen=True, slots=True)
class Cue:
    """One or two lines, shown from ``start_ms`` until ``end_ms`` of the source."""

    start_ms: int
    end_ms: int
    lines: tuple[str, ...]


def cues_of(
    text: str, start_ms: int, end_ms: int, tokens: Sequence[TokenInfo] = (), *, audio_ms: int | None = None
) -> list[Cue]:
    """The text of one utterance as cues of at most two lines within ``[start_ms, end_ms)``.

    A cue begins when the first of its tokens was said (``tokens``: all tokens of the text; ``source_ms``
    counts from ``audio_ms``, by default ``start_ms``). The time is divided by text length instead if there
    are no tokens, or if a cue would be shorter than half a second, as happens between languages with
    different word orders.
    """
    lines = wrapped(text)
    groups = [lines[i : i + LINES_PER_CUE] for i in range(0, len(lines), LINES_PER_CUE)]
    if not groups:
        return []
    lengths = [sum(len(line) + 1 for line in group) for group in groups]
    offsets = [sum(lengths[:index]) for index in range(len(lengths))]
    starts = _token_times_ms(
        offsets, start_ms, end_ms, tokens, start_ms if audio_ms is None else audio_ms
    ) or [start_ms + (end_ms - start_ms) * offset // sum(lengths) for offset in offsets]
    return [
        Cue(begin, end, tuple(group))
        for group, begin, end in zip(groups, starts, [*starts[1:], end_ms], strict=True)
    ]


def _token_times_ms(
    offsets: Sequence[int], start_ms: int, end_ms: int, tokens: Sequence[TokenInfo], audio_ms: int
) -> list[int]:
    """When the characters at ``offsets`` were said; empty if this is not known."""
    times_ms = [start_ms]
    for offset in offsets[1:]:
        reached = 0
        for token in tokens:
            reached += len(token.text)
            if reached > offset:
                if token.source_ms is None:
                    return []
                times_ms.append(audio_ms + token.source_ms)
                break
    bounds_ms = [*times_ms, end_ms]
    known = len(times_ms) == len(offsets)
    return times_ms if known and all(b - a >= _MIN_SPLIT_MS for a, b in pairwise(bounds_ms)) else []


def wrapped(text: str, width: int = LINE_CELLS) -> list[str]:
    """Lines of at most ``width`` cells, broken at spaces. A word that is longer is broken anywhere."""
    lines: list[str] = []
    for word in text.split():
        if lines and cell_len(lines[-1]) + 1 + cell_len(word) <= width:
            lines[-1] += f" {word}"
            continue
        lines.append("")
        for character in word:
            if cell_len(lines[-1] + character) > width:
                lines.append("")
            lines[-1] += character
    return lines


def _readable(cues: Iterable[Cue]) -> list[Cue]:
    """Cues in order of time. Each is shown for at least a second, unless the next one begins earlier."""
    ordered = sorted(cues, key=lambda cue: cue.start_ms)
    result = []
    for cue, limit in zip_longest(ordered, (cue.start_ms for cue in ordered[1:])):
        end_ms = max(cue.end_ms, cue.start_ms + _MIN_CUE_MS)
        if limit is not None:
            end_ms = max(min(end_ms, limit), cue.start_ms + 1)
        result.append(replace(cue, end_ms=end_ms))
    return result


def srt(cues: Iterable[Cue]) -> str:
    """The cues as a SubRip file: numbered cues."""
    return "\n".join(
        f"{number}\n{_clock(cue.start_ms, ',')} --> {_clock(cue.end_ms, ',')}\n" + _block(cue.lines)
        for number, cue in enumerate(_readable(cues), 1)
    )


def webvtt(cues: Iterable[Cue]) -> str:
    """The cues as a WebVTT file (W3C). Markup characters are escaped."""
    blocks = (
        f"{_clock(cue.start_ms, '.')} --> {_clock(cue.end_ms, '.')}\n" + _block(map(_escaped, cue.lines))
        for cue in _readable(cues)
    )
    return "\n".join(["WEBVTT\n", *blocks])


def _block(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _escaped(line: str) -> str:
    return re.sub("[&<>]", lambda found: {"&": "&amp;", "<": "&lt;", ">": "&gt;"}[found[0]], line)


def _clock(ms: int, mark: str) -> str:
    seconds, ms = divmod(ms, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{mark}{ms:03d}"
