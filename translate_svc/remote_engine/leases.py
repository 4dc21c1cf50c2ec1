"""Leases of front processes: on a number of streams, and on each stream that was resumed. Pure.

The engine's process grants a lease. A front process acquires it and renews it with each report; it is
released when the process has gone. As messages take time, each lease has a number that grows: an older one
shows what comes late.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Protocol

from translate_svc.errors import InvalidArgument
from translate_svc.session.resume_point import ResumePoint


@dataclass(slots=True)
class _Lease:
    """The streams that one front process may serve.

    ``leased``: the last number sent to it. ``generation``: how often one was sent; ``observed``: the
    generation that it reported last. ``bound``: the most streams that it may hold now, since a
    number may be on its way. ``lowered``: a lower number is on its way.
    """

    leased: int = 0
    generation: int = 0
    observed: int = 0
    lowered: bool = False
    bound: int = 0
    live: int = 0
    missed: int = 0
    starved: bool = False


class CapacityLeases:
    """Leases the streams that a server may serve to its front processes.

    A front process admits a stream while it has fewer than it has leased. When its lease is lowered, streams
    stay until they end. So what is taken back counts as held until the process has observed the lower
    number. At no time do all processes together serve more than ``capacity`` streams, however long messages
    take.

    Free streams are spread evenly. The last few go to processes that have just refused one; otherwise they
    stay where they are, so that a client that comes again finds the one that was made for it.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._leases: dict[int, _Lease] = {}

    def resize(self, capacity: int) -> None:
        """Changes the number of streams. Those that are open stay until they end."""
        if capacity != self._capacity:
            self._capacity = capacity
            self._rebalance()

    def acquire(self, index: int) -> None:
        """A front process that has no lease yet."""
        self._leases[index] = _Lease()
        self._rebalance()

    def release(self, index: int) -> None:
        """A front process has ended, and its streams with it."""
        self._leases.pop(index, None)
        self._rebalance()

    def granted(self, index: int) -> tuple[int, int]:
        """The number to send to a front process, and its generation. At first zeros."""
        lease = self._leases.get(index, _Lease())
        return lease.leased, lease.generation

    def is_settled(self, index: int) -> bool:
        """Whether a front process has leased all that it should have now, and knows it."""
        lease = self._leases.get(index)
        if lease is None:
            return False
        return lease.observed == lease.generation and lease.leased >= self._wanted()[index]

    def renew(self, index: int, *, generation: int, live: int, missed: int) -> None:
        """A front process reports.

        Args:
            index: which one.
            generation: of the last number that has reached it.
            live: the streams that it serves.
            missed: how many streams it has refused since its start because it had no lease for them.
        """
        lease = self._leases.get(index)
        if lease is None:
            return
        lease.live, lease.observed = live, generation
        lease.starved = missed > lease.missed
        lease.missed = missed
        if generation == lease.generation:
            lease.bound = max(lease.leased, live)
            lease.lowered = False
        self._rebalance()

    def _rebalance(self) -> None:
        wanted = self._wanted()
        for index, lease in self._leases.items():
            if wanted[index] < lease.leased:
                lease.leased = wanted[index]  # the bound stays until it is observed
                lease.generation += 1
                lease.lowered = True
        free = self._capacity - sum(lease.bound for lease in self._leases.values())
        for index, lease in self._by_need():
            target = min(wanted[index], lease.bound + free)
            # nothing is given while a lower number is on its way: which one was observed would be in doubt
            if target > lease.leased and not lease.lowered:
                free -= max(0, target - lease.bound)
                lease.leased = target
                lease.bound = max(lease.bound, target)
                lease.generation += 1

    def _wanted(self) -> dict[int, int]:
        """What each would have if messages took no time: its streams and a share of the free ones."""
        if not self._leases:
            return {}
        free = max(0, self._capacity - sum(lease.live for lease in self._leases.values()))
        share, rest = divmod(free, len(self._leases))
        wanted = {}
        for rank, (index, lease) in enumerate(self._by_need()):
            wanted[index] = lease.live + share + (rank < rest)
        return wanted

    def _by_need(self) -> list[tuple[int, _Lease]]:
        def need(entry: tuple[int, _Lease]) -> tuple[bool, int, int]:
            index, lease = entry
            return not lease.starved, lease.live - lease.leased, index

        return sorted(self._leases.items(), key=need)


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
