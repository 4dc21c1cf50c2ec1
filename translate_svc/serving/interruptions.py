"""Whose speech silences what is still being said: barge-in."""

from __future__ import annotations

from translate_svc.types import EndReason, SpeechEnded, SpeechStarted

_CUT_IN_SPEECH = (EndReason.MAX_LENGTH, EndReason.CONTINUED)


class Interruptions:
    """Tells who begins to speak from who only goes on.

    An utterance that was cut for its length goes on in the next one, without a gap. Its speaker must not
    silence the translation of what he has just said.
    """

    def __init__(self) -> None:
        self._silenced_before = 0
        self._cut_at: int | None = None

    def end(self, event: SpeechEnded) -> None:
        """An utterance was cut."""
        self._cut_at = event.source.end if event.reason in _CUT_IN_SPEECH else None

    def begin(self, event: SpeechStarted) -> bool:
        """Speech was heard. Whether it interrupts: then all utterances before it are silenced."""
        if self._cut_at is not None and event.position <= self._cut_at:
            return False
        self._silenced_before = event.utterance_id
        return True

    def silenced(self, utterance_id: int) -> bool:
        """Whether an utterance was interrupted: nothing more of it is to be heard."""
        return utterance_id < self._silenced_before
