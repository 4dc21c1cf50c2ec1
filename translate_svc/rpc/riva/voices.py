"""Names of voices, as Riva's clients give them."""

from __future__ import annotations

from translate_svc.errors import InvalidArgument
from translate_svc.languages import Language


def names_of(language: Language) -> list[str]:
    """The names of a language's voices, the default one first: ``en.0``."""
    return [f"{language.bcp47}.{speaker}" for speaker in language.speaker_ids]


def speaker_of(name: str, language: Language, field: str) -> int | None:
    """The voice of a name; None: the default one, if ``name`` is empty.

    Raises:
        InvalidArgument: the language has no such voice. Names ``field``.
    """
    if not name:
        return None
    for known, speaker in zip(names_of(language), language.speaker_ids, strict=True):
        if name.lower() == known.lower():
            return speaker
    names = names_of(language)
    many = f"{names[0]} to {names[-1]}" if len(names) > 1 else "".join(names)
    raise InvalidArgument(f"is not a voice of this model: leave it out, or take {many}", field=field)
