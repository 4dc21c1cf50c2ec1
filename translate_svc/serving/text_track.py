"""One running text in one language, made of the texts of utterances."""

from __future__ import annotations

from collections.abc import Iterable

from translate_svc.types import TextDelta

_UNSPACED_SCRIPTS = frozenset({"Hans", "Hant", "Hani", "Jpan", "Hira", "Kana"})
"""Scripts in which sentences follow one another without a space. Thai, Lao, Khmer and Burmese have no space
between words, but one between sentences.
"""


def separator_of(scripts: Iterable[str]) -> str:
    """What stands between two sentences. ``scripts``: as ``TextTrack`` takes them."""
    return "" if next(iter(scripts), "") in _UNSPACED_SCRIPTS else " "


class TextTrack:
    """Puts the space between two utterances, so that a client only has to append what it gets."""

    def __init__(self, scripts: Iterable[str], *, continues: bool = False) -> None:
        """``scripts``: in which the language is written (ISO 15924), the most common one first.
        ``continues``: whether the client appends it to a text in another language.
        """
        self._separator = separator_of(scripts)
        self._utterance_id: int | None = None
        self._needs_separator = continues

    def append(self, utterance_id: int, delta: str) -> str:
        """``delta`` with the space before it, where it needs one."""
        if not delta:
            return delta
        starts = utterance_id != self._utterance_id
        spaced = delta
        if starts and self._needs_separator and not delta[0].isspace():
            spaced = self._separator + delta
        self._utterance_id, self._needs_separator = utterance_id, not spaced[-1].isspace()
        return spaced

    def follow(self, event: TextDelta) -> TextDelta:
        """``event`` with the space before its text. The token that the text begins with has it, too."""
        delta = self.append(event.utterance_id, event.delta)
        return event.led_by(delta.removesuffix(event.delta))
