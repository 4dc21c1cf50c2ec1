"""Two languages in one subtitle: the cues of several streams, one above the other."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import replace

from translate_svc.subtitles.cues import Cue


def stacked(streams: Sequence[Sequence[Cue]]) -> list[Cue]:
    """Cues with the lines of all streams, in their order, at the times of the stream that has the most.

    A cue of another stream stands in the one with the same times, where cues may overlap; else in each of
    these that it shares half of its time with, or of theirs. Alone it stays where it is.
    """
    base = max(streams, key=len)
    twins = [_Twins(base, stream) for stream in streams]
    result = []
    alone = [cue for stream in streams if stream is not base for cue in stream]
    for place, cue in enumerate(base):
        lines: list[str] = []
        for stream, found in zip(streams, twins, strict=True):
            beside = [cue] if stream is base else found.beside(place)
            alone = [each for each in alone if each not in beside]
            lines += [line for each in beside for line in each.lines]
        result.append(replace(cue, lines=tuple(lines)))
    return sorted([*result, *alone], key=lambda each: (each.start_ms, each.speaker))


class _Twins:
    """Which cues of a stream stand beside those of ``base``."""

    def __init__(self, base: Sequence[Cue], stream: Sequence[Cue]) -> None:
        self._base = base
        waiting: defaultdict[tuple[int, int, str], deque[Cue]] = defaultdict(deque)
        for cue in stream:
            waiting[_times(cue)].append(cue)
        self._same = [waiting[_times(cue)].popleft() if waiting[_times(cue)] else None for cue in base]
        self._others = [cue for cues in waiting.values() for cue in cues]

    def beside(self, place: int) -> list[Cue]:
        """Of the cue at ``place`` of ``base``."""
        if (same := self._same[place]) is not None:
            return [same]
        return [each for each in self._others if _together(each, self._base[place])]


def _times(cue: Cue) -> tuple[int, int, str]:
    return cue.start_ms, cue.end_ms, cue.speaker


def _together(one: Cue, other: Cue) -> bool:
    shared_ms = min(one.end_ms, other.end_ms) - max(one.start_ms, other.start_ms)
    shorter_ms = min(one.end_ms - one.start_ms, other.end_ms - other.start_ms)
    return one.speaker == other.speaker and 2 * shared_ms >= shorter_ms
