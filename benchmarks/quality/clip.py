"""One clip of an evaluation set, and sets kept on disk."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import soundfile

from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ, Samples

_GAP_SAMPLES = 1_600


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """16 kHz mono audio, its language, and its text in every language of the starter: the transcript and all
    references. Texts are empty if nothing in it can be translated.
    """

    name: str
    samples: Samples
    language: str
    texts: Mapping[str, str]

    @property
    def transcript(self) -> str:
        return self.texts[self.language]


def save_clips(clips: Sequence[Clip], folder: Path, stem: str) -> None:
    """Writes ``STEM.ogg`` (Opus, one clip after another) and ``STEM.json`` (texts, sample ranges)."""
    rows, position = [], 0
    path = folder / f"{stem}.ogg"
    with soundfile.SoundFile(path, "w", INTERNAL_SAMPLE_RATE_HZ, 1, format="OGG", subtype="OPUS") as out:
        for clip in clips:
            out.write(clip.samples)
            out.write([0.0] * _GAP_SAMPLES)
            rows.append(
                {
                    "name": clip.name,
                    "language": clip.language,
                    "texts": dict(clip.texts),
                    "start_sample": position,
                    "end_sample": position + len(clip.samples),
                }
            )
            position += len(clip.samples) + _GAP_SAMPLES
    text = json.dumps(rows, ensure_ascii=False, indent=1)
    (folder / f"{stem}.json").write_text(text + "\n", encoding="utf-8")


def load_clips(folder: Path, stem: str) -> list[Clip]:
    """What ``save_clips`` wrote, with the losses of the codec."""
    samples, rate = soundfile.read(folder / f"{stem}.ogg", dtype="float32")
    if rate != INTERNAL_SAMPLE_RATE_HZ:
        raise ValueError(f"{stem}.ogg: {rate} Hz, expected {INTERNAL_SAMPLE_RATE_HZ}")
    rows = json.loads((folder / f"{stem}.json").read_text(encoding="utf-8"))
    return [
        Clip(row["name"], samples[row["start_sample"] : row["end_sample"]], row["language"], row["texts"])
        for row in rows
    ]


def by_language(clips: Iterable[Clip]) -> dict[str, list[Clip]]:
    """Clips grouped by the language spoken."""
    groups: dict[str, list[Clip]] = {}
    for clip in clips:
        groups.setdefault(clip.language, []).append(clip)
    return groups
