"""Who speaks: the voices of the training data, those held out for evaluation, and the target voices.

The starter checkpoint is trained on synthetic speech alone. A voice is a language variant of espeak-ng times
a speaker variant times rate, pitch and melody, or a voice of flite.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Voice:
    """One way of speaking. `name` is espeak's `language-variant+speaker-variant`, or `flite:<voice>`.

    `rate_wpm` counts words a minute; `pitch` (0..99) shifts the speaker's base pitch and `pitch_range`
    (0..99) scales the melody around it, 0 being monotone. flite takes the rate alone.
    """

    language: str
    name: str
    rate_wpm: int = 175
    pitch: int = 50
    pitch_range: int = 50

    @property
    def is_flite(self) -> bool:
        return self.name.startswith("flite:")


# Language variants; `gmw/en` is British English, which espeak does not find as "en-gb". `es-seseo` and
# `es-cantado` are voice files of this project: espeak has two Spanish voices, and with es-419 held out a
# single one would be left to learn from.
TRAIN_VARIANTS: dict[str, tuple[str, ...]] = {
    "eng": ("en-us", "gmw/en", "en-gb-x-rp", "en-gb-scotland", "en-029", "en-us-nyc"),
    "spa": ("es", "es-seseo", "es-cantado"),
}
HELD_OUT_VARIANTS: dict[str, tuple[str, ...]] = {"eng": ("en-gb-x-gbclan",), "spa": ("es-419",)}

# Speaker variants: formants, breath, echo, base pitch. Whispered, croaking and effect voices are left out.
TRAIN_SPEAKERS: tuple[str, ...] = (
    "", "m1", "m2", "m3", "m5", "m6", "m7", "m8", "f1", "f2", "f4", "f5", "Alex", "Alicia", "Andrea",
    "Annie", "Denis", "Diogo", "Gene", "Henrique", "Hugo", "Jacky", "Marco", "Mario", "Mike", "adam", "anika",
    "antonio", "aunty", "belinda", "benjamin", "boris", "caleb", "david", "ed", "edward", "grandma",
    "grandpa", "gustave", "iven", "john", "marcelo", "max", "michel", "miguel", "norbert", "paul", "pedro",
    "quincy", "rob", "robert", "sandro", "shelby", "steph", "travis", "victor", "zac", "klatt", "klatt2",
    "klatt4",
)  # fmt: skip
HELD_OUT_SPEAKERS: tuple[str, ...] = (
    "m4",
    "f3",
    "Andy",
    "Lee",
    "linda",
    "Michael",
    "pablo",
    "klatt3",
    "steph2",
)

FLITE_TRAIN_VOICES: tuple[str, ...] = ("kal16", "awb", "rms")
FLITE_HELD_OUT_VOICES: tuple[str, ...] = ("slt",)

# The voices that the vocoder speaks with. Both are monotone, with a whole number of pitch periods in every
# 20 ms unit (English 100 Hz: two, Spanish 150 Hz: three), which lets a small vocoder without adversarial
# training sound clean. Speaker ids are global: one table of embeddings serves both languages.
TARGET_VOICES: dict[str, Voice] = {
    "eng": Voice("eng", "en-us+m3", rate_wpm=165, pitch=58, pitch_range=0),
    "spa": Voice("spa", "es+f4", rate_wpm=165, pitch=44, pitch_range=0),
}
TARGET_SPEAKER_IDS: dict[str, int] = {"eng": 0, "spa": 1}


def draw_voice(
    language: str, rng: np.random.Generator, *, held_out: bool = False, flite_share: float = 0.0
) -> Voice:
    """A random voice of `language` ("eng" or "spa") with random rate, pitch and range.

    Held-out voices combine a held-out speaker with a training language variant, a training speaker with the
    held-out variant, or both; none of these occurs in training. `flite_share` is the share of flite voices
    (English alone: flite has no Spanish).
    """
    rate_wpm = int(rng.integers(120, 216))
    if language == "eng" and rng.random() < flite_share:
        names = FLITE_HELD_OUT_VOICES if held_out else FLITE_TRAIN_VOICES
        return Voice(language, f"flite:{rng.choice(names)}", rate_wpm)
    variants, speakers = TRAIN_VARIANTS[language], TRAIN_SPEAKERS
    if held_out:
        kind = int(rng.integers(3))
        if kind != 0:
            variants = HELD_OUT_VARIANTS[language]
        if kind != 1:
            speakers = HELD_OUT_SPEAKERS
    speaker = str(rng.choice(speakers))
    name = str(rng.choice(variants)) + (f"+{speaker}" if speaker else "")
    return Voice(language, name, rate_wpm, int(rng.integers(25, 76)), int(rng.integers(20, 81)))


def is_held_out(voice: Voice) -> bool:
    """Whether `voice` is none of those that `draw_voice` gives for training."""
    if voice.is_flite:
        return voice.name.removeprefix("flite:") not in FLITE_TRAIN_VOICES
    variant, _, speaker = voice.name.partition("+")
    return variant not in TRAIN_VARIANTS[voice.language] or speaker not in TRAIN_SPEAKERS
