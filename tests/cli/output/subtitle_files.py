"""Subtitle files read back, by their formats' own rules."""

from __future__ import annotations

import html
import re
from dataclasses import replace

from translate_svc.subtitles.cues import Cue

_TIMES = re.compile(r"(?:(\d{2,}):)?(\d\d):(\d\d)([.,])(\d{3}) --> (?:(\d{2,}):)?(\d\d):(\d\d)([.,])(\d{3})")


def read_srt(text: str) -> list[Cue]:
    """Blocks of a number, times with a comma, and lines; an empty line between them."""
    blocks = [block.splitlines() for block in text.strip().split("\n\n") if block]
    assert [block[0] for block in blocks] == [str(number) for number in range(1, len(blocks) + 1)]
    return [_cue(block[1], block[2:], ",") for block in blocks]


def read_webvtt(text: str) -> list[Cue]:
    """The signature, then blocks of times with a point, and lines in which markup is escaped. The first line
    may begin with who speaks.
    """
    signature, *blocks = text.strip().split("\n\n")
    assert signature == "WEBVTT"
    cues = []
    for block in blocks:
        times, *lines = block.splitlines()
        voice = re.match("<v ([^<>&]+)>", lines[0])
        lines[0] = lines[0][voice.end() if voice else 0 :]
        assert not any(re.search(r"<|-->|&(?!amp;|lt;|gt;)", line) for line in lines)
        cue = _cue(times, [html.unescape(line) for line in lines], ".")
        cues.append(replace(cue, speaker=voice[1] if voice else ""))
    return cues


def _cue(times: str, lines: list[str], mark: str) -> Cue:
    found = _TIMES.fullmatch(times)
    assert found is not None, times
    assert found[4] == found[9] == mark
    start_ms, end_ms = (
        (int(h or 0) * 3600 + int(m) * 60 + int(s)) * 1000 + int(ms)
        for h, m, s, ms in (found.group(1, 2, 3, 5), found.group(6, 7, 8, 10))
    )
    assert start_ms < end_ms
    assert lines
    return Cue(start_ms, end_ms, tuple(lines))
