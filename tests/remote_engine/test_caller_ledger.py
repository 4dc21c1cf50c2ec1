"""Limits of callers are those of the whole server, whichever front process serves them."""

from __future__ import annotations

import random

import pytest

from translate_svc.errors import ResourceExhausted
from translate_svc.remote_engine.caller_ledger import CallerLedger
from translate_svc.session.admission import Admission, AdmissionOptions, AdmissionSlot
from translate_svc.session.quotas.quotas import CallerUsage, Quotas
from translate_svc.types import Caller, CallerLimits

FRONTS = 3


class Server:
    """The quotas of several front processes, and the ledger between them. Messages go when the test says."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.ledger = CallerLedger(lambda: self.now_s)
        self.fronts = [self._front() for _ in range(FRONTS)]
        self.admission = Admission(AdmissionOptions(max_streams=10_000))
        self.exchange()

    def _front(self) -> Quotas:
        return Quotas("starter", clock=lambda: self.now_s)

    def exchange(self) -> None:
        """Every front process reports, and hears the reports of the others."""
        for index, front in enumerate(self.fronts):
            self.ledger.renew(index, front.take_usage())
        for index, front in enumerate(self.fronts):
            front.take_in(self.ledger.elsewhere(index))

    def restart(self, index: int) -> None:
        self.ledger.release(index)
        self.fronts[index] = self._front()
        self.exchange()

    def open(self, index: int, caller: Caller) -> AdmissionSlot:
        self.fronts[index].check(caller)
        slot = self.admission.admit()
        self.fronts[index].hold(caller, slot)
        return slot


@pytest.fixture
def server() -> Server:
    return Server()


ALICE = Caller("alice", limits=CallerLimits(max_streams=3, audio_s_per_minute=60.0, audio_burst_s=60.0))


def test_streams_of_all_processes_count_together(server: Server) -> None:
    slots = []
    for index in range(FRONTS):
        slots.append(server.open(index, ALICE))
        server.exchange()
    for index in range(FRONTS):
        with pytest.raises(ResourceExhausted, match="3 streams of this caller are open"):
            server.open(index, ALICE)
    slots[0].release()
    server.exchange()
    server.open(2, ALICE)
    server.exchange()
    with pytest.raises(ResourceExhausted):
        server.open(0, ALICE)


def test_streams_of_a_process_that_is_gone_do_not_count(server: Server) -> None:
    for index in (0, 1, 1):
        server.open(index, ALICE)
    server.exchange()
    server.restart(1)
    server.open(1, ALICE)
    server.exchange()
    server.open(2, ALICE)
    server.exchange()
    with pytest.raises(ResourceExhausted):
        server.open(2, ALICE)


@pytest.mark.parametrize("seed", range(20))
def test_audio_of_all_processes_is_taken_from_one_bucket(server: Server, seed: int) -> None:
    """Whatever process takes it: in ten minutes a caller sends its burst and ten minutes' worth, and what it
    can send between two exchanges."""
    chance, sent_s = random.Random(seed), 0.0
    for _ in range(1_200):
        server.now_s += 0.5
        for _ in range(chance.randrange(8)):
            front = chance.choice(server.fronts)
            try:
                front.check_audio(ALICE)
            except ResourceExhausted:
                continue
            front.charge(ALICE, 0.5)
            sent_s += 0.5
        server.exchange()
    assert 60 + 600 - 1 <= sent_s <= 60 + 600 + 4


def test_a_process_that_starts_again_forgives_and_does_not_charge_twice(server: Server) -> None:
    for _ in range(30):
        server.fronts[0].charge(ALICE, 2.0)
        server.exchange()
    for front in server.fronts:
        with pytest.raises(ResourceExhausted):
            front.check_audio(ALICE)
    server.restart(1)
    server.fronts[1].check_audio(ALICE)
    server.fronts[1].charge(ALICE, 61.0)
    server.exchange()
    server.now_s += 62
    server.exchange()
    for front in server.fronts:
        front.check_audio(ALICE)


def test_who_uses_nothing_is_left_out_after_a_while(server: Server) -> None:
    slot = server.open(0, ALICE)
    server.fronts[0].charge(ALICE, 1.0)
    server.exchange()
    assert server.ledger.elsewhere(1) == (CallerUsage("alice", 1, 1.0, 60.0, 60.0),)
    assert server.ledger.elsewhere(0) == ()
    server.now_s += 60
    server.exchange()
    assert server.ledger.elsewhere(1)[0].streams == 1
    slot.release()
    server.exchange()
    server.now_s += 11
    server.exchange()
    assert server.ledger.elsewhere(1) == ()
    server.fronts[0].charge(ALICE, 5.0)
    server.exchange()
    assert server.ledger.elsewhere(1)[0].audio_s == 5.0
    server.fronts[1].charge(ALICE, 55.0)
    with pytest.raises(ResourceExhausted):
        server.fronts[1].check_audio(ALICE)
