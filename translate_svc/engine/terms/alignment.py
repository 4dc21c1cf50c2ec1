"""Which words of a translation stand for a term of the source, by cross-attention. Pure; numpy, no tensors.

The decoder attends to the same encoder states when it writes a word of the transcript and when it writes that
word's translation. So states belong to words of the source by the transcript's attention, and words of the
translation belong to states by their own. A source text needs no transcript: its tokens are the states.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from translate_svc.engine.simultaneous.words import has_letters, starts_word
from translate_svc.engine.terms.matching import find_terms, text_of, words_of
from translate_svc.types import Term

Weights = npt.NDArray[np.float32]

_ARTICLE = 0.6
"""A word leads to the longer one after it, if that has at least this share of its attention to the term.
An article or a preposition is chosen by its noun, so it may attend to that even more than the noun does."""

_APOSTROPHES = ("'", "\u2019")


@dataclass(frozen=True, slots=True, eq=False)
class SaidTerm:
    """A term that the source says.

    Attributes:
        weights: ``[states]``, how much each encoder state belongs to it.
        place: number of its first word in the source.
    """

    term: Term
    weights: Weights
    place: int = 0


@dataclass(frozen=True, slots=True)
class TokenRange:
    """The tokens ``start`` to ``end``, without that one."""

    start: int
    end: int

    def overlaps(self, other: TokenRange) -> bool:
        """Whether they share a token."""
        return self.start < other.end and other.start < self.end


def word_weights(attention: Weights) -> Weights:
    """``[words, states]``: the share of each state that belongs to each word.

    ``attention``: ``[words, states]``, of the first token of each word, which decides the others.
    """
    total = attention.sum(axis=0)
    return np.asarray(attention / np.where(total > 0, total, 1), np.float32)


def said_in_transcript(
    pieces: Sequence[str], attention: Weights, terms: Sequence[Term]
) -> tuple[SaidTerm, ...]:
    """The terms that a transcript says, in its order.

    ``attention``: ``[tokens, states]``, of the step that predicted each token.
    """
    text, owners = text_of(pieces)
    words = words_of(text)
    found = find_terms(words, terms)
    if not found:
        return ()
    weights = word_weights(attention[[owners[word.start] for word in words]])
    return tuple(
        SaidTerm(each.term, weights[each.first : each.last + 1].sum(axis=0), each.first) for each in found
    )


def said_in_text(text: str, pieces: Sequence[str], terms: Sequence[Term]) -> tuple[SaidTerm, ...]:
    """The terms that a source text says, in its order.

    ``pieces``: of its tokens, as the encoder gets them, special ones included. They may lack characters that
    the vocabulary does not know.
    """
    words = words_of(text)
    found = find_terms(words, terms)
    if not found:
        return ()
    written, owners = text_of(pieces)
    known = words_of(written)
    states = np.zeros((len(words), len(pieces)), np.float32)
    for index in range(len(words)):
        word = known[index * len(known) // len(words)] if known else None  # the same one, as a rule
        if word is not None:
            states[index, owners[word.start] : owners[word.end - 1] + 1] = 1.0
    return tuple(
        SaidTerm(each.term, states[each.first : each.last + 1].max(axis=0), each.first) for each in found
    )


def word_ranges(pieces: Sequence[str], *, spaced: bool) -> list[TokenRange]:
    """The words of a text that may stand for a term, without the punctuation around them.

    Of two parts around an apostrophe the longer one is the word: "avion" of "l'avion", "bus" of "bus's".
    """
    starts = [index for index in range(len(pieces)) if starts_word(pieces, index, spaced=spaced)]
    ranges = []
    for start, end in zip(starts, [*starts, len(pieces)][1:], strict=True):
        signs = [index for index in range(start, end) if pieces[index].endswith(_APOSTROPHES)]
        parts = zip([start, *(sign + 1 for sign in signs)], [*signs, end], strict=True)
        word = max((_trimmed(pieces, *part) for part in parts), key=lambda part: letters(pieces, part))
        if letters(pieces, word):
            ranges.append(word)
    return ranges


def letters(pieces: Sequence[str], word: TokenRange) -> int:
    """Number of letters and digits of a word."""
    return sum(character.isalnum() for piece in pieces[word.start : word.end] for character in piece)


def _trimmed(pieces: Sequence[str], start: int, end: int) -> TokenRange:
    while end > start and not has_letters(pieces[end - 1]):
        end -= 1
    while start < end and not has_letters(pieces[start]):
        start += 1
    return TokenRange(start, end)


def anchor(masses: Sequence[float], letters: Sequence[int]) -> int:
    """The word that stands for a term.

    Args:
        masses: of each word, how much it attends to the term; at least one word.
        letters: of each word, how many letters it has.
    """
    best = max(range(len(masses)), key=masses.__getitem__)
    after = best + 1
    leads = after < len(masses) and letters[best] < letters[after]
    return after if leads and masses[after] >= _ARTICLE * masses[best] else best
