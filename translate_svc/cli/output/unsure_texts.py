"""Texts that the model is unsure of, and how they are marked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from translate_svc.types import LOW_CONFIDENCE, StreamWarning, TextConfidence, UtteranceDone


def mark_in_files(confidence: float) -> str:
    """What stands in files after a text that the model is unsure of; in a cue never on a line of its own."""
    return " (?)"


def unsure_mark(confidence: float) -> str:
    """What stands after a text that the model is unsure of."""
    return f"(unsure: {confidence:.2f})"


class UnsureTexts:
    """Which texts the server warned of because the model is unsure of them."""

    def __init__(self) -> None:
        self._languages: defaultdict[int | None, set[str | None]] = defaultdict(set)

    def add(self, warning: StreamWarning) -> bool:
        """Keeps the warning if it is of that kind, and returns whether it is."""
        if warning.code != LOW_CONFIDENCE:
            return False
        self._languages[warning.utterance_id].add(warning.language)
        return True

    def take(self, done: UtteranceDone) -> dict[tuple[bool, str], TextConfidence]:
        """The confidence in each such text of an utterance that is done; the key says whether it is the
        transcript, and its language.
        """
        languages = self._languages.pop(done.utterance_id, set())
        return {
            (each.transcript, each.language): each for each in done.confidences if each.language in languages
        }


def with_marks(text: str, confidence: TextConfidence, mark: Callable[[float], str]) -> str:
    """A text that the model is unsure of, with a mark behind each sentence that it is unsure of, or behind
    all of it.

    ``mark``: of a confidence, with the space before it.
    """
    if not confidence.sentences:
        return text.rstrip() + mark(confidence.confidence)
    parts, end = [], 0
    for each in confidence.sentences:
        parts += [text[end : each.text_end], mark(each.confidence) if each.unsure else ""]
        end = each.text_end
    return "".join([*parts, text[end:]])
