"""One text or one clip, translated as a single utterance; free of any transport."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from translate_svc.audio.clip import read_clip
from translate_svc.engine.handle import EngineHandle
from translate_svc.engine.request import Request, SourceText
from translate_svc.errors import InvalidArgument
from translate_svc.session.admission import AdmissionSlot
from translate_svc.session.long_text.capitals import without_capitals
from translate_svc.session.long_text.joined_outbox import JoinedOutbox
from translate_svc.session.long_text.sentences import Sentence, sentences_of
from translate_svc.session.observer import NULL_OBSERVER, StreamObserver
from translate_svc.session.options import SessionOptions
from translate_svc.session.outbound.commit_points import CommitPoint
from translate_svc.session.outbound.outbox import Outbox
from translate_svc.session.outbound.utterance_router import UtteranceRouter
from translate_svc.session.settings.negotiated import Negotiated
from translate_svc.session.utterances.live_utterance import LiveUtterance
from translate_svc.session.utterances.speech_writer import SpeechWriter
from translate_svc.session.utterances.whole_utterance import WholeUtterance
from translate_svc.session.vad_loop import VadStream
from translate_svc.session.voice_gate import clip_holds_voice, no_speech
from translate_svc.types import (
    INTERNAL_SAMPLE_RATE_HZ,
    AudioClip,
    CallOutcome,
    SampleRange,
    Samples,
    SessionEvent,
    TranslateRequest,
)

_SENTENCES_AT_ONCE = 4
"""Sentences of one text in the engine: enough to batch them, and few beside those of others."""


@dataclass(frozen=True, slots=True)
class OneShotDependencies:
    """Dependencies of a ``OneShot``. The call owns ``slot`` and ``vad_stream`` and releases both.

    ``vad_stream`` decides whether a clip holds speech; None: that is not checked. ``caller``: whose share of
    the engine the call takes.
    """

    engine: EngineHandle
    options: SessionOptions
    slot: AdmissionSlot
    vad_stream: VadStream | None = None
    observer: StreamObserver = NULL_OBSERVER
    caller: str = ""


class OneShot:
    """One Translate call: the events of utterance 0. ``UtteranceDone`` is the last one.

    One reader takes ``events``, on the event loop that created the object. Its owner always calls ``cancel``
    at the end, however the call ended: that releases everything.

    Rules:

    * **Sentences.** A text is translated sentence by sentence, one in capitals as if it had none
      (``without_capitals``); the reader gets one utterance (``JoinedOutbox``).
    * **Guards** are those of a stream. A clip that is too short, or in which nobody speaks, ends as EMPTY.
    * **Events** are those of a stream's utterance, made by the same ``UtteranceRouter``. Text is sent
      immediately; speech continues as long as the reader takes it, one credit per piece. Times count from the
      moment at which the source is ready.
    * **Failure** of one sequence is a warning and ``FAILED``. If nothing can be translated (bytes that are
      not audio, a source over a limit, an engine that is full or gone), ``events`` raises, naming the field.
    """

    def __init__(
        self, call_id: str, call: TranslateRequest, settings: Negotiated, dependencies: OneShotDependencies
    ) -> None:
        """``call`` and ``settings`` come from ``CallNegotiator.negotiate``. Starts the call's task."""
        self._call_id = call_id
        self._call = call
        self._settings = settings
        self._dependencies = dependencies
        loop = asyncio.get_running_loop()
        self._clock = loop.time
        self._sentences: Sequence[Sentence] = ()
        self._writers: dict[str, SpeechWriter] = {}
        self._outbox = self._new_outbox()
        self._router = UtteranceRouter(
            dependencies.engine,
            self._outbox,
            dependencies.observer,
            self._clock,
            on_commit=_nothing_to_commit,
            on_failure=self.fail,
            caller=dependencies.caller,
        )
        self._input_s = 0.0
        self._complete: bool | None = None
        self._task = loop.create_task(self._run(), name=f"translate-{call_id}")

    @property
    def live(self) -> bool:
        """Whether the call still holds its admission slot."""
        return self._dependencies.slot.held

    def _new_outbox(self) -> Outbox:
        """One that joins the sentences of a text that has several."""
        source, observer = self._call.source, self._dependencies.observer
        if isinstance(source, AudioClip):
            return Outbox(observer)
        language = self._settings.settings.source_language
        assert language is not None, "negotiation refuses a text without a language"
        self._sentences = sentences_of(source, language)
        if len(self._sentences) == 1 and self._sentences[0] == Sentence(self._sentences[0].text):
            return Outbox(observer)
        self._writers = {
            plan.spec.language: SpeechWriter(self._call.output)
            for plan in self._settings.sequences
            if plan.audio is not None
        }
        return JoinedOutbox(observer, self._sentences, self._writers)

    def events(self) -> AsyncIterator[SessionEvent]:
        """The call's events, in order. ``cancel`` ends them. A failure is raised after the last event."""
        return self._outbox

    async def cancel(self, end: CallOutcome | None = None) -> None:
        """Drops and releases everything now. Idempotent; must also be called after the end.

        ``end`` is how the call ended for the transport; the observer gets it.
        """
        self._outbox.discard()
        self._release_resources()
        self._dependencies.slot.release()
        self._dependencies.observer.ended(
            end or CallOutcome(), complete=self._complete, input_s=self._input_s
        )
        self._task.cancel()
        await asyncio.wait({self._task})

    async def _run(self) -> None:
        """The call's only task."""
        try:
            source = self._call.source
            if isinstance(source, AudioClip):
                await self._translate_clip(source)
            else:
                await self._translate_sentences()
            while self._router.in_flight:
                await self._router.wait_for_change()
            self._dependencies.slot.release()
            self._complete = True
            self._outbox.close()
        except Exception as error:
            self.fail(error)

    async def _translate_sentences(self) -> None:
        """Translates a text. Raises as ``_submit``; the engine is waited for once the first is accepted."""
        language = self._settings.settings.source_language or ""
        patience_s = self._dependencies.options.max_engine_wait_ms / 1000
        for number, sentence in enumerate(self._sentences):
            while self._router.unfinished >= _SENTENCES_AT_ONCE:
                await self._router.wait_for_change()
            content = SourceText(without_capitals(sentence.text, language), language)
            utterance, request = self._cut(SampleRange(0, 0), content, number)
            if not sentence.text:
                self._router.finish_with(utterance, utterance.closing_events())
                continue
            await self._submit(utterance, request, field="text", patience_s=patience_s if number else 0.0)

    async def _translate_clip(self, clip: AudioClip) -> None:
        """Translates a clip. Raises as ``read_clip`` and ``_submit``."""
        # in a thread: decoding takes milliseconds, and every other stream would wait for it
        max_ms = self._settings.vad.max_utterance_ms
        audio = await asyncio.to_thread(read_clip, clip, field="clip", max_ms=max_ms)
        self._input_s = len(audio.samples) / INTERNAL_SAMPLE_RATE_HZ
        samples = audio.samples
        long_enough = len(samples) >= self._dependencies.options.min_utterance_samples
        has_voice = not long_enough or await self._has_voice(samples)
        utterance, request = self._cut(SampleRange(0, audio.source_samples), samples)
        if not has_voice:
            self._outbox.put(no_speech(utterance.utterance_id))
        if long_enough and has_voice:
            await self._submit(utterance, request, field="clip.data")
        else:
            self._router.finish_with(utterance, utterance.closing_events())

    async def _has_voice(self, samples: Samples) -> bool:
        """Whether somebody speaks; True without a detector. Closes the VAD stream."""
        vad_stream = self._dependencies.vad_stream
        if vad_stream is None:
            return True
        try:
            return await clip_holds_voice(samples, self._settings.vad.threshold, vad_stream.probabilities)
        finally:
            vad_stream.close()

    def _cut(
        self, source: SampleRange, content: Samples | SourceText, number: int = 0
    ) -> tuple[LiveUtterance, Request]:
        """Creates the call's utterance, or that of sentence ``number``, and its request. Times count from
        here.
        """
        request_id = f"{self._call_id}/{number}" if number else self._call_id
        utterance = WholeUtterance(number, 0, self._settings, self._call.output, request_id, self._writers)
        self._router.begin(utterance)
        request = utterance.cut(source, content, self._clock())
        question = None
        if not isinstance(content, SourceText):
            question = self._router.turns.question(self._settings, known=None, is_last=True)
        return utterance, request if question is None else replace(request, question=question)

    async def _submit(
        self, utterance: LiveUtterance, request: Request, *, field: str, patience_s: float = 0.0
    ) -> None:
        """Submits the request, again for ``patience_s`` while the engine is full. Raises as
        ``Submitter.submit``; source errors name ``field``.
        """
        try:
            await self._router.submitter.submit_patiently(utterance, request, patience_s)
        except InvalidArgument as error:
            if error.field != "source" and not error.field.endswith(".given_text"):
                raise
            raise type(error)(error.description, field=field) from None

    def fail(self, error: Exception) -> None:
        """Ends the call with an error that concerns all of it; ``events`` raises it at the end."""
        self._outbox.fail(error)
        self._release_resources()
        if self._task is not asyncio.current_task():
            self._task.cancel()

    def _release_resources(self) -> None:
        self._router.abort_all()
        if self._dependencies.vad_stream is not None:
            self._dependencies.vad_stream.close()


def _nothing_to_commit(point: CommitPoint) -> None:
    """A call has no commit points: it cannot be resumed."""
    del point
