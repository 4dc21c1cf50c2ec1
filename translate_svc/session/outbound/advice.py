"""Warnings of utterances that lose words, and of what would help: for a client who cannot see why."""

from __future__ import annotations

from translate_svc.session.negotiation import Negotiated
from translate_svc.types import EndReason, Segmentation, StreamWarning

MAX_LENGTH_CUTS = 3
"""Utterances in a row that are cut for their length until the client is told. One may be a long sentence."""

MIN_TEXT_TOKENS_PER_SECOND = 2.5
"""Text that a second of speech becomes at the least; what is below is far shorter than its speech.

Measured with the starter over all clips of tests/data, in four languages each: an utterance of 3 s of voiced
frames or more becomes at least 3.5 tokens a second. Of 15 s of sentences without a pause, of which a part is
lost, it makes 2.3 to 5.8.
"""

MIN_JUDGED_S = 3.0
"""Speech of which the rate of tokens is judged. Shorter speech varies more (2.6 tokens a second in the same
clips), and one word that somebody drawls would be below any rate.
"""


class LengthAdvice:
    """Counts utterances in a row that were cut for their length, as long as the same settings hold."""

    def __init__(self) -> None:
        self._in_a_row = 0
        self._told = False

    def hear(self, reason: EndReason, settings: Negotiated) -> StreamWarning | None:
        """The next utterance with speech was cut for ``reason``; returns what to tell the client, once."""
        self._in_a_row = self._in_a_row + 1 if reason is EndReason.MAX_LENGTH else 0
        if self._told or self._in_a_row < MAX_LENGTH_CUTS:
            return None
        self._told = True
        vad = settings.vad
        reached = f"{MAX_LENGTH_CUTS} utterances in a row reached max_utterance_ms ({vad.max_utterance_ms})"
        if settings.settings.segmentation is Segmentation.MANUAL:
            missed, helps = "no finalize ended them", "A finalize at each pause"
        else:
            missed = f"no pause of min_silence_ms ({vad.min_silence_ms}) ended them"
            helps = "A smaller max_utterance_ms or a shorter min_silence_ms"
        lost = "Their text comes late and may lack words."
        return StreamWarning("max_utterance_reached", f"{reached}: {missed}. {lost} {helps} helps.")


def is_short(text_tokens: int, voiced_s: float) -> bool:
    """Whether a text of so many tokens is far shorter than ``voiced_s`` seconds of speech."""
    return voiced_s >= MIN_JUDGED_S and text_tokens < MIN_TEXT_TOKENS_PER_SECOND * voiced_s
