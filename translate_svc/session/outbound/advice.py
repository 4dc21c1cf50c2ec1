"""Warnings about utterances that lose words, with advice: the client cannot see the cause itself."""

from __future__ import annotations

from translate_svc.session.settings.negotiated import Negotiated
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ, EndReason, Segmentation, StreamWarning

MAX_LENGTH_CUTS = 3
"""Utterances cut for their length in a row before the client is warned. One alone may be a long sentence."""

GOOD_MAX_UTTERANCE_MS = 5_000
"""What the advice names in place of a longer maximum: on monologues without pauses the starter has 87 BLEU
with it, 47 with 15 s and 66 with 2.5 s.
"""


FALLING_BEHIND_S = 2.0
"""With this lag a client is told. Below half of it the stream has caught up."""
_REPEAT_AFTER_S = 10.0


class LagAdvice:
    """Warns a stream whose results come late: once, and again each time that the lag has doubled since."""

    def __init__(self) -> None:
        self._told_s = 0.0
        self._told_at_s = float("-inf")

    def update(self, now_s: float, lag_s: float) -> StreamWarning | None:
        """Takes the lag at ``now_s``."""
        if lag_s < FALLING_BEHIND_S / 2:
            self._told_s = 0.0
        if lag_s < max(FALLING_BEHIND_S, 2 * self._told_s) or now_s - self._told_at_s < _REPEAT_AFTER_S:
            return None
        self._told_s, self._told_at_s = lag_s, now_s
        message = f"the server does not keep up: results are {lag_s:.1f} s behind"
        return StreamWarning("falling_behind", message, lag_ms=round(lag_s * 1000))


class SkipAdvice:
    """Warns once in an utterance that hypotheses are left out."""

    def __init__(self) -> None:
        self._told_of = -1

    def update(self, utterance_id: int) -> StreamWarning | None:
        """A hypothesis of this utterance was left out."""
        if utterance_id == self._told_of:
            return None
        self._told_of = utterance_id
        message = "the server is busy: translations come in larger steps for now"
        return StreamWarning("drafts_skipped", message, utterance_id)


class LengthAdvice:
    """Counts utterances in a row that were cut for their length, and warns once a stream."""

    def __init__(self) -> None:
        self._in_a_row = 0
        self._warned = False

    def restart(self) -> None:
        """The settings have changed: utterances before that no longer count."""
        self._in_a_row = 0

    def update(self, reason: EndReason, settings: Negotiated) -> StreamWarning | None:
        """Counts the next utterance with speech, which ended for ``reason``. Returns one warning at most."""
        self._in_a_row = self._in_a_row + 1 if reason is EndReason.MAX_LENGTH else 0
        if self._warned or self._in_a_row < MAX_LENGTH_CUTS:
            return None
        self._warned = True
        vad = settings.vad
        reached = f"{MAX_LENGTH_CUTS} utterances in a row reached max_utterance_ms ({vad.max_utterance_ms})"
        if settings.settings.segmentation is Segmentation.MANUAL:
            missed = "no finalize ended them"
        elif settings.settings.segmentation is Segmentation.HINDSIGHT:
            missed = "nobody paused within them"
        else:
            missed = f"no pause of min_silence_ms ({vad.min_silence_ms}) ended them"
        lost = "Their text comes late and may lack words."
        return StreamWarning("max_utterance_reached", f"{reached}: {missed}. {lost} {_what_helps(settings)}")


def _what_helps(settings: Negotiated) -> str:
    if settings.simultaneous is not None:
        least_ms = settings.simultaneous.cut_from_samples * 1000 // INTERNAL_SAMPLE_RATE_HZ
        return f"A max_utterance_ms well above {least_ms}, or a smaller simultaneous.max_buffer_ms, helps."
    if settings.settings.segmentation is Segmentation.HINDSIGHT:
        return "Simultaneous translation helps (settings.simultaneous)."
    if settings.vad.max_utterance_ms > GOOD_MAX_UTTERANCE_MS:
        otherwise = f"a smaller max_utterance_ms, such as {GOOD_MAX_UTTERANCE_MS}"
    elif settings.settings.segmentation is Segmentation.MANUAL:
        otherwise = "a finalize at each pause"
    else:
        otherwise = "a shorter min_silence_ms"
    return f"Simultaneous translation helps (settings.simultaneous), or {otherwise}."
