"""Riva's phrases that are not to be translated, as our terms."""

from __future__ import annotations

import re
from collections.abc import Iterable

from translate_svc.types import Term

_TAGGED = re.compile(r"<dnt>(.*?)</dnt>", re.DOTALL)


def terms_of(phrases: Iterable[str]) -> tuple[Term, ...]:
    """The terms of a field ``dnt_phrases``.

    A phrase is kept as it is, or becomes what follows ``##``. One entry may hold several with commas between
    them: Riva's own client sends its whole dictionary in one.
    """
    pairs = (part.partition("##") for phrase in phrases for part in phrase.split(","))
    terms = ((source.strip(), target.strip()) for source, _, target in pairs)
    return tuple(Term(source, target) for source, target in dict(terms).items() if source)


def untagged(text: str) -> tuple[str, tuple[Term, ...]]:
    """A text without the tags ``<dnt>`` around words that are to be kept, and those words as terms."""
    kept = dict.fromkeys(" ".join(words.split()) for words in _TAGGED.findall(text))
    return _TAGGED.sub(r"\1", text), tuple(Term(words) for words in kept if words)
