"""Captions that roll: each shows the last line of the one before it again, above a new one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from translate_svc.subtitles.cues import Cue

_NEAR_MS = 100
_FEWEST_CUES = 4


def without_repeats(cues: Sequence[Cue]) -> list[Cue]:
    """The cues with each line once, at its first time, if they roll; else as they are.

    Captions that were made while somebody spoke are of this kind, as those that YouTube makes. They roll if
    at least every second cue begins with the end of the one before it. So who says "No." twice in a film says
    it twice.

    Args:
        cues: by their start.
    """
    repeated = [_repeated(first, second) for first, second in pairwise(cues)]
    if len(cues) < _FEWEST_CUES or 2 * sum(map(bool, repeated)) < len(repeated):
        return list(cues)
    kept = [cues[0]]
    for cue, count in zip(cues[1:], repeated, strict=True):
        if new := cue.lines[count:]:
            kept.append(replace(cue, lines=new))
        else:
            kept[-1] = replace(kept[-1], end_ms=max(kept[-1].end_ms, cue.end_ms))
    return kept


def _repeated(first: Cue, second: Cue) -> int:
    """How many lines at the end of a cue begin the one that follows it at once."""
    if second.start_ms - first.end_ms > _NEAR_MS:
        return 0
    most = min(len(first.lines), len(second.lines))
    return next((count for count in range(most, 0, -1) if first.lines[-count:] == second.lines[:count]), 0)
