"""BLEU and LongYAAL by OmniSTEval, the field's own tool.

Its traps: the level flag is mandatory; ``--lang`` needs perl and downloads; words emitted after the end of
the last segment leave the average, so that a system that answers only at the end looks fast. Therefore the
silence after the last sentence is a segment of its own, with an empty reference.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from benchmarks.simultaneous.monologues import Monologue
from benchmarks.simultaneous.words import Word


@dataclass(frozen=True, slots=True)
class LongformScores:
    """``yaal_ms``: computation-unaware; ``ca_yaal_ms``: with the time that computing took."""

    bleu: float
    yaal_ms: float
    ca_yaal_ms: float


def longform_scores(heard: Sequence[tuple[Monologue, Sequence[Word]]], language: str) -> LongformScores:
    """Of translations of several monologues into ``language``."""
    with tempfile.TemporaryDirectory() as folder:
        return _scores(Path(folder), heard, language)


def _scores(folder: Path, heard: Sequence[tuple[Monologue, Sequence[Word]]], language: str) -> LongformScores:
    segments, references, hypotheses = [], [], []
    for monologue, words in heard:
        for sentence in monologue.sentences:
            segments.append(_segment(monologue.name, sentence.start_ms, sentence.end_ms))
            references.append(sentence.texts[language])
        segments.append(_segment(monologue.name, monologue.sentences[-1].end_ms, monologue.duration_ms))
        references.append("")
        hypotheses.append(_hypothesis(monologue, words))
    (folder / "segments.yaml").write_text(yaml.safe_dump(segments), encoding="utf-8")
    (folder / "references.txt").write_text("".join(f"{line}\n" for line in references), encoding="utf-8")
    lines = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in hypotheses)
    (folder / "hypotheses.jsonl").write_text(lines, encoding="utf-8")
    command = [
        sys.executable, "-m", "omnisteval.cli", "longform", "--word_level",
        "--speech_segmentation", "segments.yaml", "--ref_sentences_file", "references.txt",
        "--hypothesis_file", "hypotheses.jsonl", "--output_folder", "scores",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"omnisteval failed: {done.stderr}")
    with (folder / "scores" / "scores.tsv").open(encoding="utf-8", newline="") as file:
        scores = {row["metric"]: row["value"] for row in csv.DictReader(file, delimiter="\t")}
    return LongformScores(
        float(scores["BLEU"]), float(scores["LongYAAL (CU)"]), float(scores["LongYAAL (CA)"])
    )


def _segment(name: str, start_ms: float, end_ms: float) -> dict[str, object]:
    return {"wav": f"{name}.wav", "offset": start_ms / 1000, "duration": (end_ms - start_ms) / 1000}


def _hypothesis(monologue: Monologue, words: Sequence[Word]) -> dict[str, object]:
    return {
        "source": f"{monologue.name}.wav",
        "prediction": " ".join(word.text for word in words),
        "delays": [word.heard_ms for word in words],
        "elapsed": [word.arrived_ms for word in words],
        "source_length": monologue.duration_ms,
    }
