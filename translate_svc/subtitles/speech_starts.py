"""Where speech starts in the source, for the times of texts."""

from __future__ import annotations

from translate_svc.types import SpeechStarted


class SpeechStarts:
    """Where the speech of each utterance starts in the source: after the padding of its audio."""

    def __init__(self) -> None:
        self._positions: dict[int, int] = {}

    def add(self, event: SpeechStarted) -> None:
        """Keeps the start of one utterance."""
        self._positions[event.utterance_id] = event.speech_position

    def of(self, utterance_id: int, audio_start: int) -> int:
        """The start of its speech, or ``audio_start`` if the server did not tell it."""
        return max(audio_start, self._positions.get(utterance_id, 0))

    def drop(self, utterance_id: int) -> None:
        """Forgets an utterance that is done."""
        self._positions.pop(utterance_id, None)
