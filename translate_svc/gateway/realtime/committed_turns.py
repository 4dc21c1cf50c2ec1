"""What the client has committed, and what became of it."""

from __future__ import annotations

import asyncio
import contextlib

from translate_svc.types import SessionEvent, SpeechEnded, UtteranceDone

_MOST_S = 10.0


class CommittedTurns:
    """Follows the turns of a session from their commit to their end.

    A turn that was committed has left OpenAI's input buffer: clearing the buffer does not take it back.
    """

    def __init__(self) -> None:
        self._open: set[int] = set()
        self._committed_through = 0
        self._ended_through = 0
        self._settled = asyncio.Event()
        self._settled.set()

    def commit(self, position: int) -> None:
        """The session has taken a commit that ends a turn at the sample ``position``."""
        self._committed_through = max(self._committed_through, position)
        self._note()

    def add(self, event: SessionEvent) -> None:
        """The session's next event."""
        if isinstance(event, SpeechEnded):
            self._open.add(event.utterance_id)
            self._ended_through = max(self._ended_through, event.source.end)
        elif isinstance(event, UtteranceDone):
            self._open.discard(event.utterance_id)
        self._note()

    async def settled(self) -> None:
        """Waits until every turn that was committed is done, for ten seconds at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_MOST_S):
                await self._settled.wait()

    def _note(self) -> None:
        if self._open or self._ended_through < self._committed_through:
            self._settled.clear()
        else:
            self._settled.set()
