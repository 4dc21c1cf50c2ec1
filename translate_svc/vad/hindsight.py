"""Utterances of a recording, cut by hindsight: a pure state machine over frames, beside ``Segmenter``.

A stretch of speech (up to the silence that would end an utterance of a live stream, or up to 30 s of it) is
collected first and then cut at the places that together cost least. A cut costs little in a clear pause and
much in running speech; an utterance costs the more, the farther its length is from what the model handles
well. Dynamic programming finds the optimum. SHAS (Tsiamas et al., 2022) recurses over the pauses instead.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from translate_svc.types import EndReason
from translate_svc.vad.options import FRAME_MS, VadOptions
from translate_svc.vad.segmenter import SegmentEnded, Segmenter, SegmenterIdle, SegmentEvent, SegmentStarted

STRETCH_MS = 30_000
"""Most speech that is collected before it is cut. Bounds memory, and how long results wait."""

_SPEECH_FROM = 0.5
"""Probability from which a frame is speech where pauses are measured, whatever a caller's threshold is."""

_RELEASE_FRAMES = 2
"""The detector notices the end of speech about so late, and its beginning at once."""

_QUIET_ABOVE_FLOOR_DB = 8.0
"""A pause is cut in the middle of its frames that are no louder above its quietest one."""

_CUT_IN_SPEECH = 2.0
"""Cost of a cut without a pause. That of a cut in a pause of m frames is exp(-m), and that of an utterance
twice as long as wished is 1. With pauses of 0.1 to 0.4 s half or twice these costs lose 1 to 2 BLEU.
"""
_DOUBTFUL_COST = math.exp(-7)
"""A cut that costs more is doubtful: pauses of up to seven frames (0.22 s) occur within sentences, too, at
commas and before plosives.
"""
_SHORT = 0.7
"""An utterance shorter than this share of the wished length costs something: it may be half a sentence."""

_WHOLE = 2.2
"""A stretch between long silences is not cut up to so many times the wished length: as a rule it is a
sentence. Cutting these, too, cost recordings with ordinary pauses 3 BLEU.
"""

