"""Who is refused, and that nobody is who need not be."""

from __future__ import annotations

import pytest

from translate_svc.errors import ResourceExhausted
from translate_svc.session.admission import (
    Admission,
    AdmissionOptions,
    AdmissionSlot,
    Backlog,
    RetrySchedule,
)

OPTIONS = AdmissionOptions(
    max_streams=2, max_waiting_requests=3, max_queued_input_ms=1_000, retry_after_s=7.0
)


def refusal(admission: Admission) -> str:
    with pytest.raises(ResourceExhausted) as refused:
        admission.admit()
    assert refused.value.retry_after_s >= 7.0
    return refused.value.description


@pytest.mark.parametrize(
    ("backlog", "said"),
    [
        (Backlog(2, 999), ""),
        (Backlog(3, 0), "3 requests wait for the engine"),
        (Backlog(0, 1_000), "1000 ms of audio wait to be processed"),
    ],
)
def test_a_backlog_refuses_who_would_only_wait(backlog: Backlog, said: str) -> None:
    admission = Admission(OPTIONS, lambda: backlog)
    if said:
        assert refusal(admission) == said
    else:
        admission.admit()


def test_a_full_server_does_not_even_look_at_its_backlog() -> None:
    asked = []

    def backlog() -> Backlog:
        asked.append(1)
        return Backlog()

    admission = Admission(OPTIONS, backlog)
    for _ in range(2):
        admission.admit()
    refusal(admission)
    assert len(asked) == 2


def test_refused_callers_come_again_one_after_another() -> None:
    now_s = [100.0]
    options = AdmissionOptions(retry_after_s=2.0, retries_per_s=10.0, max_retry_after_s=4.0)
    retries = RetrySchedule(options, lambda: now_s[0])
    assert [retries.delay_s() for _ in range(3)] == pytest.approx([2.0, 2.1, 2.2])
    now_s[0] += 0.05
    assert retries.delay_s() == pytest.approx(2.25)
    now_s[0] += 1.0
    assert retries.delay_s() == pytest.approx(2.0), "who comes alone waits no longer than before"
    delays = [retries.delay_s() for _ in range(100)]
    assert max(delays) == pytest.approx(4.0)
    now_s[0] += 10.0
    assert retries.delay_s() == pytest.approx(2.0)


def test_who_has_left_or_goes_on_brings_no_load_that_does_not_show_yet() -> None:
    now_s = [0.0]
    admission = Admission(AdmissionOptions(), clock=lambda: now_s[0])
    admission.admit(cost=2.0)
    now_s[0] += 6
    for _ in range(20):
        admission.admit(cost=1.0).release()
    assert admission.newest_cost == 2.0, "they have left"
    admission.admit(cost=4.0, goes_on=True)
    assert admission.newest_cost == 2.0, "the engine has that load already"
    staying = admission.admit(cost=1.0)
    assert admission.newest_cost == 3.0
    now_s[0] += 5
    assert admission.newest_cost == 1.0
    staying.release()
    assert admission.newest_cost == 0.0


