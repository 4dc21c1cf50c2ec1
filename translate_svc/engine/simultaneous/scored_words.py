"""The words of a hypothesis, with how probable they are and where they come from. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from translate_svc.engine.simultaneous.words import is_punctuation, word_spans


class ScoredWord(NamedTuple):
    """A word.

    Attributes:
        start: its first token.
        probability: the product of its tokens' probabilities.
        frame: the latest encoder frame that one of its tokens comes from.
    """

    start: int
    probability: float
    frame: int


def scored_words(
    pieces: Sequence[str], frames: Sequence[int], log_probabilities: Sequence[float], *, spaced: bool
) -> list[ScoredWord]:
    """The words in their order. Punctuation has no sound: its frame and its probability do not count.

    Args:
        pieces: the SentencePiece piece of each token.
        frames: the encoder frame that each token comes from.
        log_probabilities: natural, of each token.
        spaced: whether the language writes spaces between words.
    """
    words = []
    for start, end in word_spans(pieces, spaced=spaced):
        tokens = [index for index in range(start, end) if not is_punctuation(pieces[index])]
        probability = math.exp(math.fsum(log_probabilities[index] for index in tokens))
        words.append(ScoredWord(start, probability, max((frames[index] for index in tokens), default=0)))
    return words
