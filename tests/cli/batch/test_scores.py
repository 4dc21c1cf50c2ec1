"""BLEU and chrF of a batch, as sacreBLEU itself gives them."""

from __future__ import annotations

import dataclasses
import sys

import pytest
import sacrebleu

from translate_svc.cli.batch.journal import FileResult, FileStatus
from translate_svc.cli.batch.scores import Score, scores

TEXTS = [("El gato duerme en la cama.", "El gato duerme en la cama."), ("Hace frío hoy.", "Hoy hace frío.")]
RESULTS = [
    FileResult(
        source=f"{n}", name=f"{n}", status=FileStatus.DONE, texts={"spa": text}, references={"spa": reference}
    )
    for n, (text, reference) in enumerate(TEXTS)
]


def _score(results: list[FileResult]) -> Score:
    found = scores(results)
    assert found is not None
    assert len(found) == 1
    return found[0]


def test_scores_are_sacrebleus() -> None:
    failed = dataclasses.replace(RESULTS[0], status=FileStatus.FAILED, texts={})
    unlabelled = dataclasses.replace(RESULTS[0], references={})
    found = _score([*RESULTS, failed, unlabelled])
    texts, references = [text for text, _ in TEXTS], [[reference for _, reference in TEXTS]]
    assert (found.language, found.files) == ("spa", 2)
    assert found.bleu == pytest.approx(sacrebleu.corpus_bleu(texts, references).score, abs=0.01)
    assert found.chrf == pytest.approx(sacrebleu.corpus_chrf(texts, references).score, abs=0.01)
    assert "tok:13a" in found.bleu_signature


def test_chinese_is_split_as_chinese() -> None:
    result = dataclasses.replace(RESULTS[0], texts={"cmn": "今天很冷"}, references={"cmn": "今天很冷"})
    found = _score([result])
    assert "tok:zh" in found.bleu_signature
    assert found.bleu == pytest.approx(100)


def test_without_sacrebleu_nothing_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sacrebleu", None)
    assert scores(RESULTS) is None
    assert scores([dataclasses.replace(each, references={}) for each in RESULTS]) == []
