"""From utterances as the input cuts them to requests of the engine."""

from __future__ import annotations

import asyncio

from translate_svc.engine.request import Request
from translate_svc.errors import InvalidArgument, ResourceExhausted
from translate_svc.session.inbound.source_events import Utterance
from translate_svc.session.negotiation import Negotiated
from translate_svc.session.options import SessionOptions
from translate_svc.session.outbound.advice import LengthAdvice
from translate_svc.session.outbound.live_utterance import LiveUtterance
from translate_svc.session.outbound.outbox import Outbox
from translate_svc.session.outbound.utterance_router import UtteranceRouter
from translate_svc.session.voice_gate import holds_voice, no_speech
from translate_svc.types import AudioFormat, SpeechEnded, SpeechStarted, Updated
from translate_svc.vad.options import FRAME_MS

_MAX_RETRY_S = 1.0
"""Between two attempts at the engine's line: a place is given to whoever asks first, so one asks often."""


class Dispatcher:
    """Takes a stream's utterances in their order and hands them to the engine. A ``UtteranceSink``.

    ``cut`` is called by one task; ``clear`` by anybody on the event loop, also while ``cut`` waits: what that
    was waiting with is then stale, and is dropped.
    """

    def __init__(
        self,
        session_id: str,
        output: AudioFormat,
        settings: Negotiated,
        results: UtteranceRouter,
        outbox: Outbox,
        options: SessionOptions,
    ) -> None:
        self._session_id = session_id
        self._output = output
        self._settings = settings
        self._results = results
        self._outbox = outbox
        self._options = options
        self._clock = asyncio.get_running_loop().time
        self._running: LiveUtterance | None = None
        self._length_advice = LengthAdvice()
        self._clears = 0

    def use(self, settings: Negotiated) -> None:
        """Settings that hold from the next utterance on; the client is told."""
        self._settings = settings
        self._length_advice = LengthAdvice()
        self._outbox.put(Updated(self._results.begun))

    def begin(self, position: int) -> None:
        """An utterance runs; its audio starts at ``position``."""
        number = self._results.begun
        request_id = f"{self._session_id}/{number}"
        self._running = LiveUtterance(number, position, self._settings, self._output, request_id)
        self._results.begin(self._running)
        self._outbox.put(SpeechStarted(number, position))

    async def cut(self, cut: Utterance, last_sample_s: float) -> None:
        """The running utterance is over; ``last_sample_s`` is the loop's time when its audio was complete.

        Waits before it goes to the engine while too many are in flight or the engine's line is full.

        Raises:
            Unavailable, EngineLost: the engine takes nothing any more.
        """
        utterance, self._running = self._running, None
        assert utterance is not None, "an utterance starts before it ends"
        now_s = self._clock()
        endpointing_ms = (now_s - last_sample_s) * 1000
        voiced_s = None if cut.voiced_frames is None else cut.voiced_frames * FRAME_MS / 1000
        request = utterance.cut(
            cut.source, cut.samples, now_s, endpointing_ms, self._results.playouts, voiced_s
        )
        self._outbox.put(SpeechEnded(utterance.utterance_id, cut.source, cut.reason))
        clears = self._clears
        while self._results.in_flight > self._options.max_utterances_in_flight:
            await self._results.change()
        if clears != self._clears:
            return
        if len(cut.samples) < self._options.min_utterance_samples:
            self._results.answer_nothing(utterance, request)
        elif utterance.settings.settings.guards.voice_gate and not _holds_voice(cut):
            self._outbox.put(no_speech(utterance.utterance_id))
            self._results.answer_nothing(utterance, request)
        else:
            if advice := self._length_advice.hear(cut.reason, utterance.settings):
                self._outbox.put(advice)
            await self._submit(utterance, request)
        if clears == self._clears:
            self._results.commit(cut.commit_position)

    def commit(self, position: int) -> None:
        """A commit point without an utterance."""
        self._results.commit(position)

    def clear(self, through_sample: int) -> None:
        """Drops the running utterance and all in flight; their ends are said at once."""
        self._clears += 1
        self._running = None
        self._results.clear(through_sample)

    async def _submit(self, utterance: LiveUtterance, request: Request) -> None:
        """Hands an utterance to the engine. What only this utterance suffers becomes a warning.

        Where the engine's line is full it waits for a place, and with it the stream's input, for
        ``max_engine_wait_ms`` at most.

        Raises:
            Unavailable, EngineLost: the engine takes nothing any more.
        """
        give_up_s = self._clock() + self._options.max_engine_wait_ms / 1000
        clears = self._clears
        while clears == self._clears:
            try:
                await self._results.hand_over(utterance, request)
            except ResourceExhausted as error:
                if clears != self._clears:
                    return
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
