"""Riva's tags of languages: BCP 47 with a region, as ``en-US``, or without one."""

from __future__ import annotations

from translate_svc.errors import InvalidArgument
from translate_svc.languages import Language, LanguageTable
from translate_svc.types import AUTO

_SAME = {"zh-tw": "zh-Hant", "zh-hk": "zh-Hant", "no": "nb", "no-no": "nb"}
"""Tags whose region or macrolanguage says what our tables say with another subtag."""
_ANY = frozenset({"", "multi", AUTO})
"""What Riva's clients give where a model finds out what is spoken."""


def resolve(tag: str, languages: LanguageTable, field: str) -> Language:
    """The language of a tag.

    Raises:
        InvalidArgument: the tag is empty, or no language of the loaded model has it. Names ``field``.
    """
    return languages.resolve(_SAME.get(tag.lower(), tag), field)


def resolve_spoken(tag: str, languages: LanguageTable, field: str) -> Language | None:
    """The language of speech; None: it is to be found out.

    Raises:
        InvalidArgument: as ``resolve``; or no language is named, and the model cannot find out.
    """
    if tag.lower() not in _ANY:
        return resolve(tag, languages, field)
    if not any(language.detected for language in languages):
        raise InvalidArgument("is required: this model does not find out what is spoken", field=field)
    return None
