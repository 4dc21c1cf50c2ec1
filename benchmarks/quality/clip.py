"""One clip of an evaluation set, and sets kept on disk."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import soundfile

from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ, Samples

_GAP_SAMPLES = 1_600


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """16 kHz mono audio with its references. Texts are empty where nothing is said."""

    name: str
    samples: Samples
    source_language: str
    target_language: str
    transcript: str
    translation: str


def save_clips(clips: Sequence[Clip], folder: Path, stem: str) -> None:
    """Writes ``STEM.ogg`` (Opus, one clip after another) and ``STEM.json`` (references, sample ranges)."""
    rows, position = [], 0
    path = folder / f"{stem}.ogg"
    with soundfile.SoundFile(path, "w", INTERNAL_SAMPLE_RATE_HZ, 1, format="OGG", subtype="OPUS") as out:
        for clip in clips:
            out.write(clip.samples)
            out.write([0.0] * _GAP_SAMPLES)
            rows.append(
                {
                    "name": clip.name,
                    "source_language": clip.source_language,
                    "target_language": clip.target_language,
                    "transcript": clip.transcript,
                    "translation": clip.translation,
                    "start_sample": position,
                    "end_sample": position + len(clip.samples),
                }
            )
            position += len(clip.samples) + _GAP_SAMPLES
    text = json.dumps(rows, ensure_ascii=False, indent=1)
    (folder / f"{stem}.json").write_text(text + "\n", encoding="utf-8")


def load_clips(folder: Path, stem: str) -> list[Clip]:
    """What ``save_clips`` wrote, less what a lossy codec takes."""
    samples, rate = soundfile.read(folder / f"{stem}.ogg", dtype="float32")
    if rate != INTERNAL_SAMPLE_RATE_HZ:
        raise ValueError(f"{stem}.ogg: {rate} Hz, expected {INTERNAL_SAMPLE_RATE_HZ}")
    rows = json.loads((folder / f"{stem}.json").read_text(encoding="utf-8"))
    return [
        Clip(
            row["name"],
            samples[row["start_sample"] : row["end_sample"]],
            row["source_language"],
            row["target_language"],
            row["transcript"],
            row["translation"],
        )
        for row in rows
    ]


def by_direction(clips: Iterable[Clip]) -> dict[tuple[str, str], list[Clip]]:
    """Clips grouped by (source, target)."""
    groups: dict[tuple[str, str], list[Clip]] = {}
    for clip in clips:
        groups.setdefault((clip.source_language, clip.target_language), []).append(clip)
    return groups
