"""Whose speech silences what is still being said: barge-in."""

from __future__ import annotations

from translate_svc.types import EndReason, SpeechChunk, SpeechEnded, SpeechStarted

_CUT_IN_SPEECH = (EndReason.MAX_LENGTH, EndReason.CONTINUED)


class Interruptions:
    """Tells who begins to speak from who only goes on.

    An utterance that was cut for its length goes on in the next one, without a gap. Its speaker must not
    silence the translation of what he has just said. Nor does he of a sentence that nobody has begun to hear:
    who pauses between two sentences, or whose audio comes late and at once, would lose the first.
    """

    def __init__(self) -> None:
        self._silenced_before = 0
        self._cut_at: int | None = None
        self._is_being_said = False

    def end(self, event: SpeechEnded) -> None:
        """An utterance was cut."""
        self._cut_at = event.source.end if event.reason in _CUT_IN_SPEECH else None

    def begin(self, event: SpeechStarted, *, is_heard: bool) -> bool:
        """Speech was heard. Whether it interrupts: then all utterances before it are silenced. ``is_heard``:
        whether speech that was sent may still play.
        """
        goes_on = self._cut_at is not None and event.position <= self._cut_at
        if goes_on or not (is_heard or self._is_being_said):
            return False
        self._silenced_before, self._is_being_said = event.utterance_id, False
        return True

    def passes(self, chunk: SpeechChunk) -> bool:
        """Whether ``chunk`` is to be heard: its utterance was not interrupted."""
        if chunk.utterance_id < self._silenced_before:
            return False
        self._is_being_said = not chunk.final
        return True
