"""Riva's phrases that are not to be translated, as our terms."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from translate_svc.engine.terms.matching import words_of
from translate_svc.types import Term

_TAGGED = re.compile(r"<dnt>(.*?)</dnt>", re.DOTALL)

Key = tuple[str, ...]


def terms_of(phrases: Iterable[str]) -> tuple[Term, ...]:
    """The terms of a field ``dnt_phrases``.

    A phrase is kept as it is, or becomes what follows ``##``. One entry may hold several with commas between
    them: Riva's own client sends its whole dictionary in one.
    """
    pairs = (part.partition("##") for phrase in phrases for part in phrase.split(","))
    terms = ((source.strip(), target.strip()) for source, _, target in pairs)
    return tuple(Term(source, target) for source, target in dict(terms).items() if source)


def untagged(text: str) -> tuple[str, tuple[Term, ...]]:
    """A text without the tags ``<dnt>`` around words that are to be kept, and those words as terms.

    Terms are found whatever their case: of the same words in other letters the first ones are the term.
    """
    kept: dict[Key, Term] = {}
    for tagged in _TAGGED.findall(text):
        if words := " ".join(tagged.split()):
            kept.setdefault(key_of(words), Term(words))
    return _TAGGED.sub(r"\1", text), tuple(kept.values())


def others(phrases: Mapping[Term, Key], kept: Iterable[Term]) -> tuple[Term, ...]:
    """Those of ``phrases`` whose words are not those of a term of ``kept``, which a text itself has tagged.

    ``phrases``: terms with their ``key_of``, which is made once for all texts of a call.
    """
    known = {key_of(term.source) for term in kept}
    return tuple(term for term, key in phrases.items() if key not in known)


def key_of(text: str) -> Key:
    """What is equal for the same words, whatever their case."""
    return tuple(word.key for word in words_of(text))
