"""The utterances on the frame grid since one commit point. Pure."""

from __future__ import annotations

from dataclasses import replace

from translate_svc.session.inbound.frame_grid import FrameGrid, level_dbfs
from translate_svc.session.inbound.source_events import Utterance, UtteranceGrew
from translate_svc.session.settings.negotiated import Negotiated
from translate_svc.session.voice_gate import VoicedFrames
from translate_svc.types import FRAME_SAMPLES, EndReason, SampleRange, Samples, Segmentation
from translate_svc.vad.hindsight import HindsightSegmenter
from translate_svc.vad.options import FRAME_MS
from translate_svc.vad.segmenter import SegmentEnded, Segmenter, SegmentEvent

_FREE_FRAMES = 1000 // FRAME_MS
"""Before a cut for length no step of simultaneous translation tells words of them."""


class GridSegmenter:
    """A frame grid, the segmenter of its frames, and which of them hold voice. All three begin together."""

    def __init__(self, origin: int, input_rate_hz: int, settings: Negotiated) -> None:
        """``origin``: the commit point. ``settings``: as for ``UtteranceSource``."""
        self.grid = FrameGrid(origin, input_rate_hz)
        self._is_manual = settings.settings.segmentation is Segmentation.MANUAL
        self._voice_gate = settings.settings.guards.voice_gate
        self._simultaneous = settings.simultaneous
        self._max_frames = settings.vad.max_utterance_frames
        options = replace(settings.vad, min_speech_ms=0) if self._is_manual else settings.vad
        self._hindsight = settings.settings.segmentation is Segmentation.HINDSIGHT
        self._segmenter = HindsightSegmenter(options) if self._hindsight else Segmenter(options)
        self._voiced = VoicedFrames(options.threshold)

    @property
    def silent(self) -> bool:
        """Whether no utterance runs or may have just started."""
        return self._segmenter.silent

    @property
    def runs(self) -> bool:
        """Whether an utterance runs."""
        return isinstance(self._segmenter, Segmenter) and self._segmenter.start_frame is not None

    @property
    def earliest_position(self) -> int:
        """The input sample from which on an utterance may still need the input."""
        return self.grid.position_of(self._segmenter.earliest_frame)

    def needs_score(self, frame: Samples) -> bool:
        """Whether the detector must score the frame: not under MANUAL, unless the voice gate counts it."""
        return not self._is_manual or bool(self._voice_gate and frame.any())

    def push(self, frame: Samples, probability: float) -> tuple[SegmentEvent, ...]:
        """Takes the frame that the grid gave last, with its speech probability. Returns what it causes."""
        self._voiced.push(probability)
        if self._is_manual:
            probability = 1.0  # the client alone decides what an utterance is
        events = _events(self._segmenter.push(probability, level_dbfs(frame)))
        if not events:
            self.grid.discard_before(self._segmenter.earliest_frame)
        return events

    def finalize(self, reason: EndReason) -> tuple[SegmentEvent, ...]:
        """Ends the running utterance after the last frame; nothing without one.

        An end because the server goes away is no commit point: a replay gives the utterance whole.
        """
        events = _events(self._segmenter.finalize(reason))
        if reason is not EndReason.GOING_AWAY:
            return events
        return tuple(
            replace(each, commits=False) if isinstance(each, SegmentEnded) else each for each in events
        )

    def cut(self, sample: int) -> SegmentEvent:
        """Ends the running utterance at ``sample`` (16 kHz, from its start), rounded down to a frame."""
        segmenter = self._segmenter
        assert isinstance(segmenter, Segmenter), "hindsight cuts by itself"
        start = segmenter.start_frame
        assert start is not None, "only an utterance that runs is cut"
        return segmenter.cut(start + sample // FRAME_SAMPLES)

    def grown(self) -> UtteranceGrew | None:
        """The running utterance at a step of simultaneous translation, counted from its start; else None.

        Its words may be told, so a cut for length comes later. In the last second before one there is no
        step, so that it has audio to find a good place in.
        """
        if self._simultaneous is None or not isinstance(self._segmenter, Segmenter):
            return None
        if (start := self._segmenter.start_frame) is None:
            return None
        end = self._segmenter.frames
        if (end - start) % self._simultaneous.step_frames or end - start > self._max_frames - _FREE_FRAMES:
            return None
        self._segmenter.hold(end)
        first = max(start, end - self._simultaneous.max_buffer_frames)
        return UtteranceGrew(
            self.grid.samples_between(first, end),
            (first - start) * FRAME_SAMPLES,
            self.grid.position_of(end),
            self._voiced_frames(start, end),
        )

    def utterance(self, ended: SegmentEnded) -> Utterance:
        """The utterance that has ended."""
        grid = self.grid
        end, heard = grid.position_of(ended.end_frame), grid.position_of(self._segmenter.frames)
        return Utterance(
            grid.samples_between(ended.start_frame, ended.end_frame),
            SampleRange(grid.position_of(ended.start_frame), end),
            ended.reason,
            grid.position_of(ended.commit_frame),
            self._voiced_frames(ended.start_frame, ended.end_frame),
            heard,
            due_position=heard if self._hindsight else end,
            commits=ended.commits,
            followed=ended.followed,
            doubtful=ended.doubtful,
        )

    def _voiced_frames(self, start: int, end: int) -> int | None:
        scored = not self._is_manual or self._voice_gate
        return self._voiced.count(start, end) if scored else None


def _events(events: SegmentEvent | tuple[SegmentEvent, ...] | None) -> tuple[SegmentEvent, ...]:
    """Those of either segmenter."""
    if isinstance(events, tuple):
        return events
    return () if events is None else (events,)
