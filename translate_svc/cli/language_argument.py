"""Languages as people write them on a command line: ``es``, ``spa``, ``Spanish``, ``spa,fra``."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from translate_svc import languages
from translate_svc.cli.exit_codes import UsageError
from translate_svc.cli.options import comma_parts
from translate_svc.languages import Language, LanguageTable

_SUGGESTIONS = 3


def match_language(text: str, table: LanguageTable, option: str) -> Language:
    """The language of ``table`` for a code, a BCP-47 tag or an English name. Case does not matter.

    Raises:
        UsageError: there is none. Suggests similar languages, or says that only this model lacks it.
    """
    wanted = text.strip()
    if found := find_language(wanted, table):
        return found
    if elsewhere := find_language(wanted, languages.packaged()):
        raise UsageError(f"this model does not know {label(elsewhere)}", field=option)
    nearest = _nearest(wanted, table)
    hint = f"did you mean {', '.join(map(label, nearest))}?" if nearest else "see translate-svc languages"
    raise UsageError(f"no language is called {wanted!r}; {hint}", field=option)


def match_languages(texts: Iterable[str], table: LanguageTable, option: str) -> tuple[Language, ...]:
    """The languages of several texts, in their order. Each text may be a list with commas.

    Raises:
        UsageError: a language is not known, is missing between commas, or is repeated.
    """
    found: list[Language] = []
    for text in comma_parts(texts):
        if not text:
            raise UsageError("a language is missing between the commas", field=option)
        language = match_language(text, table, option)
        if language in found:
            raise UsageError(f"{label(language)} comes twice", field=option)
        found.append(language)
    return tuple(found)


def label(language: Language) -> str:
    """Name and code of a language: ``Spanish (spa)``."""
    return f"{language.name} ({language.code})"


def find_language(text: str, table: LanguageTable) -> Language | None:
    """The language with this name or tag, or None if the table has none."""
    named = (language for language in table if language.name.casefold() == text.casefold())
    return next(named, None) or (table.find(text) if text else None)


def _nearest(text: str, table: LanguageTable) -> Sequence[Language]:
    """Languages whose name contains ``text`` as a word, then those with a similar spelling."""
    wanted = text.casefold()
    by_spelling: dict[str, Language] = {}
    for language in table:
        for spelling in (language.name, language.code, language.bcp47):
            by_spelling.setdefault(spelling.casefold(), language)
    alike = difflib.get_close_matches(wanted, by_spelling, n=_SUGGESTIONS)
    holding = [language for language in table if wanted in language.name.casefold().split()]
    return list(dict.fromkeys([*holding, *(by_spelling[spelling] for spelling in alike)]))[:_SUGGESTIONS]
