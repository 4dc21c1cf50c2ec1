"""The streams and calls that a service has opened and that have not ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from translate_svc.errors import TranslateSvcError
from translate_svc.session.one_shot import OneShot
from translate_svc.session.session import Session


class OpenSessions:
    """Sessions of streams and of calls. Belongs to the event loop; those that have ended are dropped."""

    def __init__(self) -> None:
        self._sessions: set[Session | OneShot] = set()

    def add(self, session: Session | OneShot) -> None:
        """Keeps ``session`` until it has ended."""
        self._sessions = {each for each in self._sessions if each.live} | {session}

    def __iter__(self) -> Iterator[Session | OneShot]:
        return iter(self._sessions)

    def streams(self) -> Iterator[Session]:
        """The sessions of streams that are open, without calls."""
        return (each for each in self._sessions if isinstance(each, Session) and each.live)

    def queued_input_ms(self, limit_ms: int) -> int:
        """Audio that waits for the server. Of each stream at most ``limit_ms`` counts, because one message
        can add an hour of silence.
        """
        return sum(min(round(stream.queued_s * 1000), limit_ms) for stream in self.streams())

    def fail(self, new_error: Callable[[], TranslateSvcError]) -> None:
        """Fails every session, each with an exception of its own."""
        for session in self._sessions:
            session.fail(new_error())

    async def cancel(self) -> None:
        """Cancels every session, waits until it has ended, and keeps none of them."""
        ending, self._sessions = self._sessions, set()
        await asyncio.gather(*(session.cancel() for session in ending))
