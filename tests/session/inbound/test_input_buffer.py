"""The input buffer against a plain array."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from translate_svc.session.inbound.input_buffer import InputBuffer

pieces = st.lists(st.tuples(st.booleans(), st.integers(0, 20_000)), max_size=12)


@given(pieces, st.integers(0, 2**40), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_reads_what_was_appended(
    parts: list[tuple[bool, int]], start: int, discarded: float, low: float, high: float
) -> None:
    buffer, rng = InputBuffer(start), np.random.default_rng(0)
    expected = np.zeros(0, dtype=np.float32)
    for silent, length in parts:
        chunk = (
            np.zeros(length, dtype=np.float32) if silent else rng.uniform(-1, 1, length).astype(np.float32)
        )
        expected = np.concatenate((expected, chunk))
        if silent:
            buffer.append_silence(length)
        else:
            buffer.append(chunk)
    assert buffer.end == start + len(expected)
    first = int(discarded * len(expected))
    buffer.discard_before(start + first)
    begin, end = sorted(first + int(place * (len(expected) - first)) for place in (low, high))
    np.testing.assert_array_equal(buffer.read(start + begin, start + end), expected[begin:end])
    silent_until = buffer.silent_until(start + begin) - start
    assert begin <= silent_until
    assert not expected[begin:silent_until].any()


def test_long_silence_is_stored_as_its_length() -> None:
    buffer = InputBuffer()
    buffer.append_silence(2**50)
    buffer.append_silence(5)
    assert buffer.end == 2**50 + 5
    assert buffer.stored_samples == 0
    assert buffer.silent_until(7) == 2**50 + 5


def test_tiny_chunks_share_blocks() -> None:
    buffer = InputBuffer()
    for _ in range(10_000):
        buffer.append(np.ones(1, dtype=np.float32))
    assert buffer.stored_samples <= 2 * 8_192


def test_discarding_frees_memory() -> None:
    buffer = InputBuffer()
    buffer.append(np.ones(100_000, dtype=np.float32))
    buffer.discard_before(90_000)
    assert buffer.stored_samples <= 3 * 8_192
    with pytest.raises(IndexError):
        buffer.read(10_000, 10_001)


def test_reading_past_the_end_is_refused() -> None:
    buffer = InputBuffer()
    buffer.append(np.ones(10, dtype=np.float32))
    with pytest.raises(IndexError):
        buffer.read(5, 11)
