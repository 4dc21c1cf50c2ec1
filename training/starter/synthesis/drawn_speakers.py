"""Speakers of espeak-ng that nobody made by hand: drawn at random, so that training hears many throats.

espeak has some ninety speaker variants, of which a tenth is held out; a model that has heard sixty of them
for long hears them better than strangers. Each of these differs from all of espeak's in pitch, in the place,
height and width of its formants, in roughness, flutter and breath.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

COUNT = 400
FOLDER = ".drawn"
"""In `voices/!v`. espeak lists at most 349 voices, and does not look for them where a name begins so."""
NAMES: tuple[str, ...] = tuple(f"{FOLDER}/{number:03d}" for number in range(COUNT))
"""As espeak finds them: after the "+" of a voice."""

_SEED = 61
_FORMANTS = 9
_LOW_VOICE, _HIGH_VOICE = (58.0, 130.0), (130.0, 230.0)
_TRACT = {True: (0.96, 1.36), False: (0.82, 1.12)}
_KLATT_SHARE = 0.1


def write(folder: Path) -> None:
    """Their files, into what stands for espeak's `voices/!v`. They are equal whenever it is done."""
    (folder / FOLDER).mkdir(exist_ok=True)
    for number, name in enumerate(NAMES):
        temporary = folder / f"{name}.{os.getpid()}"
        temporary.write_text(_speaker(f"{number:03d}", np.random.default_rng([_SEED, number])), "ascii")
        temporary.replace(folder / name)


def _speaker(name: str, rng: np.random.Generator) -> str:
    """A file of espeak's: docs/voices.md of espeak-ng says what its lines mean."""
    high = bool(rng.random() < 0.5)
    low_hz = float(rng.uniform(*(_HIGH_VOICE if high else _LOW_VOICE)))
    lines = [
        "language variant",
        f"name {name}",
        f"gender {'female' if high else 'male'}",
        f"pitch {low_hz:.0f} {low_hz * rng.uniform(1.2, 1.8):.0f}",
        f"flutter {rng.integers(0, 13)}",
        f"voicing {rng.integers(80, 131)}",
        f"consonants {rng.integers(60, 131)} {rng.integers(60, 131)}",
    ]
    if rng.random() < _KLATT_SHARE:
        return "\n".join([*lines, f"klatt {rng.choice([1, 2, 4])}", ""])
    if rng.random() < 0.4:
        lines.append(f"roughness {rng.integers(0, 5)}")
    if rng.random() < 0.25:
        lines.append("breath " + " ".join(str(rng.integers(0, 5)) for _ in range(8)))
    tract, height, width = rng.uniform(*_TRACT[high]), rng.uniform(65, 108), rng.uniform(65, 165)
    for formant in range(_FORMANTS):
        place = 100 * tract * rng.uniform(0.92, 1.08)
        heights, widths = height * rng.uniform(0.8, 1.2), width * rng.uniform(0.85, 1.15)
        lines.append(f"formant {formant} {place:.0f} {heights:.0f} {widths:.0f}")
    return "\n".join([*lines, ""])
