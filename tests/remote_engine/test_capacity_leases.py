"""Leases on streams: never too many, and where they are needed."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from translate_svc.remote_engine.leases import CapacityLeases


@dataclass
class Front:
    """A front process as they should find it, with messages on their way in both directions."""

    leased: int = 0
    generation: int = 0
    live: int = 0
    missed: int = 0
    told: deque[tuple[int, int]] = field(default_factory=deque)
    reports: deque[tuple[int, int, int]] = field(default_factory=deque)

    def admit(self) -> bool:
        if self.live < self.leased:
            self.live += 1
            return True
        self.missed += 1
        return False

    def report(self) -> None:
        self.reports.append((self.generation, self.live, self.missed))


class Server:
    """The leases, and fronts that hear of it late."""

    def __init__(self, places: int, fronts: int) -> None:
        self.leases = CapacityLeases(places)
        self.fronts = {index: Front() for index in range(fronts)}
        for index in self.fronts:
            self.leases.acquire(index)
        self.tell()

    def tell(self) -> None:
        for index, front in self.fronts.items():
            granted = self.leases.granted(index)
            if not front.told or front.told[-1] != granted:
                front.told.append(granted)

    def deliver_told(self, index: int) -> None:
        front = self.fronts[index]
        if front.told:
            front.leased, front.generation = front.told.popleft()

    def deliver_report(self, index: int) -> None:
        front = self.fronts[index]
        if front.reports:
            generation, live, missed = front.reports.popleft()
            self.leases.renew(index, generation=generation, live=live, missed=missed)
            self.tell()

    def settle(self) -> None:
        """All messages arrive, until there is nothing new to say."""
        for _ in range(6):
            for index, front in self.fronts.items():
                while front.told:
                    self.deliver_told(index)
                front.report()
                while front.reports:
                    self.deliver_report(index)

    @property
    def live(self) -> int:
        return sum(front.live for front in self.fronts.values())


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["admit", "admit", "end", "report", "told", "heard", "die"]), st.integers(0, 2)
    ),
    max_size=80,
)


@given(places=st.integers(1, 7), actions=ACTIONS)
def test_there_are_never_more_streams_than_places(places: int, actions: list[tuple[str, int]]) -> None:
    server = Server(places, fronts=3)
    for action, index in actions:
        front = server.fronts[index]
        match action:
            case "admit":
                front.admit()
            case "end":
                front.live = max(0, front.live - 1)
            case "report":
                front.report()
            case "told":
                server.deliver_told(index)
            case "heard":
                server.deliver_report(index)
            case "die":
                server.leases.release(index)
                server.fronts[index] = Front()
                server.leases.acquire(index)
                server.tell()
        assert server.live <= places
    server.settle()
    assert sum(max(front.leased, front.live) for front in server.fronts.values()) == places, "none is lost"


def test_free_places_are_spread_evenly() -> None:
    server = Server(10, fronts=3)
    server.settle()
    assert sorted(front.leased for front in server.fronts.values()) == [3, 3, 4]
    for _ in range(3):
        assert server.fronts[0].admit()
    server.settle()
    assert sorted(front.leased - front.live for front in server.fronts.values()) == [2, 2, 3]


def test_the_last_place_goes_to_whoever_missed_it_and_waits_there() -> None:
    server = Server(4, fronts=2)
    server.settle()
    full, other = server.fronts[0], server.fronts[1]
    while server.live < 3:
        full.admit()
        server.settle()
    holder, missing = (full, other) if full.leased > full.live else (other, full)
    assert not missing.admit()
    server.settle()
    server.settle()  # it stays until somebody else needs it
    assert missing.admit()
    assert not holder.admit()
    server.settle()
    assert server.live == 4
    assert not holder.admit()
    assert not missing.admit()


def test_the_places_of_a_process_that_died_are_free_at_once() -> None:
    server = Server(6, fronts=2)
    server.settle()
    for _ in range(3):
        assert server.fronts[0].admit()
    server.settle()
    server.leases.release(0)
    del server.fronts[0]
    server.tell()
    server.settle()
    assert server.fronts[1].leased == 6


def test_where_there_are_fewer_places_streams_stay_and_nobody_comes_in() -> None:
    server = Server(6, fronts=2)
    server.settle()
    assert all(front.admit() for front in server.fronts.values() for _ in range(3))
    server.leases.resize(2)
    server.tell()
    server.settle()
    assert not any(front.admit() for front in server.fronts.values())
    for front in server.fronts.values():
        front.live = 0
    server.settle()
    assert [front.leased for front in server.fronts.values()] == [1, 1]


def test_a_process_is_settled_when_it_knows_of_its_places_or_there_are_none_for_it() -> None:
    """Or else a server with fewer places than front processes would never be ready."""
    leases = CapacityLeases(3)
    leases.acquire(0)
    assert not leases.is_settled(0), "it was not told yet"
    leases.renew(0, generation=1, live=0, missed=0)
    assert leases.is_settled(0)
    leases.acquire(1)
    leases.renew(1, generation=0, live=0, missed=0)
    assert not leases.is_settled(1), "the other one has all places, and has not given any back"
    leases.renew(0, generation=leases.granted(0)[1], live=0, missed=0)
    leases.renew(1, generation=leases.granted(1)[1], live=0, missed=0)
    assert leases.is_settled(1)
    assert sum(leases.granted(index)[0] for index in (0, 1)) == 3
    leases = CapacityLeases(1)
    for index in (0, 1):
        leases.acquire(index)
        leases.renew(index, generation=leases.granted(index)[1], live=0, missed=0)
    assert [leases.granted(index)[0] for index in (0, 1)] == [1, 0]
    assert leases.is_settled(1)
