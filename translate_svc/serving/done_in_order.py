"""The ends of a stream's utterances in the order of speech."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from translate_svc.types import SpeechStarted, UtteranceDone


class DoneInOrder:
    """Holds the end of an utterance until those before it have ended.

    Texts come in order, ends do not: an utterance may end before the one before it. Who gives a text when
    its utterance has ended would tell sentences in the wrong order.
    """

    def __init__(self) -> None:
        self._open: deque[int] = deque()
        self._done: dict[int, UtteranceDone] = {}

    def begin(self, event: SpeechStarted) -> None:
        """Speech was heard."""
        self._open.append(event.utterance_id)

    def end(self, event: UtteranceDone) -> Iterator[UtteranceDone]:
        """An utterance has ended. Gives all ends that are due now."""
        self._done[event.utterance_id] = event
        while self._open and (done := self._done.pop(self._open[0], None)) is not None:
            self._open.popleft()
            yield done
