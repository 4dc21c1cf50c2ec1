"""From raw input to utterances, by the commit-point rule. Pure: no clock, no event loop, no model.

At the end of every utterance the resampler, the VAD's state and the frame grid restart at one exact input
sample, the *commit point*, and what was already received behind it is heard again. Everything that follows a
commit point depends on the input behind it alone: replaying a stream from there gives the same utterances,
sample by sample, however either was chunked. That is what makes resuming possible. Prefix padding never
reaches behind it.

The source is pulled:

    source.push(samples)
    while (step := source.step()) is not None:
        match step:
            case VadFrame():    source.accept(await stream.probability(step))
            case UtteranceStarted(): ...
            case Utterance():   ...

``step`` returning None means that the source waits for input (or, after ``end``, is ``finished``). Pulling
it dry after every push keeps its memory bounded by ``max_utterance_ms`` and the paddings.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from translate_svc.errors import OutOfRange
from translate_svc.session.inbound.frame_grid import FrameGrid, frames_to_input, level_dbfs
from translate_svc.session.inbound.marked_input import Boundary, MarkedInput
from translate_svc.session.inbound.source_events import (
    Committed,
    SettingsApplied,
    SourceEvent,
    Utterance,
    UtteranceStarted,
)
from translate_svc.session.negotiation import Negotiated
from translate_svc.session.voice_gate import VoicedFrames
from translate_svc.types import EndReason, SampleRange, Samples, Segmentation
from translate_svc.vad.frame_vad import VadFrame
from translate_svc.vad.segmenter import Segmenter, SegmenterIdle, SegmentEvent, SegmentStarted

_MAX_STORED_S = 90
"""Raw input in memory: the longest utterance and its paddings, and a minute that waits to be pulled."""

_SKIP_MARGIN_MS = 500
"""Silence that must follow a skipped stretch: more than the resampler ever looks ahead (120 ms at 8 kHz)."""

MAX_WAITING_UPDATES = 64
"""Updates between the start of an utterance and its end: what bounds the memory that they take."""


Step = VadFrame | SourceEvent


class UtteranceSource:
    """Cuts one stream's input into utterances.

    Args:
        input_rate_hz: Rate of what ``push`` takes, 8000 to 48000 (checked where the stream's format is).
        settings: Of these it reads the segmenter's options, the segmentation (``VAD``, or ``MANUAL``:
            everything between two ``finalize`` is one utterance, cut at its quietest frame only where it
            grows longer than ``max_utterance_ms``) and the voice gate. With the gate frames are judged with
            ``MANUAL`` too, so that ``Utterance.voiced_frames`` is known; cuts and commit points are the same
            either way. Frames of zeros are not judged: they hold no voice.
        start_position: Position of the first sample pushed; a commit point when a stream is resumed.
    """

    def __init__(self, input_rate_hz: int, settings: Negotiated, *, start_position: int = 0) -> None:
        self._rate_hz = input_rate_hz
        self._use(settings)
        self._input = MarkedInput(start_position, input_rate_hz * _MAX_STORED_S)
        self._due_updates: list[Negotiated] = []
        self._ready: deque[SourceEvent] = deque()
        self._judged: VadFrame | None = None
        self._finished = False
        self._committed = start_position
        self._start_grid(start_position)

    # -------------------------------------------------------------- input

    def push(self, samples: Samples) -> None:
        """Append one chunk of input, float32 ``[n]`` at the input rate; finite (codecs see to that).

        Raises ``OutOfRange`` when a minute of input and more waits to be pulled, and, as all input does,
        ``InvalidArgument`` after ``end``.
        """
        self._input.push(samples)

    def silence(self, samples: int) -> None:
        """Append ``samples`` zeros; long runs cost no memory.

        Stretches of ``idle_timeout_ms`` are skipped unheard, with the commit points that hearing would have
        given.
        """
        self._input.push_silence(samples)

    def finalize(self) -> None:
        """End the running utterance at this exact input sample; a commit point either way."""
        self._input.mark(Boundary.FINALIZE)

    def update(self, settings: Negotiated) -> None:
        """Replace the settings from the next utterance on.

        An utterance that runs here (or whose first frames are being heard) keeps the old ones. Answered by
        one ``SettingsApplied`` that carries these settings, in the order of the calls; ``clear`` drops none.

        Raises ``OutOfRange`` when ``MAX_WAITING_UPDATES`` wait for the running utterance to end.
        """
        if len(self._due_updates) + len(self._input.updates()) >= MAX_WAITING_UPDATES:
            raise OutOfRange(f"is one of more than {MAX_WAITING_UPDATES} in one utterance", field="update")
        self._input.mark(settings)

    def end(self) -> None:
        """No more input: end the running utterance at the last sample."""
        self._input.mark(Boundary.END)

    def clear(self) -> int:
        """Drop the running utterance and all input received; return the position after it, a commit point.

        Events not yet pulled are dropped, except ``SettingsApplied``; a frame given out is not to be
        answered.
        """
        position = self.received_position
        self._ready = deque(event for event in self._ready if isinstance(event, SettingsApplied))
        self._due_updates += self._input.drop()
        self._judged = None
        self._commit(position)
        return position

    # -------------------------------------------------------------- output

    @property
    def received_position(self) -> int:
        """Position after the last sample received."""
        return self._input.buffer.end

    @property
    def missing_samples(self) -> int:
        """Input that must come at the least, 1 or more, before ``step`` can give another frame."""
        frame_end = self._grid.origin + frames_to_input(self._grid.frames_taken + 1, self._rate_hz)
        return max(1, frame_end - self.received_position)

    @property
    def finished(self) -> bool:
        """``end`` was reached and everything has been pulled."""
        return self._finished and not self._ready

    @property
    def stored_samples(self) -> int:
        """Samples of raw input held in memory."""
        return self._input.buffer.stored_samples

    def step(self) -> Step | None:
        """The next thing to do or to know, in the order of the stream; None while input is missing.

        A ``VadFrame`` must be answered by ``accept`` before the next step (else ``RuntimeError``).
        """
        if self._judged is not None:
            raise RuntimeError("the last frame has not been accepted")
        while not self._ready:
            # asked here, for it is asked several times a frame
            if self._grid.cursor == self._grid.origin and self._skip_silence():
                continue
            frame = self._grid.take_frame()
            if frame is None:
                if not self._feed() and not self._pass_marker():
                    return None
            elif self._segmentation is Segmentation.MANUAL and not (self._voice_gate and frame.any()):
                self._advance(frame, probability=0.0)
            else:
                self._judged = VadFrame(frame, restart=self._grid.frames_taken == 1)
                return self._judged
        return self._ready.popleft()

    def accept(self, probability: float) -> None:
        """Answer the frame that ``step`` returned with its speech probability, within [0, 1]."""
        if self._judged is None:
            raise RuntimeError("no frame waits for its probability")
        if not 0.0 <= probability <= 1.0:
            raise ValueError("a probability lies within [0, 1]")
        frame = self._judged.samples
        self._judged = None
        self._advance(frame, probability)

    # -------------------------------------------------------------- inside

    def _use(self, settings: Negotiated) -> None:
        self._options = settings.vad
        self._segmentation = settings.settings.segmentation
        self._voice_gate = settings.settings.guards.voice_gate

    def _start_grid(self, origin: int) -> None:
        self._grid = FrameGrid(origin, self._rate_hz)
        options = self._options
        if self._segmentation is Segmentation.MANUAL:
            options = replace(options, min_speech_ms=0)
        self._segmenter = Segmenter(options)
        self._voiced = VoicedFrames(options.threshold)

    def _feed(self) -> bool:
        """Move one frame's worth of input into the grid, up to the next marker; False if there is none."""
        limit = self._input.readable_end()
        cursor = self._grid.cursor
        if cursor >= limit:
            return False
        end = min(limit, cursor + frames_to_input(1, self._rate_hz))
        self._grid.feed(self._input.buffer.read(cursor, end))
        return True

    def _pass_marker(self) -> bool:
        """All input up to the next marker has been heard: do what it says. False if there is none."""
        next_marker = self._input.next_marker()
        if next_marker is None:
            return False
        position, marker = next_marker
        if isinstance(marker, Negotiated):
            self._input.pop_marker()
            self._due_updates.append(marker)
            if self._segmenter.silent:
                self._commit(self._grid.position_of(self._segmenter.earliest_frame))
        elif not self._grid.flushed:
            self._grid.flush()
        else:
            self._input.pop_marker()
            self._finished = marker is Boundary.END
            self._end_utterance(EndReason.END_OF_STREAM if self._finished else EndReason.FINALIZE, position)
        return True

    def _end_utterance(self, reason: EndReason, position: int) -> None:
        ended = self._segmenter.finalize(reason)
        if ended is None:
            self._commit(position)
        else:
            self._handle(ended)

    def _advance(self, frame: Samples, probability: float) -> None:
        self._voiced.hear(probability)
        if self._segmentation is Segmentation.MANUAL:
            probability = 1.0  # whoever finalizes decides what an utterance is
        event = self._segmenter.advance(probability, level_dbfs(frame))
        if event is not None:
            self._handle(event)
        else:
            earliest = self._segmenter.earliest_frame
            self._grid.discard_before(earliest)
            self._input.buffer.discard_before(self._grid.position_of(earliest))

    def _handle(self, event: SegmentEvent) -> None:
        grid = self._grid
        if isinstance(event, SegmentStarted):
            self._ready.append(UtteranceStarted(grid.position_of(event.start_frame)))
        elif isinstance(event, SegmenterIdle):
            self._commit(grid.position_of(event.commit_frame))
        else:
            source = SampleRange(grid.position_of(event.start_frame), grid.position_of(event.end_frame))
            samples = grid.samples_between(event.start_frame, event.end_frame)
            commit = grid.position_of(event.commit_frame)
            judged = self._segmentation is Segmentation.VAD or self._voice_gate
            voiced = self._voiced.count(event.start_frame, event.end_frame) if judged else None
            self._ready.append(Utterance(samples, source, event.reason, commit, voiced))
            self._committed = commit
            self._commit(commit)

    def _commit(self, position: int) -> None:
        """Restart everything at ``position``; this is where updates that are due take effect."""
        if position > self._committed:
            self._committed = position
            self._ready.append(Committed(position))
        for update in self._due_updates:
            self._use(update)
            self._ready.append(SettingsApplied(update))
        self._due_updates.clear()
        self._input.buffer.discard_before(position)
        self._start_grid(position)

    def _skip_silence(self) -> bool:
        """Skip whole idle timeouts of declared silence, just after a commit point; False if there is none.

        A VAD without memory of speech calls silence silence, so each would end as the hearing of it does:
        ``idle_timeout`` heard, the grid restarted ``prefix_padding`` before. The grid is at its origin.
        """
        origin = self._grid.origin
        if self._segmentation is Segmentation.MANUAL:
            return False
        silent_until = min(self._input.buffer.silent_until(origin), self._input.readable_end())
        idle_frames, prefix_frames = self._options.idle_timeout_frames, self._options.prefix_padding_frames
        needed = frames_to_input(idle_frames, self._rate_hz) + self._rate_hz * _SKIP_MARGIN_MS // 1000
        stride = frames_to_input(idle_frames - prefix_frames, self._rate_hz)
        count = (silent_until - origin - needed) // stride + 1
        if count <= 0:
            return False
        self._commit(origin + count * stride)
        return True
