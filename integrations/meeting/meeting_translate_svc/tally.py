"""What became of what was said."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Tally:
    """What became of the utterances of a person, or of a meeting.

    Attributes:
        done: those that came to an end with texts.
        empty: those in which nothing was said.
        failed: those that came to nothing.
        resumptions: how often a stream went on at another server, or at one that was started again.
        lost_streams: streams that could not go on; what was in flight was lost.
        lost_ms: sound that nobody heard, since no server could be reached for long.
    """

    done: int = 0
    empty: int = 0
    failed: int = 0
    resumptions: int = 0
    lost_streams: int = 0
    lost_ms: int = 0
