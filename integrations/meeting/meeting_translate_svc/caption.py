"""A text of somebody in one language, as it is sent over data channels."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caption:
    """The text of one utterance so far.

    Attributes:
        language: Seamless code of the text's language.
        speaker_id: the feed of who speaks.
        speaker: the name of who speaks.
        utterance: its name in this meeting. A later caption of the same name replaces this one.
        text: the whole text so far; text that was there once stays.
        final: nothing more comes.
        original: it is what was said, not a translation of it.
    """

    language: str
    speaker_id: int | str
    speaker: str
    utterance: str
    text: str
    final: bool
    original: bool

    def to_json(self) -> str:
        """The message that carries it."""
        return json.dumps(
            {
                "type": "caption",
                "language": self.language,
                "speaker": {"id": self.speaker_id, "display": self.speaker},
                "utterance": self.utterance,
                "text": self.text,
                "final": self.final,
                "original": self.original,
            },
            ensure_ascii=False,
        )
