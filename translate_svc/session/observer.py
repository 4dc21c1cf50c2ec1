"""What streams and calls report to logs and metrics: names, counts and times.

Reports hold no text and no audio, so they may be logged, counted and exported.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from translate_svc.engine.events import StageSpan
from translate_svc.types import CallOutcome, StageTiming, UtteranceDone


@dataclass(frozen=True, slots=True)
class UtteranceReport:
    """An utterance that has ended. Times are on the session's clock.

    Attributes:
        done: the event that the client gets.
        source_language: a Seamless code of the language table; None if the client did not name it.
        target_languages: Seamless codes, one for each sequence of its request; a transcript has the source's.
        timings: of every stage that it went through, endpointing first, whatever the client asked for.
        spans: start and end of each of these stages.
        heard_language: a Seamless code of a source language that was found out; empty: it was not told. None:
            the client named it, or did not ask.
        began_s: when the last sample of its audio arrived; for a text or a clip, when it was ready.
        ended_s: when it ended.
    """

    done: UtteranceDone
    source_language: str | None
    target_languages: tuple[str, ...]
    timings: tuple[StageTiming, ...]
    spans: tuple[StageSpan, ...]
    began_s: float
    ended_s: float
    heard_language: str | None = None


class StreamObserver(Protocol):
    """Watches one stream or call. Called on its event loop; must be quick and must not raise."""

    def utterance_done(self, report: UtteranceReport) -> None:
        """Called once for each utterance that has ended."""

    def utterances_dropped(self, count: int) -> None:
        """``count`` utterances get no end, because the stream is over before they are done."""

    def warned(self, code: str) -> None:
        """A warning is sent to the client; ``code`` is that of the contract."""

    def ended(self, end: CallOutcome, *, complete: bool | None, input_s: float) -> None:
        """The stream is over; nothing is reported after this. Further calls are ignored.

        Args:
            end: how the call ended.
            complete: whether the client sent ``end``; None: the stream ended before ``Closed``.
            input_s: seconds of audio received.
        """


class NullObserver:
    """Ignores everything."""

    def utterance_done(self, report: UtteranceReport) -> None:
        """Ignored."""

    def utterances_dropped(self, count: int) -> None:
        """Ignored."""

    def warned(self, code: str) -> None:
        """Ignored."""

    def ended(self, end: CallOutcome, *, complete: bool | None, input_s: float) -> None:
        """Ignored."""


NULL_OBSERVER = NullObserver()
