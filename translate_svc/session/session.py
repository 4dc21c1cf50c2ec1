"""One live stream, free of any transport.

It is longer than most files: what a client may send, each with its refusals, changes one state.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

from translate_svc.audio.codecs.table import chunk_decoder
from translate_svc.errors import DataLoss, InvalidArgument, OutOfRange, Superseded, Unavailable
from translate_svc.session.capacity.degradation import Degradation
from translate_svc.session.capacity.stream_lag import StreamLag
from translate_svc.session.dependencies import SessionDependencies
from translate_svc.session.inbound.input_pump import InputPump
from translate_svc.session.input_queue import (
    InputQueue,
    Queued,
    QueuedAudio,
    QueuedEnd,
    QueuedFinalize,
    QueuedSilence,
    QueuedUpdate,
)
from translate_svc.session.negotiation import Negotiated
from translate_svc.session.outbound.ack_window import AckWindow
from translate_svc.session.outbound.advice import LagAdvice
from translate_svc.session.outbound.commit_points import CommitPoint
from translate_svc.session.outbound.dispatcher import Dispatcher
from translate_svc.session.outbound.outbox import Outbox
from translate_svc.session.outbound.utterance_router import UtteranceRouter
from translate_svc.session.resume_point import ResumePoint, first_point
from translate_svc.types import (
    MAX_POSITION,
    AckInput,
    AudioInput,
    CallOutcome,
    Cleared,
    ClearInput,
    ClientMessage,
    Closed,
    EndInput,
    FinalizeInput,
    GoAway,
    Opened,
    Progress,
    SessionEvent,
    SilenceInput,
    StreamConfig,
    UpdateInput,
)

_FIELDS: dict[type[ClientMessage], str] = {
    AudioInput: "audio",
    SilenceInput: "silence",
    FinalizeInput: "finalize",
    UpdateInput: "update",
    ClearInput: "clear",
    AckInput: "ack",
    EndInput: "end",
}


class Session:
    """One live stream: client messages in, session events out.

    One caller ``receive``s messages in order, one reads ``events``, both on the event loop that created the
    session. Its owner always calls ``cancel`` at the end, however the stream ended: that releases everything.

    Rules:

    * **Input** is checked and decoded when it is received, so ``receive`` raises for wrong input. It then
      waits for the segmenter in a queue bounded in seconds (``SessionOptions.max_queued_input_ms``); while
      the queue is full, ``receive`` waits. The segmenter waits while ``max_utterances_in_flight`` utterances
      or ``max_queued_events`` events wait for the reader. So the input of a client that does not read its
      results stops in the end.
    * **Order**: results keep the order of utterances within a language and kind. Each utterance has exactly
      one ``UtteranceDone``. Events of the engine never wait.
    * **Settings** apply at their position in the stream, from the next utterance on. ``Updated`` names that
      utterance.
    * **Clear** acts at once. Input received before it is dropped, and so is every result that the reader has
      not taken. ``Cleared`` follows the ``CLEARED`` ends of its utterances.
    * **Ack** acts at once. From the first one on, the reader of ``events`` waits while
      ``SessionOptions.max_unacknowledged`` events are not acknowledged; see ``AckWindow``. No ``ack`` may
      follow the end, so after the end the reader no longer waits for one.
    * **End**: ``EndInput`` with the right count, or a half-close, cuts the running utterance. ``Closed``
      comes after the last ``UtteranceDone``. A wrong count raises ``DataLoss`` and changes nothing; the
      caller should then ``cancel``.
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
        self.start = start or first_point(session_id, settings.settings)
        """Where this session began."""
        self._config = config
        self._dependencies = dependencies
        self._options = dependencies.options
        self._rate_hz = config.input.sample_rate_hz
        self._decoder = chunk_decoder(config.input)
        loop = asyncio.get_running_loop()
        self._clock = loop.time
        self._input = InputQueue(self._rate_hz * self._options.max_queued_input_ms // 1000)
        self._opened_s = self._clock()
        self._lag = StreamLag(self._rate_hz)
        self._lag_advice = LagAdvice()
        self._acks = AckWindow(self._options.max_unacknowledged, self._options.ack_timeout_ms / 1000)
        self._outbox = Outbox(dependencies.observer, self._acks)
        self._router = UtteranceRouter(
            dependencies.engine,
            self._outbox,
            dependencies.observer,
            self._clock,
            on_commit=self._put_progress,
            on_failure=self.fail,
            caller=dependencies.caller,
            lag=self._lag,
            next_utterance_id=self.start.commit.next_utterance_id,
            usage=self.start.commit.usage,
        )
        self._dispatcher = Dispatcher(
            session_id,
            self._rate_hz,
            config.output,
            settings,
            self._router,
            self._outbox,
            self._options,
            self.start.commit,
            self._lag,
        )
        self._input_pump = InputPump(
            self._rate_hz,
            settings,
            dependencies.vad_stream,
            self._dispatcher,
            start_position=self.start.commit.position,
        )
        self._received_samples = self.start.first_sample
        self._ended = False
        self._go_away_sent = False
        self._close_error: Exception | None = None
        self._complete: bool | None = None
        self._outbox.put(Opened(session_id, config, self._token(self.start.commit)))
        self._task = loop.create_task(self._run(), name=f"session-{session_id}")

    # ------------------------------------------------------------------ called by the transport

    async def receive(self, message: ClientMessage) -> None:
        """Takes the client's next message; waits while the input queue is full.

        If the wait is cancelled, the message has no effect.

        Raises:
            InvalidArgument: a wrong value, or a message in the wrong order. Names the field.
            OutOfRange: a value over a limit. Names the field.
            DataLoss: ``end.total_samples`` is not what arrived.
            Exception: the error that ended the stream before.
        """
        self._check_open(_FIELDS[type(message)])
        match message:
            case AudioInput(data=data):
                await self._receive_audio(data)
            case SilenceInput(samples=samples):
                await self._receive_silence(samples)
            case FinalizeInput():
                await self._enqueue(QueuedFinalize(self._clock()))
            case UpdateInput(settings=settings):
                negotiated = self._dependencies.negotiator.negotiate_settings(settings, "update.settings")
                await self._enqueue(QueuedUpdate(negotiated))
            case ClearInput():
                self._clear()
            case AckInput(seq=seq):
                self._acks.acknowledge(seq)
            case EndInput(total_samples=total):
                await self._receive_end(total)

    async def half_close(self) -> None:
        """The client will send nothing more: an ``end`` without a sample count. Idempotent."""
        if self._ended or self._close_error is not None:
            return
        self._acks.lift()
        await self._enqueue(QueuedEnd(complete=False, arrived_s=self._clock()))
        self._ended = True

    @property
    def live(self) -> bool:
        """Whether the stream still holds its admission slot."""
        return self._dependencies.slot.held

    @property
    def queued_s(self) -> float:
        """Seconds of input that wait for the segmenter."""
        return self._input.samples / self._rate_hz

    @property
    def age_s(self) -> float:
        """Seconds since the session was opened."""
        return self._clock() - self._opened_s

    @property
    def lag_s(self) -> float | None:
        """How far the results are behind the audio; None if no result was due for a while."""
        waits_for_reader = self._router.in_flight > self._router.unfinished
        if waits_for_reader or len(self._outbox) >= self._options.max_queued_events:
            return None  # the client itself is late
        oldest_s = self._input.oldest_arrived_s
        queue_due_s = None
        if oldest_s is not None:
            queue_due_s = self._lag.due_s(self._input_pump.received_position, oldest_s)
        return self._lag.seconds(self._clock(), queue_due_s)

    def degrade(self, degradation: Degradation) -> None:
        """Leaves out what ``degradation`` says from now on. Warns the client if its own results come late."""
        self._dispatcher.degradation = degradation
        if warning := self._lag_advice.update(self._clock(), self.lag_s or 0.0):
            self._outbox.put(warning)

    def events(self) -> AsyncIterator[SessionEvent]:
        """The stream's events: ``Opened`` first, none after ``Closed``. There is one reader.

        After ``cancel`` they end without ``Closed``. A failure is raised after the last event.
        """
        return self._outbox

    def go_away(self, deadline_ms: int) -> None:
        """Tells the client that the stream ends within ``deadline_ms``. Only the first call has an effect."""
        if not self._go_away_sent:
            self._go_away_sent = True
            self._outbox.put(GoAway(deadline_ms))

    async def cancel(self, end: CallOutcome | None = None) -> None:
        """Drops and releases everything now. Idempotent; must also be called after the end.

        The engine's requests, the admission slot and the VAD stream are released before it waits.
        ``end`` is how the stream ended for the transport; the observer gets it.
        """
        if self._close_error is None:
            self._close_error = Unavailable("the stream is over")
        self._outbox.discard()
        self._release_resources()
        self._dependencies.slot.release()
        input_s = (self._received_samples - self.start.first_sample) / self._rate_hz
        self._dependencies.observer.ended(end or CallOutcome(), complete=self._complete, input_s=input_s)
        self._task.cancel()
        await asyncio.wait({self._task})

    # ------------------------------------------------------------------ input

    def _check_open(self, field: str) -> None:
        if self._close_error is not None:
            raise self._close_error
        if self._ended:
            raise InvalidArgument("came after the end", field=field)

    async def _wait_for_room(self) -> None:
        await self._input.wait_for_room()
        if self._close_error is not None:
            raise self._close_error

    async def _enqueue(self, item: Queued) -> None:
        await self._wait_for_room()
        self._input.put(item)

    async def _receive_audio(self, data: bytes) -> None:
        limit = self._options.max_audio_chunk_bytes
        if len(data) > limit:
            raise OutOfRange(f"holds more than {limit} bytes", field="audio.data")
        arrived_s = self._clock()
        # wait before decoding: if the wait is cancelled, the decoder must not have seen this message
        await self._wait_for_room()
        samples = self._decoder.decode(data, field="audio.data")
        self._lag.begin(self._received_samples + len(samples), arrived_s)
        run_up = self._run_up_samples(len(samples))
        self._received_samples += len(samples)
        if run_up < len(samples):
            self._input.put(QueuedAudio(samples[run_up:], arrived_s))

    async def _receive_silence(self, samples: int) -> None:
        if samples < 1:
            raise InvalidArgument("must be at least 1", field="silence.samples")
        limit = self._rate_hz * self._options.max_silence_ms // 1000
        if samples > min(limit, MAX_POSITION - self._received_samples):
            raise OutOfRange(f"is more than {limit} samples", field="silence.samples")
        run_up = self._run_up_samples(samples)
        if run_up < samples:
            await self._enqueue(QueuedSilence(samples - run_up, self._clock()))
        self._received_samples += samples

    def _run_up_samples(self, samples: int) -> int:
        """How many of the next ``samples`` lie before the commit point from which the stream is resumed."""
        return min(samples, max(0, self.start.commit.position - self._received_samples))

    async def _receive_end(self, total_samples: int) -> None:
        if total_samples != self._received_samples:
            raise DataLoss(
                f"says {total_samples}, but {self._received_samples} arrived", field="end.total_samples"
            )
        self._acks.lift()
        await self._enqueue(QueuedEnd(complete=True, arrived_s=self._clock()))
        self._ended = True

    def _clear(self) -> None:
        """Drops all input received and every result that the reader has not taken."""
        position = max(self._received_samples, self.start.commit.position)
        self._input.drop_audio()
        self._dispatcher.clear(position)
        self._outbox.put(Cleared(position))
        self._input_pump.restart(position)

    async def _run(self) -> None:
        """The stream's only task."""
        try:
            complete = await self._pump_input()
            while self._router.unfinished:
                await self._router.wait_for_change()
            self._complete = complete
            self._outbox.put(Closed(complete, self._router.usage), on_taken=self._dependencies.slot.release)
            self._outbox.close()
        except Exception as error:
            self.fail(error)
        finally:
            self._dependencies.vad_stream.close()

    async def _pump_input(self) -> bool:
        """Processes the input to its end. Returns whether the client sent ``end``."""
        while True:
            await self._outbox.wait_below(self._options.max_queued_events)
            item = await self._input.get(self._input_pump.missing_samples)
            await self._input_pump.process(item)
            if isinstance(item, QueuedEnd):
                return item.complete

    # ------------------------------------------------------------------ end and failure

    def _put_progress(self, point: CommitPoint) -> None:
        token = self._token(point)
        applied_updates = point.applied_updates if token else 0
        received_samples = max(self._received_samples, point.position)
        self._outbox.put(Progress(received_samples, point.position, token, applied_updates))

    def _token(self, point: CommitPoint) -> bytes:
        issue = self._dependencies.issue_token
        return b"" if issue is None else issue(replace(self.start, commit=point))

    def supersede(self) -> None:
        """Ends the stream: another call has resumed it. Its admission slot is free at once."""
        self.fail(Superseded("another call has resumed this stream"))
        self._dependencies.slot.release()

    def fail(self, error: Exception) -> None:
        """Ends the stream because of an error that concerns all of it; ``events`` raises it at the end."""
        if self._close_error is not None:
            return
        self._close_error = error
        self._outbox.fail(error)
        self._release_resources()
        if self._task is not asyncio.current_task():
            self._task.cancel()

    def _release_resources(self) -> None:
        self._router.abort_all()
        self._input.discard()
        self._dependencies.vad_stream.close()