_EXTRA_FRAMES = 1000 // FRAME_MS


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a stretch may be cut: before ``frame``, at ``cost``."""

    frame: int
    cost: float


class Cut(NamedTuple):
    """A cut before ``frame``. ``is_pause``: it lies in a pause. ``doubtful``: perhaps within a sentence."""

    frame: int
    is_pause: bool
    doubtful: bool


def best_cuts(
    probabilities: Sequence[float], levels_dbfs: Sequence[float], *, good_frames: int, max_frames: int
) -> list[Cut]:
    """Where to cut one stretch of speech.

    Args:
        probabilities: of speech, of each frame ``[n]``.
        levels_dbfs: of each frame ``[n]``; they are only compared.
        good_frames: the length that utterances should have, 1 or more.
        max_frames: the longest that one may have, 2 or more.

    Returns:
        The cuts in their order. None is before frame 0 or ``n``.
    """
    places = _places(probabilities, levels_dbfs, min(good_frames, max_frames // 2))
    best, before = [0.0], [0]
    for index in range(1, len(places)):
        costs = [
            (best[start] + _length_cost(places[index].frame - places[start].frame, good_frames), start)
            for start in range(index)
            if places[index].frame - places[start].frame <= max_frames or start == index - 1
        ]
        least, start = min(costs)
        best.append(least + places[index].cost)
        before.append(start)
    cuts, index = [], before[-1]
    while index:
        frame, cost = places[index].frame, places[index].cost
        cuts.append(Cut(frame, is_pause=cost < _CUT_IN_SPEECH, doubtful=cost > _DOUBTFUL_COST))
        index = before[index]
    return cuts[::-1]


def _length_cost(frames: int, good_frames: int) -> float:
    share = frames / good_frames
    return max(0.0, share - 1) ** 2 + max(0.0, 1 - share / _SHORT)


def _places(probabilities: Sequence[float], levels_dbfs: Sequence[float], spacing: int) -> list[_Place]:
    """Both ends, the pauses, and quiet frames between those that are farther apart than ``spacing``."""
    count = len(probabilities)
    pauses = {place.frame: place for place in _pauses(probabilities, levels_dbfs) if 0 < place.frame < count}
    known = [_Place(0, 0.0), *(pauses[frame] for frame in sorted(pauses)), _Place(count, 0.0)]
    places = known[:1]
    for place in known[1:]:
        start, step = places[-1].frame, max(1, min(_EXTRA_FRAMES, spacing))
        if place.frame - start > spacing:
            for first in range(start + step, place.frame - step // 2, step):
                window = levels_dbfs[first : min(first + step, place.frame)]
                places.append(_Place(first + int(np.argmin(window)), _CUT_IN_SPEECH))
        places.append(place)
    return places


def _pauses(probabilities: Sequence[float], levels_dbfs: Sequence[float]) -> Iterator[_Place]:
    """Each run of frames without speech, except at the end. The middle of its quiet part is its place."""
    start = None
    for index, probability in enumerate(probabilities):
        silent = probability < _SPEECH_FROM
        if silent and start is None:
            start = index
        elif not silent and start is not None:
            silence = sum(1 - each for each in probabilities[start:index])
            first = max(0, start - _RELEASE_FRAMES)
            levels = np.asarray(levels_dbfs[first:index])
            quiet = np.flatnonzero(levels <= levels.min() + _QUIET_ABOVE_FLOOR_DB)
            middle = first + math.floor((quiet[0] + quiet[-1] + 2) / 2)
            yield _Place(int(middle), math.exp(-silence))
            start = None


class HindsightSegmenter:
    """A segmenter of one frame grid, as ``Segmenter``, that may end several utterances at once.

    Of the events of one frame only the last ``SegmentEnded`` commits and ends the grid: the cuts before it
    depend on frames after them, so a replay must hear those too.
    """

    def __init__(self, options: VadOptions) -> None:
        self._options = options
        self._stretch = Segmenter(replace(options, max_utterance_ms=STRETCH_MS))
        self._probabilities: list[float] = []
        self._levels_dbfs: list[float] = []
        self._speech_frame = 0

    @property
    def frames(self) -> int:
        """Frames processed since the grid started."""
        return self._stretch.frames

    @property
    def silent(self) -> bool:
        """Whether no speech is collected and none may have just started."""
        return self._stretch.silent

    @property
    def earliest_frame(self) -> int:
        """Later events name no frame before this one."""
        return self._stretch.earliest_frame

    def push(self, probability: float, level_dbfs: float) -> tuple[SegmentEvent, ...]:
        """Takes the next frame, as ``Segmenter.push``. Returns the events that it causes, in order."""
        self._probabilities.append(probability)
        self._levels_dbfs.append(level_dbfs)
        event = self._stretch.push(probability, level_dbfs)
        if isinstance(event, SegmentEnded):
            return self._utterances(event)
        if isinstance(event, SegmentStarted):
            self._speech_frame = event.speech_frame
        return (event,) if isinstance(event, SegmenterIdle) else ()

    def finalize(self, reason: EndReason) -> tuple[SegmentEvent, ...]:
        """Ends the collected speech after the last frame, and the grid with it; empty if there is none."""
        ended = self._stretch.finalize(reason)
        return () if ended is None else self._utterances(ended)

    def _utterances(self, stretch: SegmentEnded) -> tuple[SegmentEvent, ...]:
        unfinished = stretch.reason is EndReason.MAX_LENGTH
        end = self._stretch.frames if unfinished else stretch.end_frame
        first = self._speech_frame
        padding = max(first - stretch.start_frame, self._options.suffix_padding_frames)
        good = self._options.good_utterance_frames
        longest = max(2, self._options.max_utterance_frames - 2 * padding)
        cuts: list[Cut] = []
        if end - first > min(longest, _WHOLE * good):
            probabilities, levels = self._probabilities[first:end], self._levels_dbfs[first:end]
            cuts = best_cuts(probabilities, levels, good_frames=good, max_frames=longest)
        ends = [
            (first + cut.frame, EndReason.SILENCE if cut.is_pause else EndReason.MAX_LENGTH, cut.doubtful)
            for cut in cuts
        ]
        if not unfinished or not ends:
            ends.append((end, stretch.reason, False))
        starts = [stretch.start_frame, *(frame for frame, _, _ in ends[:-1])]
        # the last utterance of an unfinished stretch is heard again with what follows
        commit = ends[-1][0] if unfinished else stretch.commit_frame
        events: list[SegmentEvent] = []
        for number, (frame, reason, doubtful) in enumerate(ends):
            start, followed = starts[number], number < len(ends) - 1
            events.append(SegmentStarted(start, start if number else first))
            events.append(
                SegmentEnded(
                    start,
                    frame,
                    frame if followed else commit,
                    reason,
                    commits=not followed,
                    followed=followed,
                    doubtful=doubtful and followed,
                )
            )
        return tuple(events)
