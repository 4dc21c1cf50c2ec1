"""The way back: from the engine's answers to the reader's events."""

from __future__ import annotations

import asyncio
import functools
from collections import defaultdict
from collections.abc import Callable, Collection

from translate_svc.engine.handle import EngineHandle
from translate_svc.engine.request import (
    EngineEvent,
    FinishStatus,
    Request,
    RequestFinished,
    RequestQueued,
    RequestRefused,
    SequenceFinished,
    TextFinished,
    TokenDecoded,
    UnitsPredicted,
    WaveformPiece,
)
from translate_svc.errors import InvalidArgument, TranslateSvcError
from translate_svc.session.observer import StreamObserver
from translate_svc.session.outbound.commit_points import CommitPoints
from translate_svc.session.outbound.live_utterance import LiveUtterance
from translate_svc.session.outbound.outbox import Outbox
from translate_svc.session.outbound.reorder_buffer import ReorderBuffer
from translate_svc.session.outbound.speech_writer import Playout, pieces
from translate_svc.types import (
    Progress,
    SessionEvent,
    SpeechChunk,
    StreamWarning,
    TextDelta,
    Usage,
    UtteranceDone,
    UtteranceStatus,
)

_LaneItem = TokenDecoded | TextFinished | WaveformPiece


class UtteranceRouter:
    """The utterances of a stream from their start until the reader has taken their ``UtteranceDone``.

    Rules:

    * Order is that of ``ReorderBuffer``: per language and kind, utterance n before n + 1; nothing else waits.
      So ``UtteranceDone`` of n + 1 comes before that of n when n still speaks and n + 1 came to nothing.
    * ``UtteranceDone`` comes exactly once for each utterance that ``begin`` announced, after all else of it.
    * An utterance is *in flight* until the reader has taken its ``UtteranceDone``. That bounds what lies in
      the outbox, since the engine bounds what it delivers for one request.
    * A piece of speech costs a credit, which the engine gets back when the reader takes the last chunk of it.
      Where the output resampler and codec keep the whole piece, there is no chunk and the credit goes back at
      once.
    * A commit point is passed once all utterances before it are done: what a client learns of it comes after
      their last events.

    Everything here runs on the event loop's thread; nothing but ``change`` waits.
    """

    def __init__(
        self,
        engine: EngineHandle,
        outbox: Outbox,
        observer: StreamObserver,
        clock: Callable[[], float],
        *,
        on_commit: Callable[[int], None],
        on_failure: Callable[[Exception], None],
    ) -> None:
        self._engine = engine
        self._outbox = outbox
        self._observer = observer
        self._clock = clock
        self._on_commit = on_commit
        self._on_failure = on_failure
        self._lanes: ReorderBuffer[_LaneItem] = ReorderBuffer(self._leave)
        self._in_flight: dict[int, LiveUtterance] = {}
        self._undone: set[int] = set()
        self._cleared: set[int] = set()
        self._answering: dict[str, LiveUtterance] = {}
        self._verdicts: dict[str, asyncio.Future[TranslateSvcError | None]] = {}
        self._commits = CommitPoints(on_commit)
        self.playouts: defaultdict[str, Playout] = defaultdict(Playout)
        self._changed = asyncio.Event()
        self._begun = 0
        self.usage = Usage()

    @property
    def begun(self) -> int:
        """Utterances so far; the next one's id."""
        return self._begun

    @property
    def in_flight(self) -> int:
        """Utterances whose end the reader has not taken."""
        return len(self._in_flight)

    @property
    def undone(self) -> int:
        """Utterances that have no ``UtteranceDone`` yet."""
        return len(self._undone)

    async def change(self) -> None:
        """Waits until ``in_flight`` or ``undone`` may have changed."""
        self._changed.clear()
        await self._changed.wait()

    def begin(self, utterance: LiveUtterance) -> None:
        """An utterance has started; its ``UtteranceDone`` is owed from here on."""
        self._begun = utterance.utterance_id + 1
        self._in_flight[utterance.utterance_id] = utterance
        self._undone.add(utterance.utterance_id)

    async def hand_over(self, utterance: LiveUtterance, request: Request) -> None:
        """Hands a cut utterance to the engine; where that refuses it, its end is still owed.

        Returns once the engine has queued it, or it was cleared meanwhile.

        Raises:
            InvalidArgument: as ``EngineHandle.submit``.
            ResourceExhausted, Unavailable, EngineLost: as ``RequestRefused``.
        """
        self._lanes.enter(utterance.utterance_id, [key for plan in utterance.plans for key in plan.lanes])
        self._answering[request.request_id] = utterance
        verdict = self._verdicts[request.request_id] = asyncio.get_running_loop().create_future()
        try:
            self._engine.submit(request, self._deliver)
        except InvalidArgument:
            self._take_back(utterance)
            raise
        if (refusal := await verdict) is not None:
            raise refusal

    def _take_back(self, utterance: LiveUtterance, refusal: TranslateSvcError | None = None) -> None:
        """The engine does not answer this utterance: it refuses it, or nobody wants it any more."""
        self._answering.pop(utterance.request_id, None)
        self._lanes.drop(utterance.utterance_id)
        self._settle(utterance.request_id, refusal)

    def _settle(self, request_id: str, refusal: TranslateSvcError | None = None) -> None:
        """Ends the wait of ``hand_over`` for this request, where it still waits."""
        verdict = self._verdicts.pop(request_id, None)
        if verdict is not None and not verdict.done():
            verdict.set_result(refusal)

    def refuse(self, utterance: LiveUtterance, code: str, error: TranslateSvcError) -> None:
        """Ends an utterance that the engine does not take, with a warning."""
        self._outbox.put(StreamWarning(code, error.description, utterance.utterance_id))
        self.finish(utterance, UtteranceStatus.FAILED)

    def answer_nothing(self, utterance: LiveUtterance, request: Request) -> None:
        """Answers in the engine's place that nothing was said."""
        name = request.request_id
        self._lanes.enter(utterance.utterance_id, [key for plan in utterance.plans for key in plan.lanes])
        self._answering[name] = utterance
        for sequence in range(len(request.sequences)):
            self._deliver(TextFinished(name, sequence, text="", tail="", tokens=0))
            self._deliver(SequenceFinished(name, sequence, FinishStatus.EMPTY))
        self._deliver(RequestFinished(name, FinishStatus.EMPTY))

    def finish(self, utterance: LiveUtterance, status: UtteranceStatus | None = None) -> None:
        """Says ``UtteranceDone`` of an utterance that has nothing more to say."""
        done = utterance.done(status)
        self.usage = Usage(
            source_ms=self.usage.source_ms + done.usage.source_ms,
            text_tokens=self.usage.text_tokens + done.usage.text_tokens,
            speech_ms=self.usage.speech_ms + done.usage.speech_ms,
            utterances=self.usage.utterances + 1,
        )
        self._undone.discard(utterance.utterance_id)
        self._observer.utterance_done(utterance.report(done, self._clock()))
        self._put_done(done)
        self._pass_commits()

    def commit(self, position: int) -> None:
        """The input restarted at ``position``: a commit point behind all utterances begun so far."""
        self._commits.add(position, self._begun - 1)
        self._pass_commits()

    def clear(self, through_sample: int) -> None:
        """Drops every utterance in flight and says ``CLEARED`` of each, in order.

        One that nobody has cut yet ends here: its ``SpeechEnded`` comes first.
        One that an earlier ``clear`` has ended so keeps its end where it is, before that ``Cleared``.
        """
        dropped = {n: each for n, each in self._in_flight.items() if n not in self._cleared}
        for utterance in reversed(dropped.values()):  # the newest first, lest others' turn comes
            self._engine.abort(utterance.request_id)
            self._take_back(utterance)
        untold_commits = self._drop_unread(dropped)
        if self._commits.clear() == through_sample:  # else the restart there is the next one to be told
            untold_commits.append(through_sample)
        self.playouts.clear()
        self._cleared.update(dropped)
        for utterance in dropped.values():
            if ended := utterance.drop(through_sample):
                self._outbox.put(ended)
            if utterance.utterance_id in self._undone:
                self.finish(utterance, UtteranceStatus.CLEARED)
            else:  # its end was said and counted, but the reader has not taken it
                self._put_done(utterance.done(UtteranceStatus.CLEARED))
        if untold_commits:
            self._on_commit(untold_commits[-1])

    def _drop_unread(self, dropped: Collection[int]) -> list[int]:
        """Drops what waits of these utterances' texts, speech and ends; that they began and were cut stays.

        Commit points behind them are to be told after their new ends: returns those that nobody has read.
        """
        commits: list[int] = []

        def unwanted(event: SessionEvent) -> bool:
            if isinstance(event, Progress) and dropped:
                commits.append(event.committed_samples)
                return True
            results = TextDelta | SpeechChunk | UtteranceDone
            return isinstance(event, results) and event.utterance_id in dropped

        self._outbox.drop(unwanted)
        return commits

    def abandon(self) -> None:
        """Drops everything without a word."""
        for request_id in self._answering:
            self._engine.abort(request_id)
            self._settle(request_id)
        self._answering.clear()
        self._in_flight.clear()
        self._observer.utterances_dropped(len(self._undone))
        self._undone.clear()
        self._commits.clear()
        self._lanes = ReorderBuffer(self._leave)
        self._changed.set()

    def _put_done(self, done: UtteranceDone) -> None:
        self._outbox.put(done, taken=functools.partial(self._reader_has, done.utterance_id))
        self._changed.set()

    def _reader_has(self, utterance_id: int) -> None:
        self._in_flight.pop(utterance_id, None)
        self._cleared.discard(utterance_id)
        self._changed.set()

    def _pass_commits(self) -> None:
        self._commits.pass_before(min(self._undone, default=self._begun))

    def _deliver(self, event: EngineEvent) -> None:
        """The engine's callback: must not raise."""
        utterance = self._answering.get(event.request_id)
        if utterance is None:
            return
        try:
            self._take(utterance, event)
        except Exception as error:
            self._on_failure(error)

    def _take(self, utterance: LiveUtterance, event: EngineEvent) -> None:
        number = utterance.utterance_id
        if isinstance(event, RequestRefused):
            self._take_back(utterance, event.error)
            return
        self._settle(event.request_id)
        if isinstance(event, RequestQueued):
            return
        if isinstance(event, RequestFinished):
            utterance.note(event)
            del self._answering[event.request_id]
            self._finish_those_through()
            return
        plan = utterance.plans[event.sequence]
        match event:
            case TokenDecoded():
                if plan.text is not None:
                    self._lanes.put(number, plan.text, event)
            case TextFinished():
                utterance.note(event)
                if plan.text is not None:
                    self._lanes.put(number, plan.text, event)
                    self._lanes.finish(number, plan.text)
                    self._finish_those_through()
            case UnitsPredicted():
                utterance.note(event)
            case WaveformPiece():
                if plan.audio is not None:
                    self._lanes.put(number, plan.audio, event)
            case SequenceFinished():
                utterance.note(event)
                for warning in utterance.warnings(event):
                    self._outbox.put(warning)
                for key in plan.lanes:
                    self._lanes.finish(number, key)
                if not utterance.answered:  # else its own end is next, and goes before those it held up
                    self._finish_those_through()

    def _finish_those_through(self) -> None:
        for utterance in list(self._in_flight.values()):
            number = utterance.utterance_id
            if number in self._undone and utterance.finished and self._lanes.is_through(number):
                self.finish(utterance)

    def _leave(self, utterance_id: int, item: _LaneItem) -> None:
        """An item whose turn has come becomes an event."""
        utterance = self._in_flight[utterance_id]
        if not isinstance(item, WaveformPiece):
            if delta := utterance.text(item, self._clock()):
                self._outbox.put(delta)
            return
        language = utterance.plans[item.sequence].spec.language
        chunk = utterance.speech(item, self._clock(), self.playouts[language])
        grant = functools.partial(self._engine.grant, item.request_id, item.sequence)
        if chunk is None:
            grant()
            return
        *earlier, last = pieces(chunk, utterance.output)
        for each in earlier:
            self._outbox.put(each)
        self._outbox.put(last, taken=grant)
