"""Admission in one of several front processes."""

from __future__ import annotations

import pytest

from translate_svc.errors import ResourceExhausted
from translate_svc.session.admission import AdmissionOptions, Backlog
from translate_svc.session.capacity.front_peers import FrontPeers, ServerState, SharedAdmission


def test_it_admits_as_many_as_it_has_leased_and_says_when_it_lacks_one() -> None:
    calls: list[int] = []
    fronts = FrontPeers(ServerState(leased=2), on_full=lambda: calls.append(1))
    admission = SharedAdmission(AdmissionOptions(max_streams=10, retry_after_s=3.0), Backlog, fronts)
    first = admission.admit()
    assert calls == []
    admission.admit()
    assert calls == [1], "the next one may find no place: time to ask for more"
    with pytest.raises(ResourceExhausted) as caught:
        admission.admit()
    assert caught.value.retry_after_s == 3.0
    assert calls == [1, 1]
    assert (admission.live, admission.admitted, admission.rejected, fronts.missed) == (2, 2, 1, 1)
    fronts.state = ServerState(leased=1)
    first.release()
    with pytest.raises(ResourceExhausted):
        admission.admit()


def test_what_waits_at_the_others_counts() -> None:
    fronts = FrontPeers(ServerState(leased=5, queued_input_ms=600))
    options = AdmissionOptions(max_streams=10, max_queued_input_ms=1_000)
    backlog = Backlog(queued_input_ms=300)
    admission = SharedAdmission(options, lambda: backlog, fronts)
    admission.admit()
    backlog = Backlog(queued_input_ms=400)
    with pytest.raises(ResourceExhausted, match="1000 ms of audio"):
        admission.admit()
    assert fronts.missed == 0
