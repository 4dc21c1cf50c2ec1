"""Control messages at their places in the input: how many may wait, and what an error names."""

from __future__ import annotations

import pytest

from translate_svc.errors import InvalidArgument
from translate_svc.session.inbound.marked_input import Boundary, MarkedInput


@pytest.mark.parametrize("marker", list(Boundary))
def test_nothing_follows_the_end(marker: Boundary) -> None:
    marked = MarkedInput(0, 1 << 20)
    marked.mark(Boundary.END)
    with pytest.raises(InvalidArgument, match="nothing may follow") as caught:
        marked.mark(marker)
    assert caught.value.field == marker.value
