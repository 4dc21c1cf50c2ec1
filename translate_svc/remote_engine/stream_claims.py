"""The resumed streams of a front process, which the other ones must not serve any longer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from translate_svc.errors import InvalidArgument
from translate_svc.remote_engine.messages import Claim, Fence
from translate_svc.session.resume_point import ResumePoint


class ResumableSession(Protocol):
    """The part of a session that claims need."""

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


class StreamClaims:
    """Asks the engine's process for each stream that is resumed here, and ends what lost its stream.

    A session opens without waiting for the answer. So for a round trip a stream may have two sessions; then
    the older one ends, or the newer one if it was opened with a token from before the last resumption.
    """

    def __init__(
        self, sessions: Callable[[], Iterable[ResumableSession]], send: Callable[[Claim], None]
    ) -> None:
        """``sessions``: the streams that are open here. ``send``: sends to the engine's process."""
        self._sessions = sessions
        self._send = send
        self._unanswered: set[str] = set()

    def claim(self, start: ResumePoint, session_id: str) -> None:
        """A session resumes a stream at ``start``. If it is refused, the older one ends all the same, and its
        place becomes free for a client that comes again.
        """
        self._unanswered.add(session_id)
        self._send(Claim(start.stream_id, start.epoch, session_id))

    @property
    def session_ids(self) -> tuple[str, ...]:
        """The sessions of resumed streams that are open."""
        return tuple(session.session_id for session in self._sessions() if session.start.epoch)

    def receive(self, fence: Fence) -> None:
        """The engine's process has decided about a stream."""
        self._unanswered.discard(fence.answered)
        for session in list(self._sessions()):
            number = session.session_id
            if session.start.stream_id != fence.stream_id or number in (fence.holder, *self._unanswered):
                continue  # a later answer decides about one that is unanswered
            if number == fence.answered:
                session.fail(InvalidArgument("the stream was resumed since", field="config.resume_token"))
            else:
                session.supersede()
