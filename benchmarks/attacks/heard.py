"""What one live stream hears of each of its utterances, and when."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class Sample(NamedTuple):
    """One measured time. ``at_s``: when it began, on the monotonic clock."""

    at_s: float
    ms: float
    outcome: str = ""


def within(samples: Sequence[Sample], windows: Sequence[tuple[float, float]]) -> list[Sample]:
    """Those that began in one of the windows of time."""
    return [each for each in samples if any(start <= each.at_s < stop for start, stop in windows)]


@dataclass
class Heard:
    """Takes the events of one stream's utterances as they come, whatever the protocol.

    Attributes:
        languages: of the targets, each with text and speech.
        simultaneous: texts come while somebody speaks, so what counts is when they are complete.
        texts: one of each utterance and language: from the moment at which the utterance's end could be
            known until its first text has come; until its last, if ``simultaneous``.
        lost: one of each utterance that did not come whole. ``outcome`` says what is missing. What the end
            of the stream has cut may be too short to say anything.
    """

    languages: Sequence[str]
    simultaneous: bool = False
    texts: list[Sample] = field(default_factory=list)
    lost: list[Sample] = field(default_factory=list)
    _due_s: dict[tuple[int, str], float] = field(default_factory=dict)
    _missing: dict[int, set[str]] = field(default_factory=dict)
    _ended: set[int] = field(default_factory=set)

    def begin(self, utterance: int) -> None:
        """An utterance has begun: from now on everything of it is missing."""
        self._missing[utterance] = {
            f"{what} {language}" for what in ("text", "all text", "all speech") for language in self.languages
        }

    def end(self, utterance: int, known_s: float) -> None:
        """It has ended in silence. ``known_s``: when that could be known, on the monotonic clock."""
        self._ended.add(utterance)
        self._due_s |= {(utterance, language): known_s for language in self.languages}

    def text(self, utterance: int, language: str, delta: str, *, final: bool) -> None:
        """A part of a text."""
        if delta:
            self._missing[utterance].discard(f"text {language}")
        if final:
            self._missing[utterance].discard(f"all text {language}")
        if final if self.simultaneous else delta:
            due_s = self._due_s.pop((utterance, language), None)
            if due_s is not None:
                self.texts.append(Sample(due_s, 1000 * (time.monotonic() - due_s)))

    def speech(self, utterance: int, language: str, *, final: bool) -> None:
        """A part of a speech."""
        if final:
            self._missing[utterance].discard(f"all speech {language}")

    def done(self, utterance: int, status: str) -> None:
        """Nothing of it comes any more. ``status``: as UtteranceStatus calls it, in lower case."""
        missing = sorted(self._missing.pop(utterance))
        if status == "empty" and utterance not in self._ended:
            return
        if status != "ok" or missing:
            self.lost.append(Sample(time.monotonic(), 0.0, f"{status}, without {', '.join(missing)}"))

    def broke(self, why: str) -> None:
        """The stream has failed, with all that it would have said."""
        self.lost.append(Sample(time.monotonic(), 0.0, why))
