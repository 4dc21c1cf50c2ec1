"""One live stream, free of any transport."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

from translate_svc.errors import InvalidArgument, ResourceExhausted, Superseded, Unavailable
from translate_svc.session.capacity.degradation import Degradation
from translate_svc.session.capacity.stream_lag import StreamLag
from translate_svc.session.dependencies import SessionDependencies
from translate_svc.session.inbound.input_pump import InputPump
from translate_svc.session.inbound.input_queue import Queued, QueuedEnd
from translate_svc.session.inbound.received_input import ReceivedInput
from translate_svc.session.outbound.ack_window import AckWindow
from translate_svc.session.outbound.advice import LagAdvice
from translate_svc.session.outbound.commit_points import CommitPoint
from translate_svc.session.outbound.dispatcher import Dispatcher
from translate_svc.session.outbound.outbox import Outbox
from translate_svc.session.outbound.second_hearing import SecondHearing
from translate_svc.session.outbound.utterance_router import UtteranceRouter
from translate_svc.session.resume_point import ResumePoint, first_point
from translate_svc.session.settings.negotiated import Negotiated
from translate_svc.types import (
    AckInput,
    CallOutcome,
    Cleared,
    ClearInput,
    ClientMessage,
    Closed,
    EndInput,
    GoAway,
    Opened,
    Progress,
    SessionEvent,
    StreamConfig,
)

_FINISH_TIMEOUT_S = 10.0


def _now_s() -> float:
    return asyncio.get_running_loop().time()


class Session:
    """One live stream: client messages in, session events out.

    One caller ``receive``s messages in order, one reads ``events``, both on its event loop. Its owner always
    calls ``cancel`` at the end, however the stream ended: that releases everything.

    Rules:

    * **Input** is checked and decoded when it is received, so ``receive`` raises for wrong input. It waits
      while ``SessionOptions.max_queued_input_ms`` wait for the segmenter, which waits while
      ``max_utterances_in_flight`` utterances or ``max_queued_events`` events wait for the reader.
    * **Order**: results keep the order of utterances within a language and kind. Each utterance has exactly
      one ``UtteranceDone``. Events of the engine never wait.
    * **Settings** apply at their position, from the next utterance on, which ``Updated`` names.
    * **Clear** acts at once. It drops the input before it, and every result that the reader has not taken.
      ``Cleared`` follows the ``CLEARED`` ends of its utterances.
    * **Ack** acts at once. From the first one on, the reader of ``events`` waits while
      ``SessionOptions.max_unacknowledged`` events are not acknowledged; after the end it does not wait.
    * **End**: ``EndInput`` with the right count or none, or a half-close, cuts the running utterance.
      ``Closed`` comes after the last ``UtteranceDone``. A wrong count raises ``DataLoss``; then ``cancel``.
    * **Quota**: audio that its caller may not send (``SessionDependencies.meter``) ends the stream. What came
      before it is translated and taken first, so that a resumed stream continues after it.
    * **Failure** of one utterance is a warning and ``FAILED``. A failure of the stream (the engine or the
      detector is gone, or a bug) is raised by ``events``, after the events before it, and by ``receive``.
    """

    def __init__(
        self,
        session_id: str,
        config: StreamConfig,
        settings: Negotiated,
        dependencies: SessionDependencies,
        start: ResumePoint | None = None,
    ) -> None:
        """``config`` and ``settings`` come from ``Negotiator.negotiate``. Starts the stream's task.

        ``start``: where the stream is resumed; None: it is new.
        """
        self.session_id = session_id
        self.start = start = start or first_point(session_id, settings.settings)
        """Where this session began."""
        self._dependencies = dependencies
        options, rate_hz, commit = dependencies.options, config.input.sample_rate_hz, start.commit
        self._lag = lag = StreamLag(rate_hz)
        self._lag_advice = LagAdvice()
        self._input = ReceivedInput(
            config.input, dependencies.negotiator, options, lag, start.first_sample, commit.position
        )
        self._acks = AckWindow(options.max_unacknowledged, options.ack_timeout_ms / 1000)
        self._outbox = Outbox(dependencies.observer, self._acks)
        self._router = UtteranceRouter(
            dependencies.engine,
            self._outbox,
            dependencies.observer,
            _now_s,
            on_commit=self._put_progress,
            on_failure=self.fail,
            caller=dependencies.caller,
            lag=lag,
            next_utterance_id=commit.next_utterance_id,
            usage=commit.usage,
        )
        self._dispatcher = Dispatcher(
            session_id, rate_hz, config.output, settings, self._router, self._outbox, options, commit, lag
        )
        self._sink = SecondHearing(self._dispatcher, settings, options.max_utterances_in_flight, self.fail)
        self._input_pump = InputPump(
            rate_hz, settings, dependencies.vad_stream, self._sink, start_position=commit.position
        )
        self._go_away_sent = False
        self._close_error: Exception | None = None
        self._is_refused = False
        self._outbox.put(Opened(session_id, config, self._token(commit)))
        self._task = asyncio.create_task(self._run(), name=f"session-{session_id}")

    async def receive(self, message: ClientMessage) -> None:
        """Takes the client's next message; waits while the input queue is full.

        If the wait is cancelled, the message has no effect.

        Raises:
            InvalidArgument, OutOfRange: a wrong value, or a message in the wrong order. Names the field.
            DataLoss: ``end.total_samples`` is not what arrived.
            ResourceExhausted: the caller has no audio left. Says when to continue.
            Exception: the error that ended the stream before.
        """
        self._check_open(message)
        if (meter := self._dependencies.meter) is not None:
            try:
                await meter.take(message)
            except ResourceExhausted:
                await self._end_refused(is_cut=not meter.is_patient)
                raise
        await self._take(message)

    async def half_close(self, *, cut_off: bool = False) -> None:
        """Implements ``StreamSession.half_close``: an ``end`` without a sample count. Idempotent."""
        if not self._input.ended and self._close_error is None:
            await self._end(complete=False, cut_off=cut_off)

    @property
    def live(self) -> bool:
        """Whether the stream still holds its admission slot."""
        return self._dependencies.slot.held

    @property
    def queued_s(self) -> float:
        """Seconds of input that wait for the server; 0 while they wait for the client to read."""
        return 0.0 if self._outbox.reader_is_late else self._input.queued_s

    @property
    def age_s(self) -> float:
        """Seconds since the session was opened."""
        return self._input.age_s

    @property
    def lag_s(self) -> float | None:
        """How far the results are behind the audio; None if no result was due for a while."""
        if self._outbox.reader_is_late:
            return None
        position, oldest_s = self._input_pump.received_position, self._input.queue.oldest_arrived_s
        queue_due_s = None if oldest_s is None else self._lag.due_s(position, oldest_s)
        return self._lag.seconds(_now_s(), queue_due_s, self._outbox.reader_late_s)

    def degrade(self, degradation: Degradation) -> None:
        """Leaves out what ``degradation`` says from now on. Warns the client if its own results come late."""
        self._dispatcher.degradation = degradation
        if warning := self._lag_advice.update(_now_s(), self.lag_s or 0.0):
            self._outbox.put(warning)

    def events(self) -> AsyncIterator[SessionEvent]:
        """The stream's events: ``Opened`` first, none after ``Closed``. There is one reader.

        After ``cancel`` they end without ``Closed``. A failure is raised after the last event.
        """
        return self._outbox

    def go_away(self, deadline_ms: int) -> None:
        """Tells the client once that the stream ends within ``deadline_ms``."""
        if not self._go_away_sent:
            self._go_away_sent = True
            self._outbox.put(GoAway(deadline_ms))

    async def cancel(self, end: CallOutcome | None = None) -> None:
        """Drops and releases everything now. Idempotent; must also be called after the end.

        All is released before it waits. ``end``: how the stream ended for the transport, for the observer.
        """
        self._outbox.discard()
        self._close(self._close_error or Unavailable("the stream is over"))
        self._dependencies.slot.release()
        complete = self._task.result() if self._task.done() and not self._task.cancelled() else None
        outcome, input_s = end or CallOutcome(), self._input.received_s
        self._dependencies.observer.ended(outcome, complete=complete, input_s=input_s)
        self._task.cancel()
        await asyncio.wait({self._task})
        await self._sink.join()

    def _check_open(self, message: ClientMessage) -> None:
        if self._close_error is not None:
            raise self._close_error
        if self._input.ended:
            raise InvalidArgument("came after the end", field=type(message).__name__[: -len("Input")].lower())

    async def _take(self, message: ClientMessage) -> None:
        match message:
            case ClearInput():
                self._clear()
            case AckInput(seq=seq):
                self._acks.acknowledge(seq)
            case EndInput(total_samples=total):
                self._input.check_total(total)
                await self._end(complete=True)
            case _:
                await self._input.take(message)

    async def _end(self, *, complete: bool, cut_off: bool = False) -> None:
        self._acks.lift()
        await self._input.end(complete=complete, cut_off=cut_off)

    async def _end_refused(self, *, is_cut: bool) -> None:
        """What was heard is translated and taken; at last the running utterance, which is cut off."""
        self._is_refused = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FINISH_TIMEOUT_S):
                await self._input.queue.wait_idle()
                await self._sink.settled()
                while self._router.in_flight > (self._dispatcher.running is not None):
                    await self._router.wait_for_change()
                await self._outbox.wait_below(1)
                if is_cut:
                    await self.half_close(cut_off=True)
                    await asyncio.wait({self._task})
                await self._outbox.wait_below(1)

    def _clear(self) -> None:
        """Drops all input received and every result that the reader has not taken."""
        position = self._input.clear()
        self._sink.clear(position)
        self._outbox.put(Cleared(position))
        self._input_pump.restart(position)

    async def _run(self) -> bool | None:
        """The stream's only task. Returns whether the client sent ``end``; None if the stream has failed."""
        try:
            item: Queued | None = None
            while not isinstance(item, QueuedEnd):
                await self._outbox.wait_below(self._dependencies.options.max_queued_events)
                item = await self._input.queue.get(self._input_pump.missing_samples)
                await self._input_pump.process(item)
            await self._sink.settled()
            while self._router.unfinished:
                await self._router.wait_for_change()
            if self._is_refused:
                return None
            self._outbox.put(Closed(item.complete, self._router.usage), self._dependencies.slot.release)
            self._outbox.close()
            return item.complete
        except Exception as error:
            self.fail(error)
            return None
        finally:
            self._dependencies.vad_stream.close()

    def _put_progress(self, point: CommitPoint) -> None:
        token, received = self._token(point), max(self._input.samples, point.position)
        self._outbox.put(Progress(received, point.position, token, point.applied_updates if token else 0))

    def _token(self, point: CommitPoint) -> bytes:
        issue = self._dependencies.issue_token
        return b"" if issue is None else issue(replace(self.start, commit=point))

    def supersede(self) -> None:
        """Ends the stream: another call has resumed it. Its admission slot is free at once."""
        self.fail(Superseded("another call has resumed this stream"))
        self._dependencies.slot.release()

    def fail(self, error: Exception) -> None:
        """Ends the stream because of an error that concerns all of it; ``events`` raises it at the end."""
        if self._close_error is None:
            self._outbox.fail(error)
            self._close(error)
            if self._task is not asyncio.current_task():
                self._task.cancel()

    def _close(self, error: Exception) -> None:
        """Releases what the stream uses. Whatever is received from now on fails with ``error``."""
        self._close_error = error
        self._sink.close()
        self._router.abort_all()
        self._input.close(error)
        self._dependencies.vad_stream.close()
