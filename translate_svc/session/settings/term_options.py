"""Negotiates the terms of a stream or a call."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

from translate_svc.engine.terms.matching import words_of
from translate_svc.errors import InvalidArgument, OutOfRange
from translate_svc.languages import LanguageTable
from translate_svc.types import MAX_TERM_CHARACTERS, MAX_TERMS, Term


def negotiate_terms(
    terms: tuple[Term, ...], languages: LanguageTable, characters: frozenset[str], path: str
) -> tuple[Term, ...]:
    """Checks ``terms``, and makes Seamless codes of their languages.

    Args:
        terms: those that were asked for.
        languages: what the model has.
        characters: those that the model can write; empty if they are not known.
        path: that of ``terms`` in the contract.

    Raises:
        InvalidArgument: the model reads no texts, so it has no tokens for terms; a term without a word, with
            control characters, or with characters that the model cannot write; a language that is no
            target; two terms for the same words. Names the field.
        OutOfRange: too many terms, or one that is too long. Names the field.
    """
    if len(terms) > MAX_TERMS:
        raise OutOfRange(f"has more than {MAX_TERMS} entries", field=path)
    if terms and not languages.reads_text:
        raise InvalidArgument("need a model that reads texts, and this one takes speech alone", field=path)
    known: set[tuple[tuple[str, ...], str]] = set()
    made = []
    for index, term in enumerate(terms):
        place = f"{path}[{index}]"
        words = _checked(term.source, f"{place}.source")
        if term.target:
            _checked(term.target, f"{place}.target")
        language = _language(term, languages, f"{place}.language")
        written = unicodedata.normalize("NFKC", "".join(term.words.split()))
        if characters and not characters >= {*written}:
            field = "target" if term.target else "source"
            raise InvalidArgument("has characters that this model cannot write", field=f"{place}.{field}")
        if (words, language) in known:
            raise InvalidArgument("has the words of another term", field=f"{place}.source")
        known.add((words, language))
        made.append(replace(term, language=language))
    return tuple(made)


def _checked(text: str, field: str) -> tuple[str, ...]:
    """The words of a side of a term."""
    if len(text) > MAX_TERM_CHARACTERS:
        raise OutOfRange(f"has more than {MAX_TERM_CHARACTERS} characters", field=field)
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
        raise InvalidArgument("holds a control character", field=field)
    words = tuple(word.key for word in words_of(text))
    if not words:
        raise InvalidArgument("holds no word", field=field)
    return words


def _language(term: Term, languages: LanguageTable, field: str) -> str:
    if not term.language:
        return ""
    language = languages.resolve(term.language, field)
    if not language.text:
        raise InvalidArgument("is a source language only, not a target", field=field)
    return language.code
