"""Several texts of one call, translated one after another."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from translate_svc.errors import TranslationFailed
from translate_svc.rpc.status import code_of
from translate_svc.serving.protocols import CallHandler
from translate_svc.types import CallOutcome, SessionEvent, TextDelta, UtteranceDone, UtteranceStatus

TextOpener = Callable[[], Awaitable[CallHandler]]
"""Admits one text. Raises the reason if it is not admitted."""


class TextBatch:
    """The ``CallHandler`` and the ``EventSink`` of a call with several texts.

    Each text is a call of Translate for admission, quotas and metrics, and only one is open at a time: a
    caller that may have one call may send many texts.
    """

    def __init__(self, first: CallHandler, openers: Sequence[TextOpener]) -> None:
        """``first`` handles the first text, ``openers`` open the others. Use ``TextBatch.open``."""
        self._waiting = list(reversed(openers))
        self._current = first
        self._parts: list[str] = []
        self.texts: list[str] = []
        """The translations, in the order of their texts."""

    @classmethod
    async def open(cls, openers: Sequence[TextOpener]) -> TextBatch:
        """Admits the first text. ``openers``: of all texts, at least one. Raises as the first one does."""
        return cls(await openers[0](), openers[1:])

    async def events(self) -> AsyncIterator[SessionEvent]:
        """Implements ``CallHandler.events``: those of all texts."""
        while True:
            async for event in self._current.events():
                yield event
            if not self._waiting:
                return
            await self._current.cancel(CallOutcome(self.status_of(None), None, len(self.texts[-1].encode())))
            self._current = await self._waiting.pop()()

    async def cancel(self, end: CallOutcome | None = None) -> None:
        """Implements ``CallHandler.cancel``."""
        await self._current.cancel(end)

    @property
    def bytes_out(self) -> int:
        """Size of the text that was translated last."""
        return len(self.texts[-1].encode()) if self.texts else 0

    async def send(self, event: SessionEvent) -> None:
        """Implements ``EventSink.send``. Nothing is written before all texts are there.

        Raises:
            TranslationFailed: a text could not be translated.
        """
        match event:
            case TextDelta():
                self._parts.append(event.delta)
            case UtteranceDone(status=UtteranceStatus.FAILED):
                raise TranslationFailed("could not be translated", field=f"texts[{len(self.texts)}]")
            case UtteranceDone():
                self.texts.append("".join(self._parts))
                self._parts.clear()

    def status_of(self, error: BaseException | None) -> str:
        """The name of the gRPC code that the client gets."""
        return code_of(error).name
