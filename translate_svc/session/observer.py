"""What streams and calls tell of themselves to whoever keeps the books: names, counts and times.

No text and no audio: what is told here may be logged, counted and exported.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from translate_svc.engine.request import StageSpan
from translate_svc.types import CallEnd, StageTiming, UtteranceDone


@dataclass(frozen=True, slots=True)
class UtteranceReport:
    """An utterance that has ended. Times are those of the session's clock.

    Attributes:
        done: as the client is told.
        source_language: a Seamless code of the language table; None where the client named none.
        target_languages: likewise, one for each sequence of its request; the source's for a transcript.
        timings: of every stage that it went through, endpointing first, asked for or not.
        spans: from when to when, of the same stages.
        began_s: when the last sample of its audio arrived; of a text or a clip, when it was ready.
        ended_s: now.
    """

    done: UtteranceDone
    source_language: str | None
    target_languages: tuple[str, ...]
    timings: tuple[StageTiming, ...]
    spans: tuple[StageSpan, ...]
    began_s: float
    ended_s: float


class StreamObserver(Protocol):
    """Watches one stream or call. Called on its event loop; must be quick and must not raise."""

    def utterance_done(self, report: UtteranceReport) -> None:
        """Once for each utterance that has ended."""

    def utterances_dropped(self, count: int) -> None:
        """So many utterances will have no end: the stream is over before them."""

    def warned(self, code: str) -> None:
        """The client is being warned; ``code`` is the contract's."""

    def ended(self, end: CallEnd, *, complete: bool | None, input_s: float) -> None:
        """The stream is over; nothing is told after this. Repetitions mean nothing.

        Args:
            end: how.
            complete: whether the client said ``end``; None: it had not come to ``Closed``.
            input_s: seconds of audio received.
        """


class NullObserver:
    """Nobody keeps books."""

    def utterance_done(self, report: UtteranceReport) -> None:
        """Forgotten."""

    def utterances_dropped(self, count: int) -> None:
        """Forgotten."""

    def warned(self, code: str) -> None:
        """Forgotten."""

    def ended(self, end: CallEnd, *, complete: bool | None, input_s: float) -> None:
        """Forgotten."""


NULL_OBSERVER = NullObserver()
