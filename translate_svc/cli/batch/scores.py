"""BLEU and chrF of translations that have references, by sacreBLEU (extra ``quality``)."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from translate_svc.cli.batch.journal import FileResult, FileStatus

SCORES_FILE = "scores.json"

_TOKENIZERS = {"cmn": "zh", "cmn_Hant": "zh", "yue": "zh"} | dict.fromkeys(
    ("jpn", "kor", "tha", "khm", "lao", "mya"), "char"
)
"""sacreBLEU's tokenizer of languages that 13a does not split into words."""


@dataclass(frozen=True, slots=True)
class Score:
    """The scores of one language. Each file is one segment. The signatures say how sacreBLEU counted."""

    language: str
    files: int
    bleu: float
    chrf: float
    bleu_signature: str
    chrf_signature: str

    def __str__(self) -> str:
        return f"{self.language}: BLEU {self.bleu:.1f}, chrF {self.chrf:.1f} ({self.files} files)"


def scores(results: Sequence[FileResult]) -> list[Score] | None:
    """The score of each language that has references; None if sacreBLEU is not installed."""
    pairs: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for result in results:
        if result.status is not FileStatus.FAILED:
            for language, reference in result.references.items():
                pairs[language].append((result.texts.get(language, ""), reference))
    if not pairs:
        return []
    try:
        from sacrebleu import BLEU, CHRF
    except ModuleNotFoundError:
        return None
    found = []
    for language, texts in sorted(pairs.items()):
        hypotheses, references = [pair[0] for pair in texts], [pair[1] for pair in texts]
        bleu, chrf = BLEU(tokenize=_TOKENIZERS.get(language, "13a")), CHRF()
        found.append(
            Score(
                language,
                len(texts),
                round(bleu.corpus_score(hypotheses, [references]).score, 2),
                round(chrf.corpus_score(hypotheses, [references]).score, 2),
                str(bleu.get_signature()),
                str(chrf.get_signature()),
            )
        )
    return found


def scores_json(found: Sequence[Score]) -> str:
    """The text of ``SCORES_FILE``."""
    return json.dumps([asdict(score) for score in found], indent=1) + "\n"
