"""One live stream, free of any transport."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from translate_svc.audio.codec import chunk_decoder
from translate_svc.errors import DataLoss, InvalidArgument, OutOfRange, Unavailable
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
from translate_svc.session.outbound.dispatcher import Dispatcher
from translate_svc.session.outbound.outbox import Outbox
from translate_svc.session.outbound.utterance_router import UtteranceRouter
from translate_svc.session.parts import SessionParts
from translate_svc.types import (
    AckInput,
    AudioInput,
    CallEnd,
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
_MAX_POSITION = 2**63 - 1


class Session:
    """One live stream: client messages in, session events out.

    One caller ``receive``s messages in order and one reads ``events``, both on the event loop that made the
    session. Whoever made it calls ``cancel`` in the end, however the stream ended: it gives everything back.

    Rules:

    * **Input** is checked and decoded when it is received, so what is wrong raises there. It then waits for
      the segmenter in a queue bounded in seconds (``SessionOptions.max_queued_input_ms``); ``receive`` waits
      while that is full. The segmenter waits while ``max_utterances_in_flight`` utterances, or
      ``max_queued_events`` events, wait for the reader. So a client that does not read is, in the end, not
      read from either.
    * **Order**, and exactly one ``UtteranceDone`` an utterance. Engine events never wait.
    * **Settings** apply at their place in the stream, from the next utterance on; ``Updated`` tells which.
    * **Clear** acts at once, without waiting for what was received before it: that is dropped, and so is
      every result that the reader has not taken. ``Cleared`` follows the ``CLEARED`` ends of its utterances.
    * **Ack** acts at once: from the first one on the reader of ``events`` waits while
      ``SessionOptions.max_unacknowledged`` of them are ahead of the last one; see ``AckWindow``. No ``ack``
      may follow the end, so from there on nobody waits for one.
    * **End**: ``EndInput`` with the right count, or half-close, cuts the running utterance; ``Closed`` comes
      after the last ``UtteranceDone``. A wrong count raises ``DataLoss`` and changes nothing; the caller will
      want to ``cancel``.
    * **Failure**: what one utterance suffers is a warning and ``FAILED``. What the stream suffers (the engine
      or the detector is gone, or a bug) is raised by ``events`` behind the events before it, and by
      ``receive``.
    """

    def __init__(
        self, session_id: str, config: StreamConfig, settings: Negotiated, parts: SessionParts
    ) -> None:
        """Takes ``config`` as negotiated and ``settings`` as settled by ``parts.negotiator``."""
        self.session_id = session_id
        self._config = config
        self._parts = parts
        self._options = parts.options
        self._rate_hz = config.input.sample_rate_hz
        self._decoder = chunk_decoder(config.input)
        loop = asyncio.get_running_loop()
        self._clock = loop.time
        self._input = InputQueue(self._rate_hz * parts.options.max_queued_input_ms // 1000)
        self._acks = AckWindow(parts.options.max_unacknowledged, parts.options.ack_timeout_ms / 1000)
        self._outbox = Outbox(parts.observer, self._acks)
        self._results = UtteranceRouter(
            parts.engine,
            self._outbox,
            parts.observer,
            self._clock,
            on_commit=self._report,
            on_failure=self.fail,
        )
        self._dispatcher = Dispatcher(
            session_id, config.output, settings, self._results, self._outbox, parts.options
        )
        self._listener = InputPump(self._rate_hz, settings, parts.vad_stream, self._dispatcher)
        self._received_samples = 0
        self._ended = False
        self._told_to_leave = False
        self._over: Exception | None = None
        self._complete: bool | None = None
        self._outbox.put(Opened(session_id, config))
        self._task = loop.create_task(self._run(), name=f"session-{session_id}")

    # ------------------------------------------------------------------ the caller's side

    async def receive(self, message: ClientMessage) -> None:
        """Takes the client's next message; waits while the input queue is full.

        A caller that is cancelled while it waits has sent nothing.

        Raises:
            InvalidArgument: a wrong value or a wrong order. Names the field.
            OutOfRange: past a limit. Names the field.
            DataLoss: ``end.total_samples`` is not what arrived.
            Exception: whatever ended the stream before.
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
                await self._enqueue(QueuedUpdate(self._parts.negotiator.settle(settings, "update.settings")))
            case ClearInput():
                self._clear()
            case AckInput(seq=seq):
                self._acks.acknowledge(seq)
            case EndInput(total_samples=total):
                await self._receive_end(total)

    async def half_close(self) -> None:
        """The client will send nothing more: an ``end`` that nobody verifies. Idempotent."""
        if self._ended or self._over is not None:
            return
        self._acks.lift()
        await self._enqueue(QueuedEnd(complete=False, arrived_s=self._clock()))
        self._ended = True

    @property
    def live(self) -> bool:
        """Whether it still holds its admission slot."""
        return self._parts.slot.held

    @property
    def queued_s(self) -> float:
        """Seconds of input that wait for the segmenter."""
        return self._input.samples / self._rate_hz

    def events(self) -> AsyncIterator[SessionEvent]:
        """The stream's events: ``Opened`` first, none after ``Closed``. There is one reader.

        After ``cancel`` it ends without ``Closed``. What ended the stream is raised behind the last event.
        """
        return self._outbox

    def go_away(self, deadline_ms: int) -> None:
        """Tells the client that the stream will not live longer than ``deadline_ms``. Once."""
        if not self._told_to_leave:
            self._told_to_leave = True
            self._outbox.put(GoAway(deadline_ms))

    async def cancel(self, end: CallEnd | None = None) -> None:
        """Drops everything now and gives everything back. Idempotent; also to be called after the end.

        The engine's requests, the admission slot and the detector's place are given back before it waits.
        ``end`` tells the observer how the stream ended where a transport carried it.
        """
        if self._over is None:
            self._over = Unavailable("the stream is over")
        self._outbox.discard()
        self._give_back()
        self._parts.slot.release()
        input_s = self._received_samples / self._rate_hz
        self._parts.observer.ended(end or CallEnd(), complete=self._complete, input_s=input_s)
        self._task.cancel()
        await asyncio.wait({self._task})

    # ------------------------------------------------------------------ input

    def _check_open(self, field: str) -> None:
        if self._over is not None:
            raise self._over
        if self._ended:
            raise InvalidArgument("came after the end", field=field)

    async def _room(self) -> None:
        await self._input.room()
        if self._over is not None:
            raise self._over

    async def _enqueue(self, item: Queued) -> None:
        await self._room()
        self._input.put(item)

    async def _receive_audio(self, data: bytes) -> None:
        limit = self._options.max_audio_chunk_bytes
        if len(data) > limit:
            raise OutOfRange(f"holds more than {limit} bytes", field="audio.data")
        arrived_s = self._clock()
        # first, since a decoder may not hear what a caller that is cancelled here has not sent
        await self._room()
        samples = self._decoder.decode(data, field="audio.data")
        self._input.put(QueuedAudio(samples, arrived_s))
        self._received_samples += len(samples)

    async def _receive_silence(self, samples: int) -> None:
        if samples < 1:
            raise InvalidArgument("must be at least 1", field="silence.samples")
        limit = self._rate_hz * self._options.max_silence_ms // 1000
        if samples > min(limit, _MAX_POSITION - self._received_samples):
            raise OutOfRange(f"is more than {limit} samples", field="silence.samples")
        await self._enqueue(QueuedSilence(samples, self._clock()))
        self._received_samples += samples

    async def _receive_end(self, total_samples: int) -> None:
        if total_samples != self._received_samples:
            raise DataLoss(
                f"says {total_samples}, but {self._received_samples} arrived", field="end.total_samples"
            )
        self._acks.lift()
        await self._enqueue(QueuedEnd(complete=True, arrived_s=self._clock()))
        self._ended = True

    def _clear(self) -> None:
        """Drops, at once, all that was received and every result that the reader has not taken."""
        self._input.drop_audio()
        self._dispatcher.clear(self._received_samples)
        self._outbox.put(Cleared(self._received_samples))
        self._listener.restart(self._received_samples)

    async def _run(self) -> None:
        """The stream's only task."""
        try:
            complete = await self._listen()
            while self._results.undone:
                await self._results.change()
            self._complete = complete
            self._outbox.put(Closed(complete, self._results.usage), taken=self._parts.slot.release)
            self._outbox.close()
        except Exception as error:
            self.fail(error)
        finally:
            self._parts.vad_stream.close()

    async def _listen(self) -> bool:
        """Hears the input to its end; returns whether the client said that it was complete."""
        while True:
            await self._outbox.below(self._options.max_queued_events)
            item = await self._input.get(self._listener.wanted_samples)
            await self._listener.hear(item)
            if isinstance(item, QueuedEnd):
                return item.complete

    # ------------------------------------------------------------------ ends

    def _report(self, committed_samples: int) -> None:
        self._outbox.put(Progress(self._received_samples, committed_samples))

    def fail(self, error: Exception) -> None:
        """Ends the stream for a reason that is not one utterance's; ``events`` raises it in the end."""
        if self._over is not None:
            return
        self._over = error
        self._outbox.fail(error)
        self._give_back()
        if self._task is not asyncio.current_task():
            self._task.cancel()

    def _give_back(self) -> None:
        self._results.abandon()
        self._input.discard()
        self._parts.vad_stream.close()
