"""Warnings about how a sequence of an utterance ended."""

from __future__ import annotations

from translate_svc.engine.events import FinishStatus, SequenceFinished, StopReason
from translate_svc.session.utterances.live_sequence import LiveSequence
from translate_svc.types import StreamWarning

SHORT_TEXT = "short_text"

_STOPS = {
    StopReason.TOKEN_LIMIT: ("text_truncated", "the text reached its maximum length and was cut off"),
    StopReason.REPETITION: ("repetition_stopped", "the text repeated itself in a loop and was ended there"),
    StopReason.LENGTH: ("length_stopped", "the text outgrew what its source can have said and was ended"),
}
_UNEXPECTED_SCRIPT = (
    "unexpected_script",
    "the text is in another script than its language is written in and is not spoken",
)
_MIN_TEXT_TOKENS_PER_SECOND = 2.5
"""Fewer tokens per second of speech than this mean that the text is far shorter than its speech.

Measured with the starter over all clips of tests/data, in four languages each: utterances with 3 s of voiced
frames or more give at least 3.5 tokens a second. 15 s of sentences without a pause, part of which is lost,
give 2.3 to 5.8.
"""
_MIN_SPEECH_S = 3.0
"""Least voiced duration for which the token rate is checked. Shorter speech varies more (2.6 tokens a second
in the same clips), and a single drawled word would be below any rate.
"""


def sequence_warnings(
    sequence: LiveSequence, event: SequenceFinished, voiced_s: float | None, moved_tokens: int
) -> list[StreamWarning]:
    """The warnings about a sequence that ended with ``event``.

    ``voiced_s``: duration of the speech that the length of its text is compared with; None: it is not
    compared. ``moved_tokens``: tokens of that speech that other utterances delivered, less those that
    this one delivered of their speech.
    """
    warnings: list[tuple[str, str]] = []
    text = sequence.text
    if sequence.plan.is_hidden:
        return []
    if text is not None and text.stop in _STOPS:
        warnings.append(_STOPS[text.stop])
    if text is not None and text.unexpected_script:
        warnings.append(_UNEXPECTED_SCRIPT)
    if event.status is FinishStatus.FAILED:
        warnings.append(("sequence_failed", event.error or "the engine failed"))
    tokens = sequence.tokens + moved_tokens
    if not warnings and voiced_s is not None and text is not None and _is_short(tokens, voiced_s):
        warnings.append((SHORT_TEXT, "the text is far shorter than the speech: part of it may be lost"))
    language = sequence.plan.spec.language
    return [StreamWarning(code, message, sequence.utterance_id, language) for code, message in warnings]


def _is_short(text_tokens: int, voiced_s: float) -> bool:
    """Whether a text of ``text_tokens`` tokens is far shorter than ``voiced_s`` seconds of speech."""
    return voiced_s >= _MIN_SPEECH_S and text_tokens < _MIN_TEXT_TOKENS_PER_SECOND * voiced_s
