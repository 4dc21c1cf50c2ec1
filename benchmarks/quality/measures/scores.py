"""BLEU, chrF, word error rate and exact match, by the field's own libraries."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import jiwer
import sacrebleu

_PUNCTUATION = re.compile(r"[^\w\s']", re.UNICODE)


def normalized(text: str) -> str:
    """Lower case, no punctuation, single spaces: what word error rates compare."""
    return " ".join(_PUNCTUATION.sub(" ", text.lower()).split())


def word_error_rate(references: Sequence[str], hypotheses: Sequence[str]) -> float:
    """WER in per cent over the whole set (edits / reference words), after ``normalized``."""
    pairs = [
        (normalized(reference), normalized(hypothesis))
        for reference, hypothesis in zip(references, hypotheses, strict=True)
    ]
    return 100.0 * float(
        jiwer.wer([reference for reference, _ in pairs], [hypothesis for _, hypothesis in pairs])
    )


@dataclass(frozen=True, slots=True)
class TextScores:
    """Corpus BLEU (sacreBLEU, 13a) and chrF2, and the share of sentences equal to the letter, in per cent."""

    bleu: float
    chrf: float
    exact: float
    count: int


def text_scores(references: Sequence[str], hypotheses: Sequence[str]) -> TextScores:
    """Scores of a set. Both sequences have one string a sentence."""
    exact = sum(a == b for a, b in zip(references, hypotheses, strict=True))
    return TextScores(
        bleu=sacrebleu.corpus_bleu(list(hypotheses), [list(references)]).score,
        chrf=sacrebleu.corpus_chrf(list(hypotheses), [list(references)]).score,
        exact=100.0 * exact / len(references),
        count=len(references),
    )
