"""From raw input to utterances, by the commit-point rule. Pure: no clock, no event loop, no model.

At the end of every utterance the resampler, the VAD's state and the frame grid restart at one exact input
sample, the *commit point*. Input already received after it is processed again. So what follows a commit point
depends only on the input after it: replaying a stream from there gives the same utterances, sample by sample,
however the input is chunked. This makes resuming possible. Prefix padding never reaches back before a commit
point.

The caller pulls steps from the source:

    source.push(samples)
    while (step := source.step()) is not None:
        match step:
            case VadFrames():    source.push_probabilities(await stream.probabilities(step))
            case UtteranceStarted(): ...
            case Utterance():    ...

``step`` returns None while the source waits for input (or, after ``end``, is ``finished``). Pulling until
None after every push keeps its memory bounded by ``max_utterance_ms`` and the paddings.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace

from translate_svc.errors import OutOfRange
from translate_svc.session.inbound.frame_grid import frames_to_input
from translate_svc.session.inbound.frame_scores import FrameScores
from translate_svc.session.inbound.grid_segmenter import GridSegmenter
from translate_svc.session.inbound.marked_input import Boundary, MarkedInput
from translate_svc.session.inbound.source_events import (
    Committed,
    SettingsApplied,
    SourceEvent,
    Utterance,
    UtteranceStarted,
)
from translate_svc.session.settings.negotiated import Negotiated
from translate_svc.types import Samples, Segmentation
from translate_svc.vad.frame_vad import VadFrames
from translate_svc.vad.segmenter import SegmenterIdle, SegmentEvent, SegmentStarted

_MAX_STORED_S = 90
"""Raw input in memory: the longest utterance with its paddings, and a minute that waits to be pulled."""

_SKIP_MARGIN_MS = 500
"""Silence that must follow skipped silence: more than the resampler looks ahead (120 ms at 8 kHz)."""

MAX_WAITING_UPDATES = 64
"""Most updates that may wait for the running utterance to end. Bounds their memory."""


Step = VadFrames | SourceEvent


class UtteranceSource:
    """Cuts one stream's input into utterances.

    Args:
        input_rate_hz: Rate of the input, 8000 to 48000 (checked with the stream's format).
        settings: Read here are the VAD options, the segmentation and the voice gate. With ``VAD``
            segmentation the segmenter finds utterances. With ``MANUAL`` everything between two ``finalize``
            is one utterance; it is cut at its quietest frame only if it grows longer than
            ``max_utterance_ms``. With ``HINDSIGHT`` several utterances may end at once; only the end of the
            last one is a commit point. With the voice gate, frames are scored under ``MANUAL`` too, to count
            ``Utterance.voiced_frames``; this changes no cut and no commit point. Frames of zeros are not
            scored then: they hold no voice.
        start_position: Position of the first sample pushed; for a resumed stream, its commit point.
    """

    def __init__(self, input_rate_hz: int, settings: Negotiated, *, start_position: int = 0) -> None:
        self._rate_hz = input_rate_hz
        self._settings = settings
        self._input = MarkedInput(start_position, input_rate_hz * _MAX_STORED_S)
        self._due_updates: list[tuple[int, Negotiated]] = []
        self._ready: deque[SourceEvent] = deque()
        self._finished = False
        self._committed = start_position
        self._restart(start_position)

    # -------------------------------------------------------------- input

    def push(self, samples: Samples) -> None:
        """Appends one chunk of input, float32 ``[n]`` at the input rate, finite (codecs ensure that).

        Raises:
            OutOfRange: more than a minute of input waits to be pulled.
            InvalidArgument: after ``end``. Every input method raises it.
        """
        self._input.push(samples)

    def push_silence(self, samples: int) -> None:
        """Appends ``samples`` zeros. Long silence costs no memory.

        Whole periods of ``idle_timeout_ms`` are skipped without scoring. The commit points are the same as
        with scoring.
        """
        self._input.push_silence(samples)

    def finalize(self) -> None:
        """Ends the running utterance at this exact input sample. The sample becomes a commit point."""
        self._input.mark(Boundary.FINALIZE)

    def update(self, settings: Negotiated) -> None:
        """Replaces the settings from the next utterance on.

        An utterance that runs here, or may have just started, keeps the old ones. Each call leads to one
        ``SettingsApplied`` with these settings, in the order of the calls; ``clear`` drops none.

        Raises ``OutOfRange`` if ``MAX_WAITING_UPDATES`` wait for the running utterance to end.
        """
        if len(self._due_updates) + len(self._input.updates()) >= MAX_WAITING_UPDATES:
            raise OutOfRange(f"is one of more than {MAX_WAITING_UPDATES} in one utterance", field="update")
        self._input.mark(settings)

    def cut(self, sample: int) -> None:
        """Ends the running utterance at ``sample`` (16 kHz, from its start), rounded down to a frame.

        Only between a ``UtteranceGrew`` and the next step. The input after the cut is processed again.
        No cut if the settings that wait end simultaneous translation: its text could not be continued.
        """
        if not self._segmenter.runs or self._ready:
            raise RuntimeError("no utterance runs that could be cut")
        if not self._due_updates or self._due_updates[-1][1].simultaneous:
            self._handle([self._segmenter.cut(sample)])

    def end(self, *, cut_off: bool = False) -> None:
        """Ends the input, and the running utterance at the last sample; no commit point if ``cut_off``."""
        self._input.mark(Boundary.CUT_OFF if cut_off else Boundary.END)

    def clear(self) -> int:
        """Drops the running utterance and all input received. Returns the position after it, a commit point.

        Events not yet pulled are dropped, except ``SettingsApplied``. Frames that ``step`` returned before
        must not be answered any more.
        """
        position = self.received_position
        self._ready = deque(event for event in self._ready if isinstance(event, SettingsApplied))
        self._due_updates += [(position, update) for update in self._input.drop()]
        self._commit(position)
        return position

    # -------------------------------------------------------------- output

    @property
    def received_position(self) -> int:
        """Position after the last sample received."""
        return self._input.buffer.end

    @property
    def missing_samples(self) -> int:
        """Input samples, 1 or more, that must come before ``step`` can return another frame."""
        frame_end = self._grid.origin + frames_to_input(self._grid.frames_taken + 1, self._rate_hz)
        return max(1, frame_end - self.received_position)

    @property
    def finished(self) -> bool:
        """Whether ``end`` was reached and everything has been pulled."""
        return self._finished and not self._ready

    @property
    def stored_samples(self) -> int:
        """Samples of raw input held in memory."""
        return self._input.buffer.stored_samples

    def step(self) -> Step | None:
        """The next frames to score or event, in the order of the stream; None while input is missing.

        ``VadFrames`` must be answered with ``push_probabilities`` before the next step, else
        ``RuntimeError``. They are as many as there are before the next boundary; an event at one of them may
        drop the probabilities of the rest, which are processed again.
        """
        while not self._ready:
            # compared here, before the call, because this runs several times per frame
            if self._grid.cursor == self._grid.origin and self._skip_silence():
                continue
            taken = self._scores.take()
            if taken is None:
                if not self._handle_marker():
                    return None
            elif isinstance(taken, VadFrames):
                return taken
            else:
                self._advance(*taken)
        return self._ready.popleft()

    def push_probabilities(self, probabilities: Sequence[float]) -> None:
        """Takes the speech probability, within [0, 1], of each frame that ``step`` returned."""
        self._scores.push(probabilities)

    def _restart(self, origin: int) -> None:
        self._segmenter = GridSegmenter(origin, self._rate_hz, self._settings)
        self._grid = self._segmenter.grid
        self._scores = FrameScores(self._segmenter, self._feed)

    def _feed(self) -> bool:
        """Moves up to one frame of input into the grid, up to the next marker. False if there is none."""
        limit = self._input.readable_end()
        cursor = self._grid.cursor
        if cursor >= limit:
            return False
        end = min(limit, cursor + frames_to_input(1, self._rate_hz))
        self._grid.push(self._input.buffer.read(cursor, end))
        return True

    def _handle_marker(self) -> bool:
        """Handles the next marker, once all input before it is processed. False if there is none."""
        next_marker = self._input.next_marker()
        if next_marker is None:
            return False
        position, marker = next_marker
        if isinstance(marker, Negotiated):
            self._input.pop_marker()
            self._due_updates.append((position, marker))
            if self._segmenter.silent:
                self._commit(self._segmenter.earliest_position)
        elif not self._grid.flushed:
            self._grid.flush()
        else:
            self._input.pop_marker()
            self._finished = marker is not Boundary.FINALIZE
            if ended := self._segmenter.finalize(marker.end_reason):
                self._handle(ended)
            elif marker is not Boundary.CUT_OFF:
                self._commit(position)
        return True

    def _advance(self, frame: Samples, probability: float) -> None:
        if events := self._segmenter.push(frame, probability):
            self._handle(events)
            return
        self._input.buffer.discard_before(self._segmenter.earliest_position)
        if grown := self._segmenter.grown():
            self._ready.append(grown)

    def _handle(self, events: Iterable[SegmentEvent]) -> None:
        grid = self._grid
        for event in events:
            if isinstance(event, SegmentStarted):
                positions = map(grid.position_of, (event.start_frame, event.speech_frame))
                self._ready.append(UtteranceStarted(*positions))
            elif isinstance(event, SegmenterIdle):
                self._commit(grid.position_of(event.commit_frame))
            else:
                self._end(self._segmenter.utterance(event))

    def _end(self, utterance: Utterance) -> None:
        if utterance.commits:
            self._ready.append(replace(utterance, updates=tuple(update for _, update in self._due_updates)))
            self._committed = utterance.commit_position
            self._commit(utterance.commit_position)
        else:
            self._ready.append(utterance)
            self._apply_updates(utterance.source.end)

    def _commit(self, position: int) -> None:
        """Restarts everything at ``position``. Waiting updates take effect here."""
        if position > self._committed:
            self._committed = position
            self._ready.append(Committed(position, tuple(update for _, update in self._due_updates)))
        self._apply_updates()
        self._input.buffer.discard_before(position)
        self._restart(position)

    def _apply_updates(self, through: float = math.inf) -> None:
        """Applies the updates that wait, those that were sent up to the input position ``through``."""
        while self._due_updates and self._due_updates[0][0] <= through:
            _, self._settings = self._due_updates.pop(0)
            self._ready.append(SettingsApplied(self._settings))

    def _skip_silence(self) -> bool:
        """Skips whole idle timeouts of declared silence, just after a commit point. False if there are none.

        Right after a restart the VAD scores zeros as silence. So each period would end as it does with
        scoring: after ``idle_timeout`` the grid restarts ``prefix_padding`` earlier. The grid must be at its
        origin.
        """
        origin = self._grid.origin
        if self._settings.settings.segmentation is Segmentation.MANUAL:
            return False
        options = self._settings.vad
        silent_until = min(self._input.buffer.silent_until(origin), self._input.readable_end())
        idle_frames, prefix_frames = options.idle_timeout_frames, options.prefix_padding_frames
        needed = frames_to_input(idle_frames, self._rate_hz) + self._rate_hz * _SKIP_MARGIN_MS // 1000
        stride = frames_to_input(idle_frames - prefix_frames, self._rate_hz)
        count = (silent_until - origin - needed) // stride + 1
        if count <= 0:
            return False
        self._commit(origin + count * stride)
        return True
