"""Texts that repeat themselves without end, as decoders do that have lost the source. Pure."""

from __future__ import annotations

from collections.abc import Sequence

_MIN_COPIES = {1: 6, 2: 4, 3: 4} | dict.fromkeys(range(4, 13), 3)
"""From the length of a phrase in tokens to the number of its copies, in a row at the end of a text, that make
a loop. A whole utterance may have more copies (``engine.text.guards.MAX_REPETITIONS``). A hypothesis adds
only one or two seconds of speech, so its loops are shorter."""


def loop_start(token_ids: Sequence[int]) -> int | None:
    """The index at which the second copy of a loop begins. None if the text does not end in a loop."""
    for period, copies in _MIN_COPIES.items():
        start = len(token_ids)
        while start > period and token_ids[start - 1] == token_ids[start - 1 - period]:
            start -= 1
        if len(token_ids) - start >= period * (copies - 1):
            return start
    return None
