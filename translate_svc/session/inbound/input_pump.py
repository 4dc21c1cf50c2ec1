"""The way in: from queued input through the segmenter to the engine."""

from __future__ import annotations

import asyncio

from translate_svc.engine.request import Request
from translate_svc.errors import InvalidArgument, ResourceExhausted
from translate_svc.session.inbound.source_events import (
    Committed,
    SettingsApplied,
    Utterance,
    UtteranceStarted,
)
from translate_svc.session.inbound.utterance_source import UtteranceSource
from translate_svc.session.input_queue import (
    Queued,
    QueuedAudio,
    QueuedEnd,
    QueuedFinalize,
    QueuedSilence,
    QueuedUpdate,
)
from translate_svc.session.negotiation import Negotiated
from translate_svc.session.options import SessionOptions
from translate_svc.session.outbound.live_utterance import LiveUtterance
from translate_svc.session.outbound.outbox import Outbox
from translate_svc.session.outbound.utterance_router import UtteranceRouter
from translate_svc.session.vad_loop import VadStream
from translate_svc.session.voice_gate import holds_voice, no_speech
from translate_svc.types import SpeechEnded, SpeechStarted, StreamConfig, Updated
from translate_svc.vad.frame_vad import VadFrame

_MAX_RETRY_S = 1.0
"""Between two attempts at the engine's line: a place is given to whoever asks first, so one asks often."""


class InputPump:
    """Drives one stream's ``UtteranceSource``: frames to the detector, utterances to ``UtteranceRouter``.

    ``hear`` is called by one task; ``restart`` by anybody on the event loop, also while ``hear`` waits: what
    that was waiting for is then stale, and is dropped.
    """

    def __init__(
        self,
        session_id: str,
        config: StreamConfig,
        settings: Negotiated,
        vad_stream: VadStream,
        results: UtteranceRouter,
        outbox: Outbox,
        options: SessionOptions,
    ) -> None:
        self._session_id = session_id
        self._rate_hz = config.input.sample_rate_hz
        self._output = config.output
        self._settings = settings
        self._vad_stream = vad_stream
        self._results = results
        self._outbox = outbox
        self._options = options
        self._clock = asyncio.get_running_loop().time
        self._source = UtteranceSource(self._rate_hz, settings)
        self._running: LiveUtterance | None = None
        self._arrived_s = 0.0
        self._restarts = 0

    @property
    def wanted_samples(self) -> int:
        """Audio to which less means nothing: what the next frame still lacks."""
        return self._source.missing_samples

    async def hear(self, item: Queued) -> None:
        """Takes one piece of input and does all that follows from it.

        Waits for the detector, and before an utterance goes to the engine while too many are in flight or the
        engine's line is full.

        Raises:
            Unavailable: the engine or the detector is gone.
            OutOfRange: too many updates wait for the running utterance to end.
        """
        self._push(item)
        while (step := self._source.step()) is not None:
            if isinstance(step, VadFrame):
                restarts = self._restarts
                probability = await self._vad_stream.probability(step)
                if restarts == self._restarts:
                    self._source.accept(probability)
            elif isinstance(step, UtteranceStarted):
                self._begin(step.position)
            elif isinstance(step, Utterance):
                await self._cut(step)
                await asyncio.sleep(0)  # one message may stand for an hour of silence: others get their turn
            else:
                self._note(step)

    def restart(self, position: int) -> None:
        """Drops the running utterance and all input; goes on at ``position``, a commit point.

        Updates among that input stay valid. The utterance itself is cleared by ``UtteranceRouter.clear``.
        """
        self._restarts += 1
        self._running = None
        unheard_samples = position - self._source.received_position
        if unheard_samples:
            self._source.silence(unheard_samples)  # that positions go on counting what the client sent
        self._source.clear()
        while (event := self._source.step()) is not None:
            assert isinstance(event, Committed | SettingsApplied), "a cleared source has nothing else to say"
            self._note(event)

    def _push(self, item: Queued) -> None:
        match item:
            case QueuedAudio(samples=samples):
                self._source.push(samples)
            case QueuedSilence(samples=count):
                self._source.silence(count)
            case QueuedFinalize():
                self._source.finalize()
            case QueuedEnd():
                self._source.end()
            case QueuedUpdate(settings=settings):
                self._source.update(settings)
                return
        self._arrived_s = item.arrived_s

    def _note(self, event: Committed | SettingsApplied) -> None:
        if isinstance(event, Committed):
            self._results.commit(event.position)
        else:
            self._settings = event.settings
            self._outbox.put(Updated(self._results.begun))

    def _begin(self, position: int) -> None:
        number = self._results.begun
        request_id = f"{self._session_id}/{number}"
        self._running = LiveUtterance(number, position, self._settings, self._output, request_id)
        self._results.begin(self._running)
        self._outbox.put(SpeechStarted(number, position))

    async def _cut(self, cut: Utterance) -> None:
        utterance, self._running = self._running, None
        assert utterance is not None, "an utterance starts before it ends"
        now_s = self._clock()
        heard_s = (self._source.received_position - cut.source.end) / self._rate_hz
        endpointing_ms = (heard_s + now_s - self._arrived_s) * 1000
        request = utterance.cut(cut.source, cut.samples, now_s, endpointing_ms, self._results.playouts)
        self._outbox.put(SpeechEnded(utterance.utterance_id, cut.source, cut.reason))
        restarts = self._restarts
        while self._results.in_flight > self._options.max_utterances_in_flight:
            await self._results.change()
        if restarts != self._restarts:
            return
        if len(cut.samples) < self._options.min_utterance_samples:
            self._results.answer_nothing(utterance, request)
        elif utterance.settings.settings.guards.voice_gate and not _holds_voice(cut):
            self._outbox.put(no_speech(utterance.utterance_id))
            self._results.answer_nothing(utterance, request)
        else:
            await self._submit(utterance, request)
        if restarts == self._restarts:
            self._results.commit(cut.commit_position)

    async def _submit(self, utterance: LiveUtterance, request: Request) -> None:
        """Hands an utterance to the engine. What only this utterance suffers becomes a warning.

        Where the engine's line is full it waits for a place, and with it the stream's input, for
        ``max_engine_wait_ms`` at most.

        Raises:
            Unavailable: the engine takes nothing any more.
        """
        give_up_s = self._clock() + self._options.max_engine_wait_ms / 1000
        restarts = self._restarts
        while restarts == self._restarts:
            try:
                self._results.hand_over(utterance, request)
            except ResourceExhausted as error:
                left_s = give_up_s - self._clock()
                if left_s > 0:
                    await asyncio.sleep(min(error.retry_after_s, _MAX_RETRY_S, left_s))
                    continue
                self._results.refuse(utterance, "engine_busy", error)
            except InvalidArgument as error:
                self._results.refuse(utterance, "utterance_refused", error)
            return


def _holds_voice(cut: Utterance) -> bool:
    return cut.voiced_frames is None or holds_voice(cut.voiced_frames)
