"""Where the words of terms go in a translation that does not have them. Pure.

The translation was drafted without them. A revision goes back to the first word that stands for a term,
puts the term's words there, and proposes the rest of the draft after them. The model then decodes on: what
it still finds likely stays, and from where it does not, it writes anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
import numpy.typing as npt

from translate_svc.engine.plan import GIVEN
from translate_svc.engine.terms.alignment import (
    SaidTerm,
    TokenRange,
    Weights,
    anchor,
    letters,
    word_ranges,
)
from translate_svc.engine.terms.matching import text_of, words_of

TOLERANCE_NATS = 10.0
"""A token of the draft stays if its log-probability lies no further below the likeliest one's."""

_LEAST_MASS = 0.12
"""Of its attention that a word must give to a term, where the term may well be left out."""

_SPACE = "\u2581"

EncodeTerm = Callable[[str, bool], tuple[int, ...]]
"""Tokens of some words. The second argument says whether they follow the text without a space."""


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """A translation without terms, or with some of them.

    Attributes:
        token_ids: without prompt and end.
        pieces: the SentencePiece piece of each.
        attention: ``[tokens, states]``, of the step that predicted each token.
        spaced: whether the language writes spaces between words.
        frozen: tokens at the beginning that stay: they were delivered, or have a term at their end.
        optional: whether a term is left out if no new word stands for it: another part of the text has it.
    """

    token_ids: tuple[int, ...]
    pieces: tuple[str, ...]
    attention: Weights
    spaced: bool
    frozen: int = 0
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Proposal:
    """A token that comes next if it is at most ``tolerance`` nats less likely than the likeliest one.

    ``draft_token``: its index in the draft; None for a token of a term. The first of these has a ``state``,
    the encoder state that belongs to the term most.
    """

    token_id: int
    tolerance: float
    draft_token: int | None = None
    state: int | None = None


@dataclass(frozen=True, slots=True)
class Revision:
    """The first ``kept`` tokens of the draft stay. ``proposals`` follow, the end of the text included."""

    kept: int
    proposals: tuple[Proposal, ...]


@dataclass(frozen=True, slots=True)
class _Edit:
    place: TokenRange
    said: SaidTerm


def revise(draft: Draft, said: Sequence[SaidTerm], encode: EncodeTerm, end_token_id: int) -> Revision | None:
    """The revision that puts in all terms that are missing. None if no term is, or none has a place."""
    edits = sorted(_Placement(draft).edits(said), key=lambda edit: edit.place.start)
    if not edits:
        return None
    proposals: list[Proposal] = []
    kept = done = edits[0].place.start
    for edit in edits:
        start, is_inserted = edit.place.start, edit.place.start == edit.place.end
        glued = start > 0 and not (draft.spaced if is_inserted else draft.pieces[start].startswith(_SPACE))
        proposals += _stays(draft, done, start)
        states: list[int | None] = [int(edit.said.weights.argmax())]
        for token_id, state in zip_longest(encode(edit.said.term.words, glued), states):
            proposals.append(Proposal(token_id, GIVEN, state=state))
        done = edit.place.end
    proposals += _stays(draft, done, len(draft.token_ids))
    return Revision(kept, (*proposals, Proposal(end_token_id, TOLERANCE_NATS)))


def _stays(draft: Draft, start: int, end: int) -> Iterator[Proposal]:
    return (Proposal(draft.token_ids[index], TOLERANCE_NATS, index) for index in range(start, end))


class _Placement:
    """Finds the place of each missing term. A word stands for one term at most."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._words = word_ranges(draft.pieces, spaced=draft.spaced)
        self._letters = [letters(draft.pieces, each) for each in self._words]
        self._taken: list[TokenRange] = []

    def edits(self, said: Sequence[SaidTerm]) -> Iterator[_Edit]:
        """Those who stand most clearly for a term are placed first."""
        missing = Counter(each.term.words for each in said)
        present: Counter[str] = Counter()
        for words in missing:
            found = _spoken_at(self._draft, words)
            self._taken += found
            present[words] = len(found)
        masses = [self._masses(each) for each in said]
        order = sorted(range(len(said)), key=lambda index: -max(masses[index], default=0.0))
        for index in order:
            words = said[index].term.words
            if present[words] >= missing[words]:
                continue
            place = self._place(masses[index], needed=not (present[words] or self._draft.optional))
            if place is not None:
                present[words] += 1
                self._taken.append(place)
                yield _Edit(place, said[index])

    def _masses(self, said: SaidTerm) -> npt.NDArray[np.float32]:
        return self._draft.attention[[each.start for each in self._words]] @ said.weights

    def _place(self, masses: npt.NDArray[np.float32], *, needed: bool) -> TokenRange | None:
        draft = self._draft
        free = np.where([self._is_free(each) for each in self._words], masses, 0.0)
        clearest = max(free, default=0.0)
        if not needed and clearest < max(_LEAST_MASS, max(masses, default=0.0)):
            return None
        if not clearest:
            last = max([draft.frozen, *(each.end for each in self._words)])
            return TokenRange(last, last)
        return self._words[anchor(free.tolist(), self._letters)]

    def _is_free(self, word: TokenRange) -> bool:
        return word.start >= self._draft.frozen and not any(word.overlaps(each) for each in self._taken)


def _spoken_at(draft: Draft, words: str) -> list[TokenRange]:
    """Where a draft has these words, exactly as they are written."""
    text, owners = text_of(draft.pieces)
    wanted = [words[each.start : each.end] for each in words_of(words)]
    spoken = words_of(text)
    written = [text[each.start : each.end] for each in spoken]
    found, index = [], 0
    while wanted and index + len(wanted) <= len(spoken):
        if written[index : index + len(wanted)] == wanted:
            last = spoken[index + len(wanted) - 1]
            found.append(TokenRange(owners[spoken[index].start], owners[last.end - 1] + 1))
            index += len(wanted)
        else:
            index += 1
    return found
