"""Whose speech silences what is still being said: barge-in."""

from __future__ import annotations

from collections.abc import Callable

from translate_svc.types import EndReason, SpeechChunk, SpeechEnded, SpeechStarted

_CUT_IN_SPEECH = (EndReason.MAX_LENGTH, EndReason.CONTINUED)
_DETECTION_S = 0.1
"""Speech may be told to begin so much before it does."""


class Interruptions:
    """Tells who begins to speak from who only goes on.

    An utterance that was cut for its length goes on in the next one, without a gap. Its speaker must not
    silence the translation of what he has just said. Nor does he of a sentence that nobody had begun to hear
    when he spoke: who pauses between two sentences, or whose audio comes late and at once, would lose the
    first.
    """

    def __init__(self, is_heard: Callable[[], bool], rate_hz: int) -> None:
        """``is_heard``: whether speech that was sent may still play. ``rate_hz``: of the caller's audio."""
        self._is_heard = is_heard
        self._tolerance = round(_DETECTION_S * rate_hz)
        self._silenced_before = 0
        self._cut_at: int | None = None
        self._is_being_said = False
        self._received = 0
        self._received_before = 0  # what is being said could be heard

    def received(self, position: int) -> None:
        """The caller's audio before ``position`` has come."""
        self._received = position

    def end(self, event: SpeechEnded) -> None:
        """An utterance was cut."""
        self._cut_at = event.source.end if event.reason in _CUT_IN_SPEECH else None

    def begin(self, event: SpeechStarted) -> bool:
        """Speech was heard. Whether it interrupts: then all utterances before it are silenced."""
        goes_on = self._cut_at is not None and event.position <= self._cut_at
        spoken_from = max(event.position, event.speech_position)
        came_before = spoken_from + self._tolerance < self._received_before
        if goes_on or came_before or not self._is_playing:
            return False
        self._silenced_before, self._is_being_said = event.utterance_id, False
        return True

    def passes(self, chunk: SpeechChunk) -> bool:
        """Whether ``chunk`` is to be heard: its utterance was not interrupted."""
        if chunk.utterance_id < self._silenced_before:
            return False
        if not self._is_playing:
            self._received_before = self._received
        self._is_being_said = not chunk.final
        return True

    @property
    def _is_playing(self) -> bool:
        return self._is_being_said or self._is_heard()
