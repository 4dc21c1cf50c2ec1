"""Cues of SubRip and WebVTT files, with all that players show of them, and without what they hide.

SubRip has no standard. There are files without numbers of cues, with empty lines inside a cue, and with texts
that end in a line of digits. Such a line is kept; the number of the next cue is not taken for one.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

from translate_svc.errors import InvalidArgument
from translate_svc.subtitles.cues import Cue

_TIME = r"(-?)(?:(\d{1,6}): *)?(\d{1,2}): *(\d{1,2})(?:[.,] *(\d+))?"
_TIMING = re.compile(rf"\s*{_TIME}\s*-+\s*>\s*{_TIME}(?![\w:]|[.,] *\d)")
_BROKEN_TIMING = re.compile(r"^\s*-?\d+:(?:\S+\s*--|\d+:\S+\s*-+\s*)>|-->\s*-?\d+:\s*\d")
"""A time before the arrow, or behind it; before a short arrow, with its hours. Other lines with an arrow are
text."""
_NUMBER = re.compile(r"\s*\d{1,9}\s*")
_SRT_TAG = re.compile(r"</?\s*(?:[ibus]|em|strong|font|span|c|v|p|lang|ruby|rt)\b[^<>]*>", re.IGNORECASE)
_LINE_BREAK = re.compile(r"<br\s*/?>|\\N", re.IGNORECASE)
_ASS_COMMAND = re.compile(r"\{(?:\\|[a-z]:)[^{}]*\}", re.IGNORECASE)
"""As players that read SubRip through libass obey it; other braces are text."""
_VTT_TAG = re.compile(r"</?[a-z][^<>]*>|</?>|<[\d:.]+>", re.IGNORECASE)
"""The last form is the time of a word, which captions have that were made while somebody spoke."""


def srt_cues(text: str) -> list[Cue]:
    """The cues of a SubRip file, in its order; one without text is left out.

    Raises:
        InvalidArgument: the times of a cue cannot be read. Names the line.
    """
    timings: list[re.Match[str]] = []
    texts: list[list[str]] = [[]]  # the first are the lines before the first cue
    for place, line in enumerate(_lines(text), 1):
        if timing := _timing(line, place):
            timings.append(timing)
            texts.append([])
        else:
            texts[-1].append(line)
    number = _number_of(texts[0])
    said: list[list[str]] = []
    for index, lines in enumerate(texts[1:], 1):
        kept, number = _without_number(lines, number, is_last=index == len(timings))
        said.append(kept)
    return _cues(timings, (map(_srt_text, lines) for lines in said))


def webvtt_cues(text: str) -> list[Cue]:
    """The cues of a WebVTT file (W3C), in its order; one without text is left out. An empty line ends a cue,
    so identifiers, notes, styles and regions are in none.

    Raises:
        InvalidArgument: as ``srt_cues``.
    """
    timings: list[re.Match[str]] = []
    texts: list[list[str]] = []
    is_cue = False
    for place, line in enumerate(_lines(text), 1):
        if timing := _timing(line, place):
            timings.append(timing)
            texts.append([])
            is_cue = True
        elif not line:
            is_cue = False
        elif is_cue:
            texts[-1].append(line)
    return _cues(timings, (map(_vtt_text, lines) for lines in texts))


def _lines(text: str) -> list[str]:
    return re.split(r"\r\n?|\n", text)


def _timing(line: str, place: int) -> re.Match[str] | None:
    """The times in a line; None if it is another line."""
    found = _TIMING.match(line)
    if not found and _BROKEN_TIMING.search(line):
        raise InvalidArgument(f"has times of a cue in line {place} that cannot be read")
    return found


def _without_number(lines: list[str], previous: int | None, *, is_last: bool) -> tuple[list[str], int | None]:
    """The lines between two cues without the number of the second one, and that number.

    It is a line of digits right above the times, below an empty one. It may miss one of these two places
    where it counts on from ``previous``, the number of the first cue.
    """
    number = _number_of(lines)
    if number is None:
        return lines, None
    place = max(at for at, line in enumerate(lines) if line.strip())
    is_above_times = place == len(lines) - 1 and not is_last
    is_below_empty = place == 0 or not lines[place - 1].strip()
    counts_on = previous is not None and number == previous + 1
    enough = any if counts_on else all
    return (lines[:place], number) if enough((is_above_times, is_below_empty)) else (lines, None)


def _number_of(lines: list[str]) -> int | None:
    """The last line that is not empty, if it consists of digits."""
    last = next((line for line in reversed(lines) if line.strip()), "")
    return int(last) if _NUMBER.fullmatch(last) else None


def _cues(timings: Iterable[re.Match[str]], texts: Iterable[Iterable[str]]) -> list[Cue]:
    cues = []
    for timing, text in zip(timings, texts, strict=True):
        lines = tuple(line.strip() for part in text for line in part.split("\n") if line.strip())
        groups = timing.groups()
        start_ms, end_ms = _ms(*groups[:5]), _ms(*groups[5:])
        if lines:
            cues.append(Cue(start_ms, max(start_ms, end_ms), lines))
    return cues


def _srt_text(line: str) -> str:
    return _SRT_TAG.sub("", _LINE_BREAK.sub("\n", _ASS_COMMAND.sub("", line))).replace(r"\h", " ")


def _vtt_text(line: str) -> str:
    return html.unescape(_VTT_TAG.sub("", line))


def _ms(sign: str, hours: str | None, minutes: str, seconds: str, fraction: str | None) -> int:
    if sign:
        return 0  # before the film begins
    whole_s = int(hours or 0) * 3_600 + int(minutes) * 60 + int(seconds)
    return whole_s * 1_000 + int((fraction or "").ljust(3, "0")[:3])
