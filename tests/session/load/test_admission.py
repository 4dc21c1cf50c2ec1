"""Who is refused, and that nobody is who need not be."""

from __future__ import annotations

import pytest

from translate_svc.errors import ResourceExhausted
from translate_svc.session.admission import Admission, AdmissionOptions, Backlog, RetrySchedule

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
