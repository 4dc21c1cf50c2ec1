"""Control messages at their places in the input: how many may wait, and what an error names."""

from __future__ import annotations

import numpy as np
import pytest

from translate_svc.errors import InvalidArgument, OutOfRange
from translate_svc.session.inbound.marked_input import Boundary, MarkedInput


def test_more_markers_than_may_wait_are_refused_by_the_field_of_their_message() -> None:
    marked = MarkedInput(0, 1 << 20)
    for _ in range(1_024):
        marked.push(np.zeros(1, np.float32))
        marked.mark(Boundary.FINALIZE)
    marked.mark(Boundary.FINALIZE)  # the same place as the last one: it is the same marker
    marked.push(np.zeros(1, np.float32))
    with pytest.raises(OutOfRange, match="more than 1024 control messages") as caught:
        marked.mark(Boundary.FINALIZE)
    assert caught.value.field == "finalize"
    marked.mark(Boundary.END)  # the end always has room


@pytest.mark.parametrize("marker", list(Boundary))
def test_nothing_follows_the_end(marker: Boundary) -> None:
    marked = MarkedInput(0, 1 << 20)
    marked.mark(Boundary.END)
    with pytest.raises(InvalidArgument, match="nothing may follow") as caught:
        marked.mark(marker)
    assert caught.value.field == marker.value
