"""Routes the engine's events to the utterances of a stream, and their results to the reader."""

from __future__ import annotations

import asyncio
import functools
from collections import defaultdict
from collections.abc import Callable, Sequence

from translate_svc.engine.events import (
    AlternativesFound,
    EngineEvent,
    LanguageHeard,
    RequestFinished,
    RequestRefused,
    SequenceFinished,
    TextFinished,
    TextScored,
    TokenDecoded,
    UnitsPredicted,
    WaveformPiece,
)
from translate_svc.engine.handle import EngineHandle
from translate_svc.engine.simultaneous.hypothesis import HypothesisDecided, SpeechCarriedOver
from translate_svc.errors import TranslateSvcError
from translate_svc.session.capacity.stream_lag import StreamLag
from translate_svc.session.observer import StreamObserver
from translate_svc.session.outbound.commit_points import CommitPoint, CommitPoints
from translate_svc.session.outbound.outbox import Outbox
from translate_svc.session.outbound.reorder_buffer import ReorderBuffer
from translate_svc.session.outbound.submitter import Submitter
from translate_svc.session.source_language import Turns
from translate_svc.session.utterances.live_utterance import LiveUtterance
from translate_svc.session.utterances.speech_writer import Playout, split_speech
from translate_svc.session.utterances.utterance_phase import UtterancePhase
from translate_svc.types import StreamWarning, Usage, UtteranceDone, UtteranceStatus

_LaneItem = TokenDecoded | TextFinished | WaveformPiece


