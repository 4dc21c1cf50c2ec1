"""What the client of a protocol without an event for it is told of an utterance that failed."""

from __future__ import annotations

from translate_svc.errors import TranslationFailed
from translate_svc.types import UtteranceDone


def failure_at(done: UtteranceDone, rate_hz: int) -> TranslationFailed:
    """Names where the utterance began; ``rate_hz``: of the input."""
    return TranslationFailed(f"the speech at {done.source.start / rate_hz:.1f} s failed")
