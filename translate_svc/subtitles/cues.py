"""Subtitles by the usual rules: texts of utterances become cues.

* A cue has at most two lines of 42 cells, balanced, broken between phrases, and no line of a single word
  where that can be helped.
* It begins when its first word was said and lasts until the next one begins, at most 7 s.
* It stays as long as people need to read it: 17 cells a second and at least a second, if there is room.
* Between two cues of one speaker are at least two frames of a film (83 ms). Cues of two people who speak at
  the same time are shown at the same time.
* The name of who speaks counts as text, since some formats have no other place for it.
* A cue ends with a sentence; a sentence that is too long or lasts too long is broken between phrases.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from rich.cells import cell_len

from translate_svc.subtitles.line_breaks import (
    Unit,
    blocks_of,
    cells_of,
    lines_of,
    sentences_of,
    units_of,
)
from translate_svc.types import TokenInfo

MAX_CUE_MS = 7_000
CELLS_PER_S = 17
GAP_MS = 84
_MIN_CUE_MS = 1_000
_MIN_SPLIT_MS = 500


@dataclass(frozen=True, slots=True)
class Cue:
    """One or two lines, shown from ``start_ms`` until ``end_ms`` of the source. ``speaker``: the name of who
    says it; empty if there is only one speaker, or nobody knows.
    """

    start_ms: int
    end_ms: int
    lines: tuple[str, ...]
    speaker: str = ""

    @property
    def text(self) -> str:
        """The lines as one."""
        return " ".join(self.lines)

    @property
    def named_lines(self) -> tuple[str, ...]:
        """The lines, the first one with the name of the speaker: ``Left: Good morning.``"""
        return (_lead(self.speaker) + self.lines[0], *self.lines[1:])


@dataclass(frozen=True, slots=True)
class SpokenText:
    """The text of one utterance, or its translation, with its place in the source.

    Attributes:
        text: the whole text.
        start_ms: where its speech starts.
        end_ms: where its audio ends.
        audio_ms: where its audio starts; ``source_ms`` of the tokens counts from here.
        tokens: all tokens of the text, if they were asked for.
        speaker: the name of who says it; may be empty.
    """

    text: str
    start_ms: int
    end_ms: int
    audio_ms: int
    tokens: Sequence[TokenInfo] = ()
    speaker: str = ""

    def cues(self) -> list[Cue]:
        """Its cues, one after the other without gaps, through ``[start_ms, end_ms)``."""
        blocks: list[list[Unit]] = []
        lead_cells = cell_len(_lead(self.speaker))
        units = units_of(self.text, lead_cells)
        if not units:
            return []
        ms_per_cell = (self.end_ms - self.start_ms) / max(cells_of(units), 1)
        for sentence in _merged(sentences_of(units), ms_per_cell, lead_cells):
            least = math.ceil(cells_of(sentence) * ms_per_cell / MAX_CUE_MS)
            blocks += blocks_of(sentence, least, lead_cells)
        offsets = [block[0].offset for block in blocks]
        starts_ms = self._token_times_ms(offsets) or self._even_times_ms(blocks)
        ends_ms = [*starts_ms[1:], self.end_ms]
        return [
            Cue(start_ms, max(end_ms, start_ms + 1), lines_of(block, lead_cells) or (), self.speaker)
            for block, start_ms, end_ms in zip(blocks, starts_ms, ends_ms, strict=True)
        ]

    def _even_times_ms(self, blocks: Sequence[Sequence[Unit]]) -> list[int]:
        """The time divided by the length of the text."""
        lengths = [cells_of(block) + 1 for block in blocks]
        spoken_ms = self.end_ms - self.start_ms
        return [
            self.start_ms + spoken_ms * sum(lengths[:index]) // sum(lengths) for index in range(len(lengths))
        ]

    def _token_times_ms(self, offsets: Sequence[int]) -> list[int]:
        """When the characters at ``offsets`` were said, or what follows them and has a time.

        Empty if this is not known, or if a cue would be shorter than half a second, as happens between
        languages of different word orders.
        """
        times_ms = [self.start_ms]
        for offset in offsets[1:]:
            reached = 0
            for token in self.tokens:
                reached += len(token.text)
                if reached > offset and token.source_ms is not None:
                    times_ms.append(self.audio_ms + token.source_ms)
                    break
        bounds_ms = [*times_ms, self.end_ms]
        known = len(times_ms) == len(offsets)
        return times_ms if known and all(b - a >= _MIN_SPLIT_MS for a, b in pairwise(bounds_ms)) else []


def _lead(speaker: str) -> str:
    return f"{speaker}: " if speaker else ""


def _merged(sentences: list[list[Unit]], ms_per_cell: float, lead_cells: int) -> list[list[Unit]]:
    """Joins a sentence that is said in less than a second with its neighbour, if both fit one cue."""
    merged = sentences[:1]
    for sentence in sentences[1:]:
        both = [*merged[-1], *sentence]
        shortest_ms, together_ms = (
            cells * ms_per_cell for cells in (min(cells_of(merged[-1]), cells_of(sentence)), cells_of(both))
        )
        fits = together_ms <= MAX_CUE_MS and lines_of(both, lead_cells) is not None
        if shortest_ms < _MIN_CUE_MS and fits:
            merged[-1] = both
        else:
            merged.append(sentence)
    return merged


def timed(cues: Iterable[Cue]) -> list[Cue]:
    """Cues in order of time, each shown as long as the rules ask and the speaker's next one allows."""
    ordered = sorted(cues, key=lambda cue: (cue.start_ms, cue.speaker))
    following_ms: dict[str, int] = {}
    result: list[Cue] = []
    for cue in reversed(ordered):
        cells = cell_len(" ".join(cue.named_lines))
        needed_ms = max(_MIN_CUE_MS, math.ceil(cells * 1000 / CELLS_PER_S))
        end_ms = min(max(cue.end_ms, cue.start_ms + needed_ms), cue.start_ms + MAX_CUE_MS)
        if cue.speaker in following_ms:
            end_ms = min(end_ms, following_ms[cue.speaker] - GAP_MS)
        following_ms[cue.speaker] = cue.start_ms
        result.append(replace(cue, end_ms=max(end_ms, cue.start_ms + 1)))
    return result[::-1]
