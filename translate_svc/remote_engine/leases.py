"""Leases of front processes on streams that were resumed. Pure.

The engine's process grants a lease. A front process acquires it and renews it with each report; it is
released when the process has gone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Protocol

from translate_svc.errors import InvalidArgument
from translate_svc.session.resume_point import ResumePoint


@dataclass(frozen=True, slots=True)
class _StreamLease:
    index: int
    session_id: str
    token: int


class StreamLeases:
    """Leases each stream to one of its sessions, at any front process: to the one with the highest fencing
    token (``ResumePoint.epoch``), among equals to the one that asked last.

    A session asks when it resumes a stream. A session of a new stream has no rival and does not ask.
    """

    def __init__(self) -> None:
        self._leases: dict[str, _StreamLease] = {}

    def acquire(self, index: int, stream_id: str, token: int, session_id: str) -> str:
        """A session of front process ``index`` asks for a stream. Returns the id of the one that has it now:
        another one where the stream was resumed since.
        """
        lease = self._leases.get(stream_id)
        if lease is not None and lease.token > token:
            return lease.session_id
        self._leases[stream_id] = _StreamLease(index, session_id, token)
        return session_id

    def renew(self, index: int, session_ids: Collection[str]) -> None:
        """Forgets all sessions of a front process but these. The others have ended."""
        self._leases = {
            stream_id: lease
            for stream_id, lease in self._leases.items()
            if lease.index != index or lease.session_id in session_ids
        }

    def release(self, index: int) -> None:
        """A front process has ended, and its sessions with it."""
        self.renew(index, ())


class ResumableSession(Protocol):
    """The part of a session that leases need."""

    @property
    def session_id(self) -> str:
        """Differs from that of every other session."""

    @property
    def start(self) -> ResumePoint:
        """Where it began."""

    def supersede(self) -> None:
        """Ends it: another call has resumed the stream."""

    def fail(self, error: Exception) -> None:
        """Ends it because of ``error``."""


class LeasedStreams:
    """The leases of a front process on the streams resumed there. Ends sessions that lost their stream.

    A session opens without waiting for the answer. So for a round trip a stream may have two sessions; then
    the older one ends, or the newer one if it was opened with a token from before the last resumption.
    """

    def __init__(
        self, sessions: Callable[[], Iterable[ResumableSession]], ask: Callable[[str, int, str], None]
    ) -> None:
        """``sessions``: the streams that are open here. ``ask``: asks the engine's process, with the id of a
        stream, the fencing token and the id of the session.
        """
        self._sessions = sessions
        self._ask = ask
        self._unanswered: set[str] = set()

    def acquire(self, start: ResumePoint, session_id: str) -> None:
        """A session resumes a stream at ``start``. If it is refused, the older one ends all the same, and
        makes room for a client that comes again.
        """
        self._unanswered.add(session_id)
        self._ask(start.stream_id, start.epoch, session_id)

    @property
    def session_ids(self) -> tuple[str, ...]:
        """The sessions of resumed streams that are open: their leases are renewed."""
        return tuple(session.session_id for session in self._sessions() if session.start.epoch)

    def take(self, stream_id: str, holder: str, asked_by: str) -> None:
        """The engine's process has answered the session ``asked_by``: the stream is leased to ``holder``."""
        self._unanswered.discard(asked_by)
        for session in list(self._sessions()):
            number = session.session_id
            if session.start.stream_id != stream_id or number in (holder, *self._unanswered):
                continue  # a later answer decides about one that is unanswered
            if number == asked_by:
                session.fail(InvalidArgument("the stream was resumed since", field="config.resume_token"))
            else:
                session.supersede()
