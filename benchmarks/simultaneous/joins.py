"""Hypothesis words beside reference words: found, lost, doubled, and how late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jiwer
import numpy as np

from benchmarks.simultaneous.monologues import Sentence
from benchmarks.simultaneous.words import Word

_LONGEST_REPEAT_WORDS = 8


@dataclass(frozen=True, slots=True)
class SourceWord:
    """A reference word; by ``said_ms`` what it translates had been said, if speech and translation run in
    step through a sentence, letter by letter.
    """

    key: str
    sentence: int
    said_ms: float


@dataclass(frozen=True, slots=True)
class Edit:
    """``kind``: equal, substitute, insert or delete; half-open ranges of reference and hypothesis."""

    kind: str
    reference: tuple[int, int]
    hypothesis: tuple[int, int]


def key(word: str) -> str:
    """Letters and digits alone; empty for punctuation."""
    return "".join(letter for letter in word.casefold() if letter.isalnum())


def keys(text: str) -> list[str]:
    """Those of its words; punctuation has none."""
    return [each for word in text.split() if (each := key(word))]


def source_words(sentences: Sequence[Sentence], language: str) -> list[SourceWord]:
    """Those of all references."""
    found = []
    for number, sentence in enumerate(sentences):
        own = keys(sentence.texts[language])
        letters = sum(map(len, own))
        done = 0
        for each in own:
            done += len(each)
            said_ms = sentence.start_ms + (sentence.end_ms - sentence.start_ms) * done / letters
            found.append(SourceWord(each, number, said_ms))
    return found


def align(reference: Sequence[str], hypothesis: Sequence[str]) -> list[Edit]:
    """With the fewest edits. Keys, none of them empty."""
    if not reference or not hypothesis:
        edits = []
        if reference:
            edits.append(Edit("delete", (0, len(reference)), (0, 0)))
        if hypothesis:
            edits.append(Edit("insert", (0, 0), (0, len(hypothesis))))
        return edits
    chunks = jiwer.process_words(" ".join(reference), " ".join(hypothesis)).alignments[0]
    return [
        Edit(
            chunk.type,
            (chunk.ref_start_idx, chunk.ref_end_idx),
            (chunk.hyp_start_idx, chunk.hyp_end_idx),
        )
        for chunk in chunks
    ]


@dataclass(frozen=True, slots=True)
class Joined:
    """``pairs``: places of reference and hypothesis words that are the same. ``lost``, ``doubled``: words of
    the reference, of the hypothesis.
    """

    pairs: tuple[tuple[int, int], ...]
    lost: tuple[int, ...]
    doubled: tuple[int, ...]


def join(reference: Sequence[SourceWord], words: Sequence[Word], known: Sequence[bool]) -> Joined:
    """Aligns; ``words`` have keys. ``known`` says for each reference word whether the model finds it where it
    hears the sentence alone.

    *Lost at a join*: such a word that is missing while its neighbours are there, told by different decisions.
    *Doubled*: words told twice in a row that the reference has once.
    """
    edits = align([each.key for each in reference], [key(word.text) for word in words])
    pairs: list[tuple[int, int]] = []
    lost: list[int] = []
    doubled: list[int] = []
    for place, edit in enumerate(edits):
        if edit.kind == "equal":
            pairs += zip(range(*edit.reference), range(*edit.hypothesis), strict=True)
        elif edit.kind == "delete" and _between_equals(edits, place) and _at_join(words, edit.hypothesis[0]):
            lost += [each for each in range(*edit.reference) if known[each]]
        elif edit.kind == "insert":
            doubled += _repeated([key(word.text) for word in words], edit.hypothesis)
    return Joined(tuple(pairs), tuple(lost), tuple(doubled))


def invented(reference: Sequence[str], offline: Sequence[str], told: Sequence[str]) -> tuple[int, ...]:
    """Places of told words that neither the reference has there nor ``offline``: what the model writes where
    it hears each sentence alone. So they were told because the rest had not been heard, or because other
    sentences had been. Keys.
    """
    right = {
        place
        for text in (reference, offline)
        for edit in align(text, told)
        if edit.kind == "equal"
        for place in range(*edit.hypothesis)
    }
    return tuple(place for place in range(len(told)) if place not in right)


def lags_ms(
    reference: Sequence[SourceWord], moments_ms: Sequence[float], pairs: Sequence[tuple[int, int]]
) -> np.ndarray:
    """Of each found word: when it was known (or heard) less when its source had been said."""
    return np.array([moments_ms[told] - reference[said].said_ms for said, told in pairs])


def slope_ms_per_s(
    reference: Sequence[SourceWord], moments_ms: Sequence[float], pairs: Sequence[tuple[int, int]]
) -> float:
    """By how much lags grow in a second of the recording: a least-squares line through all found words."""
    said_s = np.array([reference[said].said_ms for said, _ in pairs]) / 1000
    lags = lags_ms(reference, moments_ms, pairs)
    usable = np.isfinite(lags)
    return float(np.polyfit(said_s[usable], lags[usable], 1)[0])


def _between_equals(edits: Sequence[Edit], place: int) -> bool:
    around = (edits[place - 1] if place else None, edits[place + 1] if place + 1 < len(edits) else None)
    return all(each is None or each.kind == "equal" for each in around)


def _at_join(words: Sequence[Word], index: int) -> bool:
    if not 0 < index < len(words):
        return True
    return words[index - 1].step != words[index].step


def _repeated(keys: Sequence[str], inserted: tuple[int, int]) -> list[int]:
    """Places among ``inserted`` whose words stand right before or after them once more."""
    begin, end = inserted
    length = end - begin
    if length > _LONGEST_REPEAT_WORDS:
        return []
    piece = keys[begin:end]
    before, after = keys[max(0, begin - length) : begin], keys[end : end + length]
    return list(range(begin, end)) if piece in (before, after) else []