class UtteranceRouter:
    """Tracks the utterances of a stream from their start until the reader has taken their ``UtteranceDone``.

    Rules:

    * Order is that of ``ReorderBuffer``: per language and kind, utterance n before n + 1; nothing else waits.
      So ``UtteranceDone`` of n + 1 may come before that of n, for example if n + 1 is empty.
    * Each utterance passed to ``begin`` gets exactly one ``UtteranceDone``, after all its other events.
    * An utterance is *in flight* until the reader has taken its ``UtteranceDone``. This bounds the outbox,
      because the engine bounds what it delivers for one request.
    * Each waveform piece costs a credit. The engine gets it back when the reader takes the last chunk of the
      piece. If the output resampler and codec keep the whole piece, it goes back at once.
    * A commit point is reported once all utterances before it are done, after their last events.

    Everything here runs on the event loop's thread. Only ``wait_for_change`` waits.
    """

    def __init__(
        self,
        engine: EngineHandle,
        outbox: Outbox,
        observer: StreamObserver,
        clock: Callable[[], float],
        *,
        on_commit: Callable[[CommitPoint], None],
        on_failure: Callable[[Exception], None],
        caller: str = "",
        lag: StreamLag | None = None,
        next_utterance_id: int = 0,
        usage: Usage = Usage(),  # noqa: B008 - frozen
    ) -> None:
        """``caller``: whose share of the engine its requests take. ``lag`` records answers.

        ``next_utterance_id`` and ``usage``: of a stream that is resumed.
        """
        self.turns = Turns()
        self.submitter = Submitter(engine, self._handle, on_failure, caller=caller)
        self._outbox = outbox
        self._observer = observer
        self._clock = clock
        self._lag = lag
        self._lanes: ReorderBuffer[_LaneItem] = ReorderBuffer(self._emit)
        self._in_flight: dict[int, LiveUtterance] = {}
        self._commits = CommitPoints(on_commit, usage)
        self.playouts: defaultdict[str, Playout] = defaultdict(Playout)
        self._changed = asyncio.Event()
        self._next_utterance_id = next_utterance_id
        self.usage = usage

    @property
    def next_utterance_id(self) -> int:
        """The id of the next utterance."""
        return self._next_utterance_id

    @property
    def in_flight(self) -> int:
        """Number of utterances whose ``UtteranceDone`` the reader has not taken."""
        return len(self._in_flight)

    @property
    def unfinished(self) -> int:
        """Number of utterances without ``UtteranceDone``."""
        return sum(each.phase is UtterancePhase.OPEN for each in self._in_flight.values())

    async def wait_for_change(self) -> None:
        """Waits until ``in_flight`` or ``unfinished`` may have changed."""
        self._changed.clear()
        await self._changed.wait()

    def begin(self, utterance: LiveUtterance) -> None:
        """Adds an utterance that has started. From here on it needs an ``UtteranceDone``."""
        self._next_utterance_id = utterance.utterance_id + 1
        self._in_flight[utterance.utterance_id] = utterance
        self._lanes.enter(utterance.utterance_id, [key for plan in utterance.plans for key in plan.lanes])

    def fail(self, utterance: LiveUtterance, code: str, error: TranslateSvcError) -> None:
        """Ends an utterance that the engine refused: a warning, then ``FAILED``."""
        self._lanes.drop(utterance.utterance_id)
        self._outbox.put(StreamWarning(code, error.description, utterance.utterance_id))
        self.finish(utterance, UtteranceStatus.FAILED)

    def finish_with(self, utterance: LiveUtterance, events: Sequence[EngineEvent]) -> None:
        """Ends an utterance with the events that the engine would send at its end, without the engine."""
        self.submitter.adopt(utterance)
        for event in events:
            self.submitter.receive(event)

    def pass_sound(self, utterance: LiveUtterance) -> None:
        """Sends what was heard of the speaker's own sound, where it takes the place of speech."""
        if (piece := utterance.passed_sound()) is not None:
            self._enter_lane(utterance, piece)

    def finish(self, utterance: LiveUtterance, status: UtteranceStatus | None = None) -> None:
        """Sends ``UtteranceDone`` of an utterance whose other events have all been sent."""
        self._answer(utterance.utterance_id)
        if utterance.phase is UtterancePhase.OPEN:
            utterance.phase = UtterancePhase.DONE
        done = utterance.done_event(status)
        self.usage += done.usage
        self._commits.record_usage(utterance.utterance_id, done.usage)
        for warning in utterance.confidence_warnings(done):
            self._outbox.put(warning)
        self._observer.utterance_done(utterance.report(done, self._clock()))
        self._put_done(done)
        self._advance_commits()

    def commit(self, point: CommitPoint) -> None:
        """Adds a commit point, after all utterances begun so far."""
        self._commits.add(point)
        self._advance_commits()

    def clear(self, through_sample: int) -> None:
        """Drops every utterance in flight and sends ``CLEARED`` for each, in order.

        An utterance that was not cut yet ends here: its ``SpeechEnded`` comes first. An utterance that an
        earlier ``clear`` has ended keeps its ``UtteranceDone`` in the queue, before that ``Cleared``.
        """
        dropped = {n: each for n, each in self._in_flight.items() if each.phase is not UtterancePhase.CLEARED}
        unfinished = {n for n, each in dropped.items() if each.phase is UtterancePhase.OPEN}
        # newest first, so that dropping one releases no items of another
        for utterance in reversed(dropped.values()):
            utterance.phase = UtterancePhase.CLEARED
            self.submitter.abort(utterance)
            self._lanes.drop(utterance.utterance_id)
        unread_progress = self._outbox.drop_results(dropped) if dropped else []
        last_commit = self._commits.clear()
        self.playouts.clear()
        for utterance in dropped.values():
            if ended := utterance.drop(through_sample):
                self._outbox.put(ended)
            if utterance.utterance_id in unfinished:
                self.finish(utterance, UtteranceStatus.CLEARED)
            else:  # its end was counted, but the reader has not taken it
                self._put_done(utterance.done_event(UtteranceStatus.CLEARED))
        if last_commit is not None and last_commit.position == through_sample:
            self._commits.report(last_commit)  # the input restarts where it had committed: no new point comes
        elif unread_progress:
            self._outbox.put(unread_progress[-1])

    def abort_all(self) -> None:
        """Aborts all requests and drops all utterances, without any event."""
        self.submitter.abort_all()
        self._observer.utterances_dropped(self.unfinished)
        self._in_flight.clear()
        self._commits.clear()
        self._lanes = ReorderBuffer(self._emit)
        self._changed.set()

    def _answer(self, utterance_id: int) -> None:
        if self._lag is not None:
            self._lag.answer(utterance_id, self._clock())

    def _put_done(self, done: UtteranceDone) -> None:
        self._outbox.put(done, on_taken=functools.partial(self._on_done_taken, done.utterance_id))
        self._changed.set()

    def _on_done_taken(self, utterance_id: int) -> None:
        self._in_flight.pop(utterance_id, None)
        self._changed.set()

    def _advance_commits(self) -> None:
        open_ids = (n for n, each in self._in_flight.items() if each.phase is UtterancePhase.OPEN)
        self._commits.advance(min(open_ids, default=self._next_utterance_id))

    def _handle(self, utterance: LiveUtterance, event: EngineEvent, is_hypothesis: bool) -> None:
        """Takes an event of an open request from the submitter."""
        compared = event.request_id == utterance.confidence.open_comparison
        match event:
            case RequestRefused():  # of a comparison: the utterance does without
                self._finish_completed()
            case LanguageHeard():
                self.turns.record(event.heard)
                if detected := utterance.hear(event.heard, is_last=not is_hypothesis):
                    self._outbox.put(detected)
                self.pass_sound(utterance)
            case RequestFinished():
                utterance.finish_request(event, is_hypothesis=is_hypothesis)
                if not is_hypothesis:
                    self.submitter.compare_next(utterance)
                    self._finish_completed()
            case HypothesisDecided() | SpeechCarriedOver():
                if report := utterance.record_hypothesis(event):
                    self._outbox.put(report)
            case SequenceFinished():
                if not (compared or is_hypothesis):  # else the utterance is not answered yet
                    self._finish_sequence(utterance, event)
            case TextScored() | TokenDecoded() | TextFinished() if compared:
                utterance.confidence.add_comparison(event)
            case TokenDecoded() | TextFinished() | WaveformPiece():
                utterance.record(event)
                self._enter_lane(utterance, event)
            case AlternativesFound() | UnitsPredicted():
                utterance.record(event)

    def _enter_lane(self, utterance: LiveUtterance, event: _LaneItem) -> None:
        plan = utterance.plans[event.sequence]
        lane = plan.audio if isinstance(event, WaveformPiece) else plan.text
        if lane is None:
            if not isinstance(event, WaveformPiece):
                # nobody is sent this text; its speech is as slow as its reader
                self._answer(utterance.utterance_id)
            return
        self._lanes.put(utterance.utterance_id, lane, event)
        if isinstance(event, TextFinished):
            self._lanes.finish(utterance.utterance_id, lane)
            self._finish_completed()

    def _finish_sequence(self, utterance: LiveUtterance, event: SequenceFinished) -> None:
        utterance.record(event)
        for warning in utterance.warnings(event):
            self._outbox.put(warning)
        if (end := utterance.speech_end(event)) is not None:
            self._enter_lane(utterance, end)
        for key in utterance.plans[event.sequence].lanes:
            if utterance.has_left(key):
                self._lanes.finish(utterance.utterance_id, key)
        if not utterance.answered:  # otherwise RequestFinished follows, and its end goes first
            self._finish_completed()

    def _finish_completed(self) -> None:
        for number, utterance in list(self._in_flight.items()):
            is_open = utterance.phase is UtterancePhase.OPEN
            if is_open and utterance.finished and self._lanes.is_complete(number):
                self.finish(utterance)

    def _emit(self, utterance_id: int, item: _LaneItem) -> None:
        """Turns a released item into an event for the reader."""
        utterance = self._in_flight[utterance_id]
        if not isinstance(item, WaveformPiece):
            if delta := utterance.text_delta(item, self._clock()):
                self._answer(utterance_id)
                self._outbox.put(delta)
            return
        language = utterance.plans[item.sequence].spec.language
        chunk = utterance.speech_chunk(item, self._clock(), self.playouts[language])
        grant = functools.partial(self.submitter.grant, item.request_id, item.sequence)
        if chunk is None:
            grant()
            return
        *earlier, last = split_speech(chunk, utterance.output)
        for speech in earlier:
            self._outbox.put(speech)
        self._outbox.put(last, on_taken=grant)
