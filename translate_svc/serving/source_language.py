"""The source language of a session that names none, or several."""

from __future__ import annotations

from collections.abc import Sequence

from translate_svc.languages import LanguageTable
from translate_svc.types import AUTO


def source_or_auto(language: str, languages: LanguageTable) -> str | None:
    """The source language of a stream. One that was not named is found out, if the model can."""
    return language or (AUTO if any(each.detected for each in languages) else None)


def source_of(possible: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """The source language and the candidates of a client that lists the languages it may be, one at least."""
    candidates = tuple(dict.fromkeys(possible))
    return (candidates[0], ()) if len(candidates) == 1 else (AUTO, candidates)
