"""Whether a text is far shorter than its speech."""

from __future__ import annotations

MIN_TEXT_TOKENS_PER_SECOND = 2.5
"""Fewer tokens per second of speech than this mean that the text is far shorter than its speech.

Measured with the starter over all clips of tests/data, in four languages each: utterances with 3 s of voiced
frames or more give at least 3.5 tokens a second. 15 s of sentences without a pause, part of which is lost,
give 2.3 to 5.8.
"""

MIN_SPEECH_S = 3.0
"""Least voiced duration for which the token rate is checked. Shorter speech varies more (2.6 tokens a second
in the same clips), and a single drawled word would be below any rate.
"""


def is_short(text_tokens: int, voiced_s: float) -> bool:
    """Whether a text of ``text_tokens`` tokens is far shorter than ``voiced_s`` seconds of speech."""
    return voiced_s >= MIN_SPEECH_S and text_tokens < MIN_TEXT_TOKENS_PER_SECOND * voiced_s
