"""One text or one clip, translated as a single utterance; free of any transport."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from translate_svc.audio.clip import read_clip
from translate_svc.engine.handle import EngineHandle
from translate_svc.engine.request import Request, SourceText
from translate_svc.errors import InvalidArgument
from translate_svc.session.admission import AdmissionSlot
from translate_svc.session.negotiation import Negotiated
from translate_svc.session.observer import NULL_OBSERVER, StreamObserver
from translate_svc.session.options import SessionOptions
from translate_svc.session.outbound.live_utterance import LiveUtterance
from translate_svc.session.outbound.outbox import Outbox
from translate_svc.session.outbound.utterance_router import UtteranceRouter
from translate_svc.session.vad_loop import VadStream
from translate_svc.session.voice_gate import clip_holds_voice, no_speech
from translate_svc.types import (
    INTERNAL_SAMPLE_RATE_HZ,
    AudioClip,
    CallEnd,
    SampleRange,
    Samples,
    SessionEvent,
    TranslateCall,
)


@dataclass(frozen=True, slots=True)
class OneShotParts:
    """What a call is built from; it owns ``slot`` and ``vad_stream`` and gives both back.

    ``vad_stream`` judges whether a clip holds speech; None: it is not to be judged.
    """

    engine: EngineHandle
    options: SessionOptions
    slot: AdmissionSlot
    vad_stream: VadStream | None = None
    observer: StreamObserver = NULL_OBSERVER


class OneShot:
    """One call of Translate: the events of utterance 0, of which ``UtteranceDone`` is the last.

    One reader takes ``events`` on the event loop that made it. Whoever made it calls ``cancel`` in the end,
    however the call ended: it gives everything back.

    Rules:

    * **Guards** are a stream's. A clip that is too short, or in which nobody speaks, is EMPTY.
    * **Events** are those of a stream's utterance, by the same ``UtteranceRouter``: text at once, speech as
      long as the reader takes it, a credit a piece. Times count from the moment at which the source is ready.
    * **Failure**: what one sequence suffers is a warning and ``FAILED``. What keeps the whole from being
      translated (bytes that are no audio, a source past a limit, an engine that has no room or is gone) is
      raised by ``events``, and names the field.
    """

    def __init__(self, call_id: str, call: TranslateCall, settings: Negotiated, parts: OneShotParts) -> None:
        """Takes ``call`` and ``settings`` as negotiated."""
        self._call_id = call_id
        self._call = call
        self._settings = settings
        self._parts = parts
        loop = asyncio.get_running_loop()
        self._clock = loop.time
        self._outbox = Outbox(parts.observer)
        self._results = UtteranceRouter(
            parts.engine,
            self._outbox,
            parts.observer,
            self._clock,
            on_commit=_nothing_to_commit,
            on_failure=self.fail,
        )
        self._input_s = 0.0
        self._complete: bool | None = None
        self._task = loop.create_task(self._run(), name=f"translate-{call_id}")

    @property
    def live(self) -> bool:
        """Whether it still holds its admission slot."""
        return self._parts.slot.held

    def events(self) -> AsyncIterator[SessionEvent]:
        """The call's events, in order; after ``cancel`` they end. What ended the call is raised behind."""
        return self._outbox

    async def cancel(self, end: CallEnd | None = None) -> None:
        """Drops everything now and gives everything back. Idempotent; also to be called after the end.

        ``end`` tells the observer how the call ended where a transport carried it.
        """
        self._outbox.discard()
        self._give_back()
        self._parts.slot.release()
        self._parts.observer.ended(end or CallEnd(), complete=self._complete, input_s=self._input_s)
        self._task.cancel()
        await asyncio.wait({self._task})

    async def _run(self) -> None:
        """The call's only task."""
        try:
            source = self._call.source
            if isinstance(source, AudioClip):
                await self._translate_clip(source)
            else:
                language = self._settings.settings.source_language
                assert language is not None, "a text without its language has not been let in"
                utterance, request = self._cut(SampleRange(0, 0), SourceText(source, language))
                await self._hand_over(utterance, request, field="text")
            while self._results.in_flight:
                await self._results.change()
            self._parts.slot.release()
            self._complete = True
            self._outbox.close()
        except Exception as error:
            self.fail(error)

    async def _translate_clip(self, clip: AudioClip) -> None:
        """Raises InvalidArgument, OutOfRange, Unsupported: as ``read_clip``; and as ``_hand_over``."""
        # off the loop: seconds of audio take milliseconds, which every other stream would wait for
        max_ms = self._settings.vad.max_utterance_ms
        audio = await asyncio.to_thread(read_clip, clip, field="clip", max_ms=max_ms)
        self._input_s = len(audio.samples) / INTERNAL_SAMPLE_RATE_HZ
        samples, long_enough = audio.samples, len(audio.samples) >= self._parts.options.min_utterance_samples
        has_voice = not long_enough or await self._has_voice(samples)
        utterance, request = self._cut(SampleRange(0, audio.source_samples), samples)
        if not has_voice:
            self._outbox.put(no_speech(utterance.utterance_id))
        if long_enough and has_voice:
            await self._hand_over(utterance, request, field="clip.data")
        else:
            self._results.answer_nothing(utterance, request)

    async def _has_voice(self, samples: Samples) -> bool:
        """Whether somebody speaks; True where nobody asks. Gives the detector's place back."""
        vad_stream = self._parts.vad_stream
        if vad_stream is None:
            return True
        try:
            return await clip_holds_voice(samples, self._settings.vad.threshold, vad_stream.probability)
        finally:
            vad_stream.close()

    def _cut(self, source: SampleRange, content: Samples | SourceText) -> tuple[LiveUtterance, Request]:
        """The call's utterance and its request; times count from here."""
        utterance = LiveUtterance(0, 0, self._settings, self._call.output, self._call_id)
        self._results.begin(utterance)
        return utterance, utterance.cut(source, content, self._clock())

    async def _hand_over(self, utterance: LiveUtterance, request: Request, *, field: str) -> None:
        """Raises as ``UtteranceRouter.hand_over``; ``field`` is the source's path in the contract."""
        try:
            await self._results.hand_over(utterance, request)
        except InvalidArgument as error:
            if error.field != "source":
                raise
            raise type(error)(error.description, field=field) from None

    def fail(self, error: Exception) -> None:
        """Ends the call for a reason that is not one sequence's; ``events`` raises it in the end."""
        self._outbox.fail(error)
        self._give_back()
        if self._task is not asyncio.current_task():
            self._task.cancel()

    def _give_back(self) -> None:
        self._results.abandon()
        if self._parts.vad_stream is not None:
            self._parts.vad_stream.close()


def _nothing_to_commit(position: int) -> None:
    """A call cannot be resumed."""
    del position
