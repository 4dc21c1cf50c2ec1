"""Turns the utterances of the input into requests to the engine."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from translate_svc.engine.request import Request
from translate_svc.errors import InvalidArgument, ResourceExhausted
from translate_svc.heard_language import HeardLanguage
from translate_svc.session.capacity.degradation import LATE_SPEECH_S, Degradation
from translate_svc.session.capacity.stream_lag import StreamLag
from translate_svc.session.inbound.source_events import Committed, Utterance, UtteranceGrew
from translate_svc.session.options import SessionOptions
from translate_svc.session.outbound.advice import LengthAdvice, SkipAdvice
from translate_svc.session.outbound.commit_points import CommitPoint
from translate_svc.session.outbound.hypothesis_pacer import HypothesisPacer, least_stride
from translate_svc.session.outbound.next_utterance import NextUtterance
from translate_svc.session.outbound.outbox import Outbox
from translate_svc.session.outbound.trial import Trial
from translate_svc.session.outbound.utterance_router import UtteranceRouter
from translate_svc.session.settings.negotiated import Negotiated
from translate_svc.session.source_language import DECIDED_AFTER_S
from translate_svc.session.utterances.growing_utterance import GrowingUtterance, new_utterance
from translate_svc.session.utterances.live_utterance import LiveUtterance
from translate_svc.session.voice_gate import holds_voice, no_speech
from translate_svc.types import (
    INTERNAL_SAMPLE_RATE_HZ,
    AudioFormat,
    EndReason,
    SpeechEnded,
    SpeechStarted,
    StreamWarning,
    Updated,
)
from translate_svc.vad.options import FRAME_MS


class Dispatcher:
    """Submits a stream's utterances to the engine, in order. A ``UtteranceSink``.

    One task calls ``cut``. Any code on the event loop may call ``clear``, even while ``cut`` waits: the
    utterance that it waits with is then stale and is dropped.
    """

    def __init__(
        self,
        session_id: str,
        input_rate_hz: int,
        output: AudioFormat,
        settings: Negotiated,
        router: UtteranceRouter,
        outbox: Outbox,
        options: SessionOptions,
        start: CommitPoint,
        lag: StreamLag,
    ) -> None:
        """``start``: the commit point from which the stream begins. ``lag``: is told when texts are due."""
        self._lag = lag
        self.degradation = Degradation.NONE
        """The results to leave out while the server is behind."""
        self._session_id = session_id
        self._output = output
        self._next = NextUtterance(settings, start, max_gap_samples=input_rate_hz)  # one second
        self._router = router
        self._outbox = outbox
        self._options = options
        self._clock = asyncio.get_running_loop().time
        self.running: LiveUtterance | None = None
        """The utterance that has begun and not ended."""
        self._length_advice = LengthAdvice()
        self._skip_advice = SkipAdvice()
        self._pacer = HypothesisPacer(input_rate_hz)
        self._continued_language: str | None = None
        self._pending_commit: CommitPoint | None = None  # of the utterance that ``cut`` waits with

    def apply_settings(self, settings: Negotiated) -> None:
        """Replaces the settings from the next utterance on. The client gets ``Updated``."""
        if not settings.asks_the_same_language(self._next.settings):
            self._continued_language = None
        self._next.apply(settings)
        self._length_advice.restart()
        self._outbox.put(Updated(self._router.next_utterance_id))

    def begin(self, position: int, speech_position: int) -> None:
        """Begins an utterance. Its audio starts at ``position`` and its speech at ``speech_position``.

        Both are input samples from the start of the stream.
        """
        number = self._router.next_utterance_id
        request_id = f"{self._session_id}/{number}"
        continued = self._next.take_continuation(position)
        self.running = new_utterance(
            number, position, self._next.settings, self._output, request_id, continued
        )
        self._router.begin(self.running)
        if continued is not None and self._continued_language is not None:
            self.running.hear(HeardLanguage(self._continued_language, 1.0, is_sure=True), is_last=False)
        self._outbox.put(SpeechStarted(number, position, speech_position))

    async def grow(self, grown: UtteranceGrew, last_sample_s: float) -> int | None:
        """Hypotheses a translation of the running utterance's audio, complete so far at ``last_sample_s``.

        Waits until the hypothesis has ended, so that the next one starts from it. While hypotheses take
        longer than their audio lasts, some are left out, as far as others hear all audio, and the client gets
        one warning an utterance. An utterance that has grown long is cut where the buffer of its hypotheses
        begins; the next one continues from there.

        Raises:
            Unavailable, EngineLost: the engine takes no requests any more.
        """
        utterance = self.running
        assert isinstance(utterance, GrowingUtterance), "only simultaneous translation has steps"
        options = utterance.options
        is_gated = utterance.settings.settings.guards.voice_gate and not holds_voice(grown.voiced_frames)
        if is_gated or grown.heard_position <= self._next.heard_position:
            return None
        now_s = self._clock()
        self._pacer.least_stride = least_stride(self.degradation, options)
        end_sample = grown.first_sample + len(grown.samples)
        is_late = self._pacer.is_late(grown.heard_position, last_sample_s, now_s, options.step_s)
        if is_late and not utterance.is_overdue(end_sample):
            self._skip_hypothesis(utterance)
            return None
        self._next.heard_position = grown.heard_position
        request = utterance.hypothesis(
            grown.samples, grown.first_sample, grown.heard_position, now_s, self._router.playouts
        )
        self._router.pass_sound(utterance)
        end_s = end_sample / INTERNAL_SAMPLE_RATE_HZ
        voiced_s = end_s if grown.voiced_frames is None else grown.voiced_frames * FRAME_MS / 1000
        request = self._asking(utterance, request, is_last=voiced_s >= DECIDED_AFTER_S, may_guess=False)
        if not await self._router.submitter.submit_hypothesis(utterance, request):
            self._skip_hypothesis(utterance)
        return utterance.cut_sample(end_sample)

    def _skip_hypothesis(self, utterance: LiveUtterance) -> None:
        if warning := self._skip_advice.update(utterance.utterance_id):
            self._outbox.put(warning)

    def try_out(self, cut: Utterance, settings: Negotiated) -> Trial | None:
        """Translates ``cut`` before it is known to be an utterance. None if the engine need not hear it.

        ``settings``: that it would have.
        """
        name = f"{self._session_id}/{cut.source.start}-{cut.source.end}"
        number = self._router.next_utterance_id
        utterance = new_utterance(number, cut.source.start, settings, self._output, name, None)
        if not self._is_heard(utterance, cut):
            return None
        request = self._request(utterance, cut, self._clock(), None)
        return self._router.submitter.try_out(utterance, request)

    async def cut(self, cut: Utterance, last_sample_s: float, trial: Trial | None = None) -> None:
        """Ends the running utterance. Its audio was complete at ``last_sample_s`` (loop time).

        Submits the utterance, unless it was tried out (``trial``): then that request goes on. Before that it
        waits while too many utterances are in flight or the engine's queue is full.

        Raises:
            Unavailable, EngineLost: the engine takes no requests any more.
        """
        utterance, self.running = self.running, None
        assert utterance is not None, "an utterance starts before it ends"
        now_s = self._clock()
        endpointing_ms = (now_s - last_sample_s) * 1000
        if cut.reason is EndReason.CONTINUED:
            self._continue(utterance, cut, now_s, endpointing_ms)
            return
        self._next.heard_position = max(self._next.heard_position, cut.heard_position)
        self._skip_late_speech(utterance, self._expect_text(utterance, cut, last_sample_s), now_s)
        if trial is not None:
            utterance.request_id = trial.request_id
        request = self._request(utterance, cut, now_s, endpointing_ms)
        self._outbox.put(SpeechEnded(utterance.utterance_id, cut.source, cut.reason))
        self._pending_commit = point = self._commit_point(cut.commit_position, cut.updates)
        while self._router.in_flight > self._options.max_utterances_in_flight:
            await self._router.wait_for_change()
        if self._pending_commit is not point:
            return  # it was cleared
        if not self._is_heard(utterance, cut):
            if self._is_long_enough(cut):
                self._outbox.put(no_speech(utterance.utterance_id))
            self._router.finish_with(utterance, utterance.closing_events())
        else:
            if advice := self._length_advice.update(cut.reason, utterance.settings):
                self._outbox.put(advice)
            if trial is not None and not utterance.speech_skipped:
                self._router.submitter.take_over(utterance, trial)
            else:
                await self._submit(utterance, request)
        if self._pending_commit is point:
            self._pending_commit = None
            if cut.commits:
                self._router.commit(point)

    def _is_long_enough(self, cut: Utterance) -> bool:
        return len(cut.samples) >= self._options.min_utterance_samples

    def _is_heard(self, utterance: LiveUtterance, cut: Utterance) -> bool:
        """Whether the engine hears it: it has hypotheses, or is long enough and voiced."""
        is_gated = utterance.settings.settings.guards.voice_gate
        voiced = not is_gated or holds_voice(cut.voiced_frames)
        return utterance.has_hypotheses or (self._is_long_enough(cut) and voiced)

    def _request(
        self, utterance: LiveUtterance, cut: Utterance, now_s: float, endpointing_ms: float | None
    ) -> Request:
        request = utterance.cut(
            cut.source,
            cut.samples,
            now_s,
            endpointing_ms,
            self._router.playouts,
            _voiced_s(cut),
            max(self._next.heard_position, cut.heard_position),
        )
        return self._asking(utterance, request, is_last=True)

    def _asking(
        self, utterance: LiveUtterance, request: Request, *, is_last: bool, may_guess: bool = True
    ) -> Request:
        """The request with its question about the language, if anything depends on it."""
        settled, known = utterance.settings, utterance.language
        question = self._router.turns.question(settled, known=known, is_last=is_last, may_guess=may_guess)
        return request if question is None else replace(request, question=question)

    def _continue(
        self, utterance: LiveUtterance, cut: Utterance, now_s: float, endpointing_ms: float
    ) -> None:
        """Ends an utterance that was cut within the speech. The next utterance starts from its state."""
        assert isinstance(utterance, GrowingUtterance), "only simultaneous translation continues utterances"
        self._next.continue_from(cut.commit_position, utterance.continuation())
        self._continued_language = utterance.language
        self._outbox.put(SpeechEnded(utterance.utterance_id, cut.source, cut.reason))
        events = utterance.close(cut.source, cut.samples, now_s, endpointing_ms, _voiced_s(cut))
        self._router.finish_with(utterance, events)
        self._router.commit(self._commit_point(cut.commit_position, cut.updates))

    def _expect_text(self, utterance: LiveUtterance, cut: Utterance, last_sample_s: float) -> float:
        """Tells ``lag`` when the text of an utterance is due, and returns that loop time in seconds."""
        silence_ms = utterance.settings.vad.min_silence_ms if cut.reason is EndReason.SILENCE else 0
        due_s = self._lag.due_s(cut.due_position, last_sample_s) + silence_ms / 1000
        self._lag.expect(utterance.utterance_id, due_s)
        return due_s

    def _skip_late_speech(self, utterance: LiveUtterance, due_s: float, now_s: float) -> None:
        """Leaves out the speech of a very late utterance, where text is sent, while the server is behind."""
        if (
            self.degradation < Degradation.NO_LATE_SPEECH
            or now_s - due_s < LATE_SPEECH_S
            or utterance.has_hypotheses
        ):
            return
        if any(each.can_go_unspoken for each in utterance.plans):
            utterance.speech_skipped = True
            message = f"the server is {now_s - due_s:.1f} s behind: this utterance gets its text only"
            self._outbox.put(StreamWarning("speech_skipped", message, utterance.utterance_id))

    def commit(self, committed: Committed) -> None:
        """Passes on a commit point at which no utterance ends."""
        self._router.commit(self._commit_point(committed.position, committed.updates))

    def _commit_point(self, position: int, updates: Sequence[Negotiated]) -> CommitPoint:
        return self._next.commit_point(position, self._router.next_utterance_id, updates)

    def clear(self, through_sample: int) -> None:
        """Drops the running utterance and all in flight; their ``UtteranceDone`` is sent at once."""
        self.running = None
        self._next.forget_continuation()
        pending, self._pending_commit = self._pending_commit, None
        self._lag.forget()
        self._router.clear(through_sample)
        # the input does not report a commit point again if it restarts at that point
        if pending is not None and pending.position == through_sample:
            self._router.commit(pending)

    async def _submit(self, utterance: LiveUtterance, request: Request) -> None:
        """Submits an utterance to the engine. A failure of this utterance alone becomes a warning.

        While the engine's queue is full, it and the stream's input wait, for ``max_engine_wait_ms`` at most.

        Raises:
            Unavailable, EngineLost: the engine takes no requests any more.
        """
        max_wait_s = self._options.max_engine_wait_ms / 1000
        try:
            await self._router.submitter.submit_patiently(utterance, request, max_wait_s)
        except ResourceExhausted as error:
            self._router.fail(utterance, "engine_busy", error)
        except InvalidArgument as error:
            self._router.fail(utterance, "utterance_refused", error)


def _voiced_s(cut: Utterance) -> float | None:
    return None if cut.voiced_frames is None else cut.voiced_frames * FRAME_MS / 1000
