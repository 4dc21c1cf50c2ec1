"""The source language of a session that names none."""

from __future__ import annotations

from translate_svc.languages import LanguageTable
from translate_svc.types import AUTO


def source_or_auto(language: str, languages: LanguageTable) -> str | None:
    """The source language of a stream. One that was not named is found out, if the model can."""
    return language or (AUTO if any(each.detected for each in languages) else None)
