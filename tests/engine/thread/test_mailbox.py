from __future__ import annotations

from collections import Counter

import numpy as np

from translate_svc.engine.request import Request
from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.engine.thread.delivery import Submission
from translate_svc.engine.thread.mailbox import Mailbox


def submission(number: int, caller: str) -> Submission:
    request = Request(f"{caller}{number}", np.zeros(1, np.float32), (SequenceSpec("eng"),), caller=caller)
    return Submission(request, lambda event: None)


def taken(mailbox: Mailbox, caller: str, requests: int) -> int:
    """How many of so many requests get into the line."""
    return sum(mailbox.submit(submission(each, caller), lambda: None) for each in range(requests))


def test_one_caller_takes_three_quarters_of_the_line() -> None:
    mailbox = Mailbox(8)
    assert taken(mailbox, "a", 100) == 6
    assert taken(mailbox, "b", 100) == 2
    assert mailbox.waiting_requests == 8


def test_what_waits_in_the_scheduler_counts_too() -> None:
    mailbox = Mailbox(8)
    taken(mailbox, "a", 4)
    mailbox.take(wait=False)
    assert taken(mailbox, "a", 100) == 2
    mailbox.set_scheduler_waiting(Counter(a=1))
    assert mailbox.waiting_requests == 3
    assert taken(mailbox, "a", 100) == 3


def test_requests_of_nobody_in_particular_may_fill_it() -> None:
    assert taken(Mailbox(8), "", 100) == 8


def test_a_line_of_one_has_room_for_one() -> None:
    assert taken(Mailbox(1), "a", 100) == 1
