"""One text or one clip, translated as a single utterance; free of any transport."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from translate_svc.engine.request import Engine, SourceText
from translate_svc.errors import InvalidArgument
from translate_svc.session.admission import AdmissionSlot
from translate_svc.session.clip import read_clip
from translate_svc.session.live_utterance import LiveUtterance
from translate_svc.session.negotiation import Negotiated
from translate_svc.session.options import SessionOptions
from translate_svc.session.outbox import Outbox
from translate_svc.session.results import Results
from translate_svc.types import (
    AudioClip,
    SampleRange,
    Samples,
    SessionEvent,
    TranslateCall,
)


@dataclass(frozen=True, slots=True)
class OneShotParts:
    """What a call is built from; it owns ``slot`` and gives it back."""

    engine: Engine
    options: SessionOptions
    slot: AdmissionSlot


class OneShot:
    """One call of Translate: the events of utterance 0, of which ``UtteranceDone`` is the last.

    One reader takes ``events`` on the event loop that made it. Whoever made it calls ``cancel`` in the end,
    however the call ended: it gives everything back.

    Rules:

    * **Events** are those of a stream's utterance, by the same ``Results``: text at once, speech as long as
      the reader takes it, a credit a piece. Its zero of times is the moment at which the source is ready.
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
        self._outbox = Outbox()
        self._results = Results(
            parts.engine, self._outbox, self._clock, on_commit=_nothing_to_commit, on_failure=self._fail
        )
        self._task = loop.create_task(self._run(), name=f"translate-{call_id}")

    @property
    def live(self) -> bool:
        """Whether it still holds its admission slot."""
        return self._parts.slot.held

    def events(self) -> AsyncIterator[SessionEvent]:
        """The call's events, in order; after ``cancel`` they end. What ended the call is raised behind."""
        return self._outbox

    async def cancel(self) -> None:
        """Drops everything now and gives everything back. Idempotent; also to be called after the end."""
        self._outbox.discard()
        self._results.abandon()
        self._parts.slot.release()
        self._task.cancel()
        await asyncio.wait({self._task})

    async def _run(self) -> None:
        """The call's only task."""
        try:
            source = self._call.source
            if isinstance(source, AudioClip):
                # off the loop: seconds of audio take milliseconds, which every other stream would wait for
                clip = await asyncio.to_thread(read_clip, source, self._settings.vad.max_utterance_ms)
                self._translate(SampleRange(0, clip.source_samples), clip.samples)
            else:
                language = self._settings.settings.source_language
                assert language is not None, "a text without its language has not been let in"
                self._translate(SampleRange(0, 0), SourceText(source, language))
            while self._results.in_flight:
                await self._results.change()
            self._parts.slot.release()
            self._outbox.close()
        except Exception as error:
            self._fail(error)

    def _translate(self, source: SampleRange, content: Samples | SourceText) -> None:
        """Hands the source over to the engine.

        Raises:
            InvalidArgument, OutOfRange, ResourceExhausted, Unavailable: the engine does not take it.
        """
        utterance = LiveUtterance(0, 0, self._settings, self._call.output, self._call_id)
        self._results.begin(utterance)
        request = utterance.cut(source, content, self._clock())
        if isinstance(content, SourceText) or len(content) >= self._parts.options.min_utterance_samples:
            try:
                self._results.hand_over(utterance, request)
            except InvalidArgument as error:
                if error.field != "source":
                    raise
                field = "text" if isinstance(content, SourceText) else "clip.data"
                raise type(error)(error.description, field=field) from None
        else:
            self._results.answer_nothing(utterance, request)

    def _fail(self, error: Exception) -> None:
        """Ends the call for a reason that is not one sequence's."""
        self._outbox.fail(error)
        self._results.abandon()
        if self._task is not asyncio.current_task():
            self._task.cancel()


def _nothing_to_commit(position: int) -> None:
    """A call cannot be resumed."""
    del position
