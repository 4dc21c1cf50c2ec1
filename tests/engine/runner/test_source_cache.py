"""Frames of growing utterances: those of the same audio are found again, and memory has a bound."""

from __future__ import annotations

import numpy as np
import pytest

from translate_svc.engine.plan import SourcePlace
from translate_svc.engine.runner.source_cache import SourceCache
from translate_svc.models.log_mel import LogMelFrames

HOP = 160


def frames(first: int, count: int) -> LogMelFrames:
    """Frames of one value each: their number in the utterance."""
    return LogMelFrames(np.arange(first, first + count, dtype=np.float64), mel_bins=1, hop_samples=HOP)


def place(name: str, start: int, *, is_last: bool = False) -> SourcePlace:
    return SourcePlace(name, start, is_last)


@pytest.mark.parametrize(
    ("start", "known"),
    [(0, [0, 1, 2, 3]), (2 * HOP, [2, 3]), (3 * HOP, [3]), (4 * HOP, None), (100, None), (-HOP, None)],
)
def test_a_later_buffer_finds_the_frames_of_its_own_audio(start: int, known: list[int] | None) -> None:
    cache = SourceCache()
    cache.put(place("a", 0), frames(0, 4))
    found = cache.get(place("a", start))
    assert (None if found is None else found.values.tolist()) == known
    assert cache.get(place("b", start)) is None


def test_a_buffer_that_began_later_is_counted_from_there() -> None:
    cache = SourceCache()
    cache.put(place("a", 5 * HOP), frames(5, 3))
    found = cache.get(place("a", 6 * HOP))
    assert found is not None
    assert found.values.tolist() == [6, 7]


def test_the_last_source_and_a_device_without_frames_leave_none() -> None:
    cache = SourceCache()
    cache.put(place("a", 0), frames(0, 4))
    cache.put(place("a", 0, is_last=True), frames(0, 5))
    cache.put(place("b", 0), None)
    assert (len(cache), cache.bytes) == (0, 0)


def test_a_full_cache_drops_what_was_used_longest_ago() -> None:
    cache = SourceCache(max_bytes=10 * 8)
    for name in "abc":
        cache.put(place(name, 0), frames(0, 3))
    cache.get(place("a", 0))
    cache.put(place("d", 0), frames(0, 3))
    assert [cache.get(place(name, 0)) is not None for name in "abcd"] == [True, False, True, True]
    assert cache.bytes == 9 * 8
    cache.put(place("d", 0), frames(0, 11))
    assert (len(cache), cache.bytes) == (0, 0)
