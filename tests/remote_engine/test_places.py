"""Places for streams: never too many, and where they are needed."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from translate_svc.remote_engine.places import PlaceLedger


@dataclass
class Front:
    """A front process as the ledger should find it, with messages on their way in both directions."""

    places: int = 0
    serial: int = 0
    live: int = 0
    missed: int = 0
    told: deque[tuple[int, int]] = field(default_factory=deque)
    reports: deque[tuple[int, int, int]] = field(default_factory=deque)

    def admit(self) -> bool:
        if self.live < self.places:
            self.live += 1
            return True
        self.missed += 1
        return False

    def report(self) -> None:
        self.reports.append((self.serial, self.live, self.missed))


class Server:
    """A ledger, and fronts that hear of it late."""

    def __init__(self, places: int, fronts: int) -> None:
        self.ledger = PlaceLedger(places)
        self.fronts = {index: Front() for index in range(fronts)}
        for index in self.fronts:
            self.ledger.join(index)
        self.tell()

    def tell(self) -> None:
        for index, front in self.fronts.items():
            target = self.ledger.target(index)
            if not front.told or front.told[-1] != target:
                front.told.append(target)

    def deliver_told(self, index: int) -> None:
        front = self.fronts[index]
        if front.told:
            front.places, front.serial = front.told.popleft()

    def deliver_report(self, index: int) -> None:
        front = self.fronts[index]
        if front.reports:
            serial, live, missed = front.reports.popleft()
            self.ledger.report(index, serial=serial, live=live, missed=missed)
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
                server.ledger.leave(index)
                server.fronts[index] = Front()
                server.ledger.join(index)
                server.tell()
        assert server.live <= places
    server.settle()
    assert sum(max(front.places, front.live) for front in server.fronts.values()) == places, "none is lost"


def test_free_places_are_spread_evenly() -> None:
    server = Server(10, fronts=3)
    server.settle()
    assert sorted(front.places for front in server.fronts.values()) == [3, 3, 4]
    for _ in range(3):
        assert server.fronts[0].admit()
    server.settle()
    assert sorted(front.places - front.live for front in server.fronts.values()) == [2, 2, 3]


def test_the_last_place_goes_to_whoever_missed_it_and_waits_there() -> None:
    server = Server(4, fronts=2)
    server.settle()
    full, other = server.fronts[0], server.fronts[1]
    while server.live < 3:
        full.admit()
        server.settle()
    holder, missing = (full, other) if full.places > full.live else (other, full)
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
    server.ledger.leave(0)
    del server.fronts[0]
    server.tell()
    server.settle()
    assert server.fronts[1].places == 6


def test_where_there_are_fewer_places_streams_stay_and_nobody_comes_in() -> None:
    server = Server(6, fronts=2)
    server.settle()
    assert all(front.admit() for front in server.fronts.values() for _ in range(3))
    server.ledger.resize(2)
    server.tell()
    server.settle()
    assert not any(front.admit() for front in server.fronts.values())
    for front in server.fronts.values():
        front.live = 0
    server.settle()
    assert [front.places for front in server.fronts.values()] == [1, 1]


def test_a_process_is_settled_when_it_knows_of_its_places_or_there_are_none_for_it() -> None:
    """Or else a server with fewer places than front processes would never be ready."""
    ledger = PlaceLedger(3)
    ledger.join(0)
    assert not ledger.is_settled(0), "it was not told yet"
    ledger.report(0, serial=1, live=0, missed=0)
    assert ledger.is_settled(0)
    ledger.join(1)
    ledger.report(1, serial=0, live=0, missed=0)
    assert not ledger.is_settled(1), "the other one has all places, and has not given any back"
    ledger.report(0, serial=ledger.target(0)[1], live=0, missed=0)
    ledger.report(1, serial=ledger.target(1)[1], live=0, missed=0)
    assert ledger.is_settled(1)
    assert sum(ledger.target(index)[0] for index in (0, 1)) == 3
    ledger = PlaceLedger(1)
    for index in (0, 1):
        ledger.join(index)
        ledger.report(index, serial=ledger.target(index)[1], live=0, missed=0)
    assert [ledger.target(index)[0] for index in (0, 1)] == [1, 0]
    assert ledger.is_settled(1)
