"""Commit points of a stream, reported once all results of the input before them have been sent."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from translate_svc.session.utterances.hypothesis_builder import Continuation
from translate_svc.types import StreamSettings, Usage


@dataclass(frozen=True, slots=True)
class CommitPoint:
    """A place from which a stream can continue: input before ``position`` is never needed again.

    Attributes:
        position: input sample at which resampler, detector and frame grid restart.
        next_utterance_id: of the first utterance after it.
        settings: in force there, every default filled in.
        applied_updates: updates of the settings that they hold, from the stream's first.
        usage: of all utterances before it.
        continued_from: the end of a cut utterance that the next one continues; None without one.
        continuation: the state that the cut utterance leaves for the next one.
        heard_position: input sample through which simultaneous translation had heard. It does not translate
            steps up to there again.
    """

    position: int
    next_utterance_id: int
    settings: StreamSettings
    applied_updates: int = 0
    usage: Usage = field(default_factory=Usage)
    continued_from: int | None = None
    continuation: Continuation | None = None
    heard_position: int = -1


class CommitPoints:
    """Commit points that are not reported yet, in stream order.

    ``on_commit`` reports only the last one that is reached at a time; it covers those before it.
    """

    def __init__(self, on_commit: Callable[[CommitPoint], None], usage: Usage = Usage()) -> None:  # noqa: B008 - frozen
        """``usage``: of the utterances before the stream was resumed."""
        self._on_commit = on_commit
        self._waiting: deque[CommitPoint] = deque()
        self._usage = usage
        self._usage_of: dict[int, Usage] = {}

    def add(self, point: CommitPoint) -> None:
        """Adds a commit point."""
        self._waiting.append(point)

    def record_usage(self, utterance_id: int, usage: Usage) -> None:
        """An utterance is done. Ends may come out of order; its usage counts from its commit point on."""
        self._usage_of[utterance_id] = usage

    def advance(self, earliest_unfinished: int) -> None:
        """Reports the commit points reached: utterances before ``earliest_unfinished`` are done."""
        reached: CommitPoint | None = None
        while self._waiting and self._waiting[0].next_utterance_id <= earliest_unfinished:
            reached = self._waiting.popleft()
        if reached is not None:
            self._on_commit(self._with_usage(reached))

    def clear(self) -> CommitPoint | None:
        """Drops all of them; returns the last one, or None."""
        last = self._waiting[-1] if self._waiting else None
        self._waiting.clear()
        return last

    def report(self, point: CommitPoint) -> None:
        """Reports a point that ``clear`` has dropped. No utterance continues there."""
        self._on_commit(self._with_usage(replace(point, continued_from=None, continuation=None)))

    def _with_usage(self, point: CommitPoint) -> CommitPoint:
        for number in [number for number in self._usage_of if number < point.next_utterance_id]:
            self._usage += self._usage_of.pop(number)
        return replace(point, usage=self._usage)
