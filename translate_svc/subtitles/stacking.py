"""Two languages in one subtitle: the cues of several streams, one above the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from translate_svc.subtitles.cues import Cue


def stacked(streams: Sequence[Sequence[Cue]]) -> list[Cue]:
    """Cues with the lines of all streams, in their order, at the times of the stream that has the most.

    A cue of another stream stands in each of these that it shares half of its time with, or of theirs. Alone
    it stays where it is.
    """
    base = max(streams, key=len)
    result = []
    alone = [cue for stream in streams if stream is not base for cue in stream]
    for cue in base:
        lines: list[str] = []
        for stream in streams:
            beside = [cue] if stream is base else [each for each in stream if _together(each, cue)]
            alone = [each for each in alone if each not in beside]
            lines += [line for each in beside for line in each.lines]
        result.append(replace(cue, lines=tuple(lines)))
    return sorted([*result, *alone], key=lambda each: (each.start_ms, each.speaker))


def _together(one: Cue, other: Cue) -> bool:
    shared_ms = min(one.end_ms, other.end_ms) - max(one.start_ms, other.start_ms)
    shorter_ms = min(one.end_ms - one.start_ms, other.end_ms - other.start_ms)
    return one.speaker == other.speaker and 2 * shared_ms >= shorter_ms
