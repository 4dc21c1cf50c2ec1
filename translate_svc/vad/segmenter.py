"""From speech probabilities to utterances: a pure state machine over frames.

    SILENCE --speech--> CANDIDATE --min_speech--> SPEECH --min_silence | max_utterance | finalize--> over
       ^----silence---------'
       '--idle_timeout--> over

Hysteresis as in Silero's ``VADIterator``: a frame is *speech* at or above ``threshold`` and *silence* below
``negative_threshold``. In between it does not change the state.

A segmenter serves one frame grid. It is over with the event that moves the stream's commit point
(``SegmentEnded`` or ``SegmenterIdle``). The caller then starts a new grid and a new segmenter there. Frame
indices count from the start of the grid. Padding never reaches back before that start.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from dataclasses import dataclass

from translate_svc.types import EndReason
from translate_svc.vad.options import FRAME_MS, VadOptions

MIN_PAUSE_MS = 100
"""Shortest silence that counts as a pause when an utterance is cut for its length. Shorter gaps occur within
words: the closure of a plosive lasts 50 to 100 ms.
"""
MIN_PAUSE_FRAMES = math.ceil(MIN_PAUSE_MS / FRAME_MS)


@dataclass(frozen=True, slots=True)
class SegmentStarted:
    """An utterance has started. Its audio starts at ``start_frame``, padding included, and its speech at
    ``speech_frame``.
    """

    start_frame: int
    speech_frame: int


@dataclass(frozen=True, slots=True)
class SegmentEnded:
    """The utterance is frames ``[start_frame, end_frame)``; the next grid starts at ``commit_frame``.

    ``end_frame <= commit_frame``. The commit frame may lie before the last frame processed: after a cut for
    length the rest is processed again; after a silence, as much of it as the next utterance's padding needs.

    ``commits``: False if the grid goes on instead, because another utterance has ended with this one.
    ``followed``: that other utterance begins at ``end_frame``. ``doubtful``: one sentence may go on from this
    utterance to that one.
    """

    start_frame: int
    end_frame: int
    commit_frame: int
    reason: EndReason
    commits: bool = True
    followed: bool = False
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class SegmenterIdle:
    """No speech for ``idle_timeout_ms``: the next grid starts at ``commit_frame``, without an utterance."""

    commit_frame: int


SegmentEvent = SegmentStarted | SegmentEnded | SegmenterIdle


class _State(enum.Enum):
    SILENCE = enum.auto()
    CANDIDATE = enum.auto()
    SPEECH = enum.auto()
    OVER = enum.auto()


class Segmenter:
    """Takes one speech probability and one level per frame. The module docstring shows its states."""

    def __init__(self, options: VadOptions) -> None:
        self._options = options
        self._state = _State.SILENCE
        self._frames = 0
        self._first_speech_frame = 0
        self._start_frame = 0
        self._first_silent_frame: int | None = None
        self._heard_frame = 0
        self._levels_dbfs: list[float] = []  # of the frames since _first_speech_frame
        self._paused: list[bool] = []  # of the same frames

    @property
    def frames(self) -> int:
        """Frames processed since the grid started."""
        return self._frames

    @property
    def silent(self) -> bool:
        """Whether no utterance runs and none may have just started."""
        return self._state is _State.SILENCE

    @property
    def start_frame(self) -> int | None:
        """The first frame of the running utterance, padding included; None if none runs."""
        return self._start_frame if self._state is _State.SPEECH else None

    @property
    def earliest_frame(self) -> int:
        """Later events name no frame before this one, so audio before it may be dropped."""
        if self._state is _State.SILENCE:
            return max(0, self._frames - self._options.prefix_padding_frames)
        return self._start_frame

    def push(self, probability: float, level_dbfs: float) -> SegmentEvent | None:
        """Takes the next frame: its speech probability, within [0, 1], and its level (any scale; levels are
        only compared). Returns the event that it causes, if any.

        Raises ``RuntimeError`` after the event that ended the grid.
        """
        if self._state is _State.OVER:
            raise RuntimeError("the grid of this segmenter has ended")
        index = self._frames
        self._frames += 1
        if self._state is _State.SILENCE:
            if probability >= self._options.threshold:
                self._begin_candidate(index)
            elif self._frames >= self._options.idle_timeout_frames:
                return self._end_grid(SegmenterIdle(self._padded(self._frames)))
        if self._state is _State.CANDIDATE:
            return self._push_candidate(probability, level_dbfs)
        if self._state is _State.SPEECH:
            return self._push_speech(index, probability, level_dbfs)
        return None

    def hold(self, end_frame: int) -> None:
        """No cut for length falls before ``end_frame``: words of the audio before it may have been told."""
        self._heard_frame = end_frame

    def cut(self, end_frame: int) -> SegmentEnded:
        """Ends the running utterance before ``end_frame``, and the grid with it. The commit point is there.

        Raises ``RuntimeError`` if no utterance runs, or if the frame lies outside of it.
        """
        if self._state is not _State.SPEECH or not self._start_frame < end_frame <= self._frames:
            raise RuntimeError("there is no utterance to cut at this frame")
        self._state = _State.OVER
        return SegmentEnded(self._start_frame, end_frame, end_frame, EndReason.CONTINUED)

    def finalize(self, reason: EndReason) -> SegmentEnded | None:
        """Ends the running utterance after the last frame, and the grid with it.

        Returns None if no utterance runs. Speech shorter than ``min_speech_ms`` is not an utterance.
        """
        if self._state is _State.SPEECH:
            ended = SegmentEnded(self._start_frame, self._frames, self._frames, reason)
            self._end_grid(ended)
            return ended
        self._state = _State.OVER
        return None

    def _padded(self, frame: int) -> int:
        return max(0, frame - self._options.prefix_padding_frames)

    def _begin_candidate(self, index: int) -> None:
        self._state = _State.CANDIDATE
        self._first_speech_frame = index
        self._start_frame = self._padded(index)
        self._levels_dbfs.clear()
        self._paused.clear()

    def _push_candidate(self, probability: float, level_dbfs: float) -> SegmentEvent | None:
        if probability < self._options.negative_threshold:
            self._state = _State.SILENCE
            return None
        self._levels_dbfs.append(level_dbfs)
        self._paused.append(False)
        if len(self._levels_dbfs) < self._options.min_speech_frames:
            return None
        self._state = _State.SPEECH
        return SegmentStarted(self._start_frame, self._first_speech_frame)

    def _push_speech(self, index: int, probability: float, level_dbfs: float) -> SegmentEvent | None:
        self._levels_dbfs.append(level_dbfs)
        if probability >= self._options.threshold:
            self._first_silent_frame = None
        elif probability < self._options.negative_threshold and self._first_silent_frame is None:
            self._first_silent_frame = index
        silent_from = self._first_silent_frame
        self._paused.append(silent_from is not None)
        if silent_from is not None and self._frames - silent_from >= self._options.min_silence_frames:
            end = silent_from + self._options.suffix_padding_frames
            commit = max(end, self._padded(self._frames))
            return self._end_grid(SegmentEnded(self._start_frame, end, commit, EndReason.SILENCE))
        if self._frames - self._start_frame >= self._options.max_utterance_frames:
            cut = self._best_cut()
            return self._end_grid(SegmentEnded(self._start_frame, cut, cut, EndReason.MAX_LENGTH))
        return None

    def _best_cut(self) -> int:
        """The frame to cut before: the quietest frame of the longest pause in the search range. Without a
        pause: the quietest frame of the whole range. Of equals, the latest.

        The cut is before that frame because a gap is quietest at its end: the next utterance then starts with
        quiet, not with a torn onset. Pauses have priority because the quietest frame of running speech is
        often the closure of a consonant, in the middle of a word.
        """
        length = self._frames - self._start_frame
        free = self._frames - self._heard_frame
        search = min(self._options.cut_search_frames, length // 2, len(self._levels_dbfs) - 1, free)
        levels = self._levels_dbfs[-search:]
        candidates = _longest_pause(self._paused[-search:]) or range(search)
        latest = min(candidates, key=lambda index: (levels[index], -index))
        return self._frames - search + latest

    def _end_grid(self, event: SegmentEvent) -> SegmentEvent:
        self._state = _State.OVER
        return event


def _longest_pause(paused: Sequence[bool]) -> range:
    """The longest run of true entries, of equals the latest; empty if none lasts ``MIN_PAUSE_MS``."""
    longest, start = range(0), 0
    for index, silent in enumerate(paused):
        if not silent:
            start = index + 1
        elif index + 1 - start >= max(MIN_PAUSE_FRAMES, len(longest)):
            longest = range(start, index + 1)
    return longest
