"""What the client has committed, and what became of it."""

from __future__ import annotations

import asyncio

from translate_svc.types import Progress, SessionEvent, SpeechEnded, UtteranceDone

_MOST_S = 10.0


class CommittedTurns:
    """Follows the turns of a session from their commit to their end.

    A turn that was committed has left OpenAI's input buffer: clearing the buffer does not take it back. Where
    the server cuts the turns, a commit may hold several of them, or nothing but silence: the commit point
    that the session makes of it says that all of them were heard.
    """

    def __init__(self) -> None:
        self._open: set[int] = set()
        self._committed_through = 0
        self._ended_through = 0
        self._changed = asyncio.Event()

    def commit(self, position: int) -> None:
        """The session has taken a commit of what came up to the sample ``position``."""
        self._committed_through = max(self._committed_through, position)

    def add(self, event: SessionEvent) -> None:
        """The session's next event."""
        if isinstance(event, SpeechEnded):
            self._open.add(event.utterance_id)
            self._ended_through = max(self._ended_through, event.source.end)
        elif isinstance(event, UtteranceDone):
            self._open.discard(event.utterance_id)
        elif isinstance(event, Progress):
            self._ended_through = max(self._ended_through, event.committed_samples)
        else:
            return
        self._changed.set()

    async def settled(self) -> None:
        """Waits until every turn that was committed is done, or ten seconds have brought nothing new."""
        while self._open or self._ended_through < self._committed_through:
            self._changed.clear()
            try:
                async with asyncio.timeout(_MOST_S):
                    await self._changed.wait()
            except TimeoutError:
                return
