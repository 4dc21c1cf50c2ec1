"""Who speaks: the voices of the training data, those held out for evaluation, and the target voices.

The starter checkpoint is trained on synthetic speech alone. A voice is a language variant of espeak-ng times
a speaker variant times rate, pitch and melody, or a voice of another synthesizer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.starter.synthesis import drawn_speakers


@dataclass(frozen=True, slots=True)
class Voice:
    """One way of speaking. `name` is espeak's `language-variant+speaker-variant`, or `synthesizer:voice` with
    flite, pico or festival.

    `rate_wpm` counts words a minute; `pitch` (0..99) shifts the speaker's base pitch and `pitch_range`
    (0..99) scales the melody around it, 0 being monotone. espeak takes all; pico and flite rate and pitch
    (flite's moves the formants too); festival the rate, its cmu_us_slt_arctic_hts nothing. `tape_speed`: the
    speech is made slower and played faster, which moves pitch and formants as a shorter vocal tract does.
    """

    language: str
    name: str
    rate_wpm: int = 175
    pitch: int = 50
    pitch_range: int = 50
    tape_speed: float = 1.0

    @property
    def synthesizer(self) -> str:
        return self.name.partition(":")[0] if ":" in self.name else "espeak"

    @property
    def own_name(self) -> str:
        """The name by which the synthesizer knows it."""
        return self.name.rpartition(":")[2]


# Language variants; `gmw/en` is British English, which espeak does not find as "en-gb". Those that are files
# of espeak_voices/ are this project's: espeak itself has two Spanish voices, one German, and three French
# that differ in their words for 70 and 90 alone: too few to learn from and to hold one out.
TRAIN_VARIANTS: dict[str, tuple[str, ...]] = {
    "eng": ("en-us", "gmw/en", "en-gb-x-rp", "en-gb-scotland", "en-029", "en-us-nyc"),
    "spa": ("es", "es-seseo", "es-cantado"),
    "fra": ("fr", "fr-nord", "fr-midi", "fr-afrique"),
    "deu": ("de", "de-nord", "de-austria"),
}
HELD_OUT_VARIANTS: dict[str, tuple[str, ...]] = {
    "eng": ("en-gb-x-gbclan",), "spa": ("es-419",), "fra": ("fr-romand",), "deu": ("de-schweiz",),
}  # fmt: skip

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

# Voices of other synthesizers. festival is heard in evaluation alone; flite's slt and festival's are of one
# speaker. Spanish, French and German have a single one each, which is worth more in training.
OTHER_TRAIN_VOICES: dict[str, tuple[str, ...]] = {
    "eng": ("flite:kal16", "flite:awb", "flite:rms", "pico:en-US", "pico:en-GB"),
    "spa": ("pico:es-ES",),
    "fra": ("pico:fr-FR",),
    "deu": ("pico:de-DE",),
}
OTHER_HELD_OUT_VOICES: tuple[str, ...] = (
    "festival:ked_diphone",
    "festival:cmu_us_slt_arctic_hts",
    "flite:slt",
)

# The voices that the vocoder speaks with, by speaker id: a low and a high one in every language. All are
# monotone, with a whole number of pitch periods in every 20 ms unit (100 Hz: two, 150 Hz: three), which lets
# a small vocoder without adversarial training sound clean. Neither has an echo or breath.
_LANGUAGE_VARIANTS = {"eng": "en-us", "spa": "es", "fra": "fr", "deu": "de"}
TARGET_VOICES: dict[str, tuple[Voice, Voice]] = {
    language: (
        Voice(language, f"{variant}+m3", rate_wpm=165, pitch=59, pitch_range=0),
        Voice(language, f"{variant}+belinda", rate_wpm=165, pitch=77, pitch_range=0),
    )
    for language, variant in _LANGUAGE_VARIANTS.items()
}
SPEAKER_IDS = (0, 1)


_DRAWN_SHARE = 0.5
"""Of espeak's voices in training: how often one of `drawn_speakers` speaks."""


def draw_voice(
    language: str, rng: np.random.Generator, *, held_out: bool = False, other_share: float = 0.0
) -> Voice:
    """A random voice of `language` ("eng", "spa", "fra", "deu") with random rate, pitch and range.

    Held-out voices combine a held-out speaker with a training language variant, a training speaker with the
    held-out variant, or both; none of these occurs in training. `other_share` is the share of synthesizers
    other than espeak-ng (held out: in English alone).
    """
    rate_wpm, pitch, pitch_range = (int(rng.integers(*span)) for span in ((120, 216), (25, 76), (20, 81)))
    if rng.random() < other_share and (language == "eng" or not held_out):
        names = OTHER_HELD_OUT_VOICES if held_out else OTHER_TRAIN_VOICES[language]
        return Voice(language, str(rng.choice(names)), rate_wpm, pitch)
    variants, speakers = TRAIN_VARIANTS[language], TRAIN_SPEAKERS
    if not held_out and rng.random() < _DRAWN_SHARE:
        speakers = drawn_speakers.NAMES
    if held_out:
        kind = int(rng.integers(3))
        if kind != 0:
            variants = HELD_OUT_VARIANTS[language]
        if kind != 1:
            speakers = HELD_OUT_SPEAKERS
    speaker = str(rng.choice(speakers))
    name = str(rng.choice(variants)) + (f"+{speaker}" if speaker else "")
    return Voice(language, name, rate_wpm, pitch, pitch_range)


def is_held_out(voice: Voice) -> bool:
    """Whether `voice` is none of those that `draw_voice` gives for training."""
    if voice.synthesizer != "espeak":
        return voice.name not in OTHER_TRAIN_VOICES[voice.language]
    variant, _, speaker = voice.name.partition("+")
    is_trained = speaker in TRAIN_SPEAKERS or speaker in drawn_speakers.NAMES
    return variant not in TRAIN_VARIANTS[voice.language] or not is_trained
