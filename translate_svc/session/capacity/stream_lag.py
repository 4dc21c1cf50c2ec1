"""Measures how far the results of one stream are behind its audio. Pure."""

from __future__ import annotations

from collections import deque

_LONG_S = 0.1
"""What a shorter message holds has come at its end, for this purpose; and who is less late is in time."""
_LONG_MESSAGES = 1_000
"""So many are remembered: more than 100 s of audio, which no utterance spans."""
_RECENT_S = 10.0
"""How long the lag of an utterance counts after its first text."""


class StreamLag:
    """Measures one stream. All times are of one clock, in seconds; positions are input samples.

    Audio is *due* when its message has arrived, but not before it would have been spoken. So a file that is
    sent faster than it plays is never behind, because there the sender waits; nor is speech that its client
    has held back and sends in one message.
    """

    def __init__(self, input_rate_hz: int) -> None:
        self._rate_hz = input_rate_hz
        self._origin_s: float | None = None
        self._long: deque[tuple[int, int, float]] = deque(maxlen=_LONG_MESSAGES)  # from, to, and when it came
        self._due_s: dict[int, float] = {}  # by utterance without a text yet
        self._answered: tuple[float, float] | None = None  # when, and when it was due

    def arrive(self, position: int, samples: int, now_s: float) -> None:
        """Notes that a message with these ``samples`` from ``position`` on has arrived."""
        if self._origin_s is None:
            self._origin_s = now_s - position / self._rate_hz
        due_s = self._origin_s + position / self._rate_hz
        if samples > _LONG_S * self._rate_hz and now_s > due_s + _LONG_S:
            self._long.append((position, position + samples, now_s))

    def due_s(self, position: int, arrived_s: float) -> float:
        """The time at which the audio up to ``position`` is due. ``arrived_s``: when it would have arrived in
        short messages.
        """
        if self._origin_s is None:
            return arrived_s
        came_s = next((at_s for start, end, at_s in self._long if start < position <= end), arrived_s)
        return max(arrived_s, came_s, self._origin_s + position / self._rate_hz)

    def expect(self, utterance_id: int, due_s: float) -> None:
        """Notes that an utterance has ended, and that its text is due at ``due_s``."""
        self._due_s[utterance_id] = due_s

    def answer(self, utterance_id: int, now_s: float) -> None:
        """Notes the first text of an utterance, or its end without a text. Further calls change nothing."""
        due_s = self._due_s.pop(utterance_id, None)
        if due_s is not None:
            self._answered = now_s, due_s

    def forget(self) -> None:
        """Forgets all texts that are due."""
        self._due_s.clear()

    def seconds(
        self, now_s: float, queue_due_s: float | None = None, reader_late_s: float = float("-inf")
    ) -> float | None:
        """The lag now, in seconds; None if no result was due for ten seconds.

        ``queue_due_s``: when the oldest audio in the input queue was due. ``reader_late_s``: until when the
        results waited for the client to read. What was due before that is due then.
        """
        spans = [(due_s, now_s) for due_s in self._due_s.values()]
        if queue_due_s is not None:
            spans.append((queue_due_s, now_s))
        if self._answered is not None and now_s - self._answered[0] < _RECENT_S:
            answered_s, due_s = self._answered
            spans.append((due_s, answered_s))
        lags_s = [end_s - max(due_s, reader_late_s) for due_s, end_s in spans]
        return max(0.0, *lags_s) if lags_s else None
