"""Of all sessions of a stream at several front processes one remains, in whatever order messages arrive."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from translate_svc.errors import InvalidArgument
from translate_svc.remote_engine.leases import LeasedStreams, StreamLeases
from translate_svc.session.outbound.commit_points import CommitPoint
from translate_svc.session.resume_point import ResumePoint
from translate_svc.types import StreamSettings

FRONTS = 3


class FakeSession:
    def __init__(self, front: Front, session_id: str, start: ResumePoint) -> None:
        self._front = front
        self.session_id = session_id
        self.start = start
        self.error: Exception | None = None

    def supersede(self) -> None:
        self._front.sessions.remove(self)

    def fail(self, error: Exception) -> None:
        self.error = error
        self._front.sessions.remove(self)


@dataclass
class Front:
    """A front process; ``sent`` and ``received`` are on their way."""

    sessions: list[FakeSession] = field(default_factory=list)
    sent: deque[tuple[str, int, str] | list[str]] = field(default_factory=deque)
    received: deque[tuple[str, str, str]] = field(default_factory=deque)
    leased: LeasedStreams = field(init=False)

    def __post_init__(self) -> None:
        self.leased = LeasedStreams(lambda: self.sessions, lambda *asked: self.sent.append(asked))


class Server:
    """Front processes and the process of the engine, with messages that wait to be delivered."""

    def __init__(self) -> None:
        self.leases = StreamLeases()
        self.fronts = [Front() for _ in range(FRONTS)]
        self.opened = 0

    def open(self, index: int, epoch: int, stream_id: str = "stream") -> FakeSession:
        """As ``Service.open_session``: older sessions of the stream end immediately."""
        front = self.fronts[index]
        for session in [each for each in front.sessions if each.start.stream_id == stream_id]:
            session.supersede()
        self.opened += 1
        start = ResumePoint(stream_id, epoch, CommitPoint(0, 0, StreamSettings(())))
        session = FakeSession(front, f"s{self.opened}", start)
        if epoch:
            front.leased.acquire(start, session.session_id)
        front.sessions.append(session)
        return session

    def report(self, index: int) -> None:
        self.fronts[index].sent.append(list(self.fronts[index].leased.session_ids))

    def deliver_up(self, index: int) -> None:
        """As ``FrontGroup``."""
        if not self.fronts[index].sent:
            return
        message = self.fronts[index].sent.popleft()
        if isinstance(message, list):
            self.leases.renew(index, message)
            return
        stream_id, token, session_id = message
        holder = self.leases.acquire(index, stream_id, token, session_id)
        for number, front in enumerate(self.fronts):
            if holder == session_id or number == index:
                front.received.append((stream_id, holder, session_id))

    def deliver_down(self, index: int) -> None:
        if self.fronts[index].received:
            self.fronts[index].leased.take(*self.fronts[index].received.popleft())

    def settle(self) -> None:
        while any(front.sent or front.received for front in self.fronts):
            for index in range(FRONTS):
                self.deliver_up(index)
                self.deliver_down(index)

    def live(self) -> list[FakeSession]:
        return [session for front in self.fronts for session in front.sessions]


_steps = st.tuples(st.sampled_from(("resume", "up", "down", "report")), st.integers(0, FRONTS - 1))


@given(st.lists(_steps, max_size=40))
def test_one_session_remains_and_it_is_one_of_the_newest(steps: list[tuple[str, int]]) -> None:
    """Each resumption comes with a token of the newest session that answered, or of one before it."""
    server = Server()
    server.open(0, 0)
    epochs = [0]
    for number, (step, index) in enumerate(steps):
        match step:
            case "resume":
                epochs.append(epochs[-1] + (number % 2))  # half of them with the same token again
                server.open(index, max(1, epochs[-1]))
            case "up":
                server.deliver_up(index)
            case "down":
                server.deliver_down(index)
            case "report":
                server.report(index)
    server.settle()
    (alive,) = server.live()
    assert alive.start.epoch == max(epochs[-1], int(len(epochs) > 1))


def test_a_token_from_before_the_last_resumption_is_refused() -> None:
    server = Server()
    server.open(0, 0)
    newer = server.open(1, 2)
    server.settle()
    stale = server.open(2, 1)
    server.settle()
    assert server.live() == [newer]
    assert isinstance(stale.error, InvalidArgument)
    assert stale.error.field == "config.resume_token"


def test_where_the_newest_has_ended_an_older_token_is_taken_again() -> None:
    """As in one process: only a session that lives stands against it."""
    server = Server()
    newer = server.open(1, 2)
    server.settle()
    newer.supersede()
    server.report(1)
    server.settle()
    older = server.open(2, 1)
    server.settle()
    assert server.live() == [older]


def test_a_front_process_that_dies_holds_nothing() -> None:
    server = Server()
    server.open(1, 2)
    server.settle()
    server.leases.release(1)
    server.fronts[1].sessions.clear()
    older = server.open(2, 1)
    server.settle()
    assert server.live() == [older]


def test_other_streams_go_on() -> None:
    server = Server()
    other = server.open(0, 0, "another")
    server.open(0, 0)
    newer = server.open(1, 1)
    server.settle()
    assert server.live() == [other, newer]