class Server:
    """With a measured capacity of eight. ``now_s`` is its time."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.capacity = 8.0
        options = AdmissionOptions(max_streams=20, retry_after_s=2.0)
        self.admission = Admission(options, capacity=lambda: self.capacity, clock=lambda: self.now_s)

    def enters(self, caller: str | None, cost: float = 1.0, *, goes_on: bool = False) -> AdmissionSlot | None:
        try:
            return self.admission.admit(caller, cost, goes_on=goes_on)
        except ResourceExhausted:
            return None


def test_who_has_no_stream_comes_in_beside_one_who_fills_the_server() -> None:
    server = Server()
    greedy = [server.enters("greedy") for _ in range(12)]
    assert sum(slot is not None for slot in greedy) == 8
    assert [server.enters(name) is not None for name in ("ann", "bob", "cem")] == [True, True, False]
    assert server.enters("ann") is None, "one above the capacity is for those who have none"


def test_a_place_that_gets_free_is_for_who_waits_without_one() -> None:
    server = Server()
    greedy = [slot for _ in range(10) if (slot := server.enters("greedy")) is not None]
    others = [server.enters(name) for name in ("ann", "bob", "cem")]
    assert others[2] is None
    for slot in greedy[:4]:
        slot.release()
    assert server.admission.live == 6
    assert server.enters("greedy") is None, "it has four of eight places, and its share is two"
    assert server.enters("greedy", goes_on=True) is not None, "a stream that goes on is no further one"
    assert server.enters("ann") is not None, "it has one, and its share is two"
    assert server.enters("cem") is not None
    for slot in greedy[4:]:
        slot.release()
    assert server.enters("greedy") is not None, "nobody waits any more"


def test_who_was_refused_and_does_not_come_again_keeps_nobody_out() -> None:
    server = Server()
    greedy = [slot for _ in range(8) if (slot := server.enters("greedy")) is not None]
    for name in ("ann", "bob", "cem"):
        server.enters(name)
    for slot in greedy[:6]:
        slot.release()
    assert server.enters("greedy") is None
    server.now_s += 10.0
    assert server.enters("greedy") is not None


def test_who_holds_more_than_the_server_turns_out_to_bear_keeps_no_newcomer_out() -> None:
    """The capacity is measured only once somebody speaks; then it has more places than there are."""
    server = Server()
    for _ in range(8):
        assert server.enters("greedy")
    server.capacity = 3.0
    assert server.enters("greedy") is None
    ann = server.enters("ann", cost=2.0)
    assert ann is not None
    assert server.enters("bob", cost=1.0) is None, "one more of those who have none at a time"
    ann.release()
    assert server.enters("bob", cost=1.0) is not None
    assert server.enters("bob", cost=1.0) is None


def test_the_places_of_newcomers_are_all_there_again_when_they_have_left() -> None:
    """Costs are fractions, and one newcomer's may be all that is kept for them."""
    server = Server()
    server.capacity = 16.0
    for _ in range(16):
        assert server.enters("greedy")
    inside = [server.enters(f"caller {cost}", cost=cost) for cost in (1.1, 1.3)]
    for slot in inside:
        assert slot is not None
        slot.release()
    server.capacity = 1.2
    assert server.enters("ann", cost=0.3) is not None


def test_many_callers_with_a_stream_each_are_not_above_their_shares() -> None:
    """Where the engine is behind because of all of them, another one would cost each of them something."""
    server = Server()
    for number in range(8):
        assert server.enters(f"caller {number}")
    server.capacity = 3.0
    assert server.enters("ann") is None


def test_callers_who_cannot_be_told_apart_share_the_places() -> None:
    server = Server()
    assert sum(server.enters(None) is not None for _ in range(12)) == 8


def test_a_place_is_what_its_kind_of_stream_costs() -> None:
    admission = Admission(AdmissionOptions(max_streams=20), capacity=lambda: 8.0)
    costly = [admission.admit(cost=3.0) for _ in range(2)]
    assert refused_with(admission, 3.0) == "the engine keeps up with 2 streams, and 2 are open"
    cheap = [admission.admit(cost=1.0) for _ in range(2)]
    assert refused_with(admission, 1.0) == "the engine keeps up with 4 streams, and 4 are open"
    costly[0].release()
    admission.admit(cost=3.0)
    for slot in (*costly, *cheap):
        slot.release()
    assert admission.cost == 3.0


def test_a_stream_that_costs_more_than_is_left_is_told_so() -> None:
    """It was told that the engine keeps up with eight streams, and that one is open."""
    admission = Admission(AdmissionOptions(max_streams=20), capacity=lambda: 8.0)
    admission.admit(cost=1.0)
    said = "is open, and the engine does not keep up with another of this kind"
    assert refused_with(admission, 8.0) == f"1 stream {said}"
    admission.admit(cost=1.0)
    assert refused_with(admission, 8.0) == f"2 streams {said.replace('is', 'are', 1)}"


def test_one_stream_is_said_to_be_one() -> None:
    admission = Admission(AdmissionOptions(max_streams=20), capacity=lambda: 1.0)
    admission.admit(cost=1.0)
    assert refused_with(admission, 1.0) == "the engine keeps up with 1 stream, and 1 is open"


def test_an_empty_server_takes_whatever_it_is() -> None:
    Admission(AdmissionOptions(max_streams=20), capacity=lambda: 1.0).admit(cost=4.0)


def refused_with(admission: Admission, cost: float) -> str:
    with pytest.raises(ResourceExhausted) as refused:
        admission.admit(cost=cost)
    return refused.value.description
