"""Whose speech silences what is being said, by what had come when it began to be heard."""

from __future__ import annotations

from translate_svc.serving.interruptions import Interruptions
from translate_svc.types import SampleRange, SpeechChunk, SpeechStarted

RATE_HZ = 16_000


def chunk(utterance_id: int, *, final: bool = False) -> SpeechChunk:
    return SpeechChunk(utterance_id, SampleRange(0, 1), "spa", 0, b"", final)


def test_audio_that_was_there_before_anything_was_heard_interrupts_nobody() -> None:
    """Both sentences came at once, and the second one is detected while the first is being said."""
    interruptions = Interruptions(lambda: False, RATE_HZ)
    interruptions.received(5 * RATE_HZ)
    assert not interruptions.begin(SpeechStarted(0, 0, RATE_HZ))
    assert interruptions.passes(chunk(0))
    assert not interruptions.begin(SpeechStarted(1, 2 * RATE_HZ, 3 * RATE_HZ))
    assert interruptions.passes(chunk(0, final=True))
    assert interruptions.passes(chunk(1))
    interruptions.received(9 * RATE_HZ)
    assert interruptions.begin(SpeechStarted(2, 4 * RATE_HZ, 6 * RATE_HZ)), "its padding was there before"
    assert not interruptions.passes(chunk(1, final=True))
    assert interruptions.passes(chunk(2, final=True))


def test_who_speaks_as_soon_as_something_is_heard_interrupts() -> None:
    """The detector may tell speech to begin a little before it does."""
    interruptions = Interruptions(lambda: False, RATE_HZ)
    interruptions.received(2 * RATE_HZ)
    assert interruptions.passes(chunk(0))
    interruptions.received(3 * RATE_HZ)
    assert interruptions.begin(SpeechStarted(1, RATE_HZ, 2 * RATE_HZ - 500))
