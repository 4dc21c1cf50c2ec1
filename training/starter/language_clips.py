"""Labelled recordings for `translate-svc calibrate --languages`: `python -m training.starter.language_clips`.

A folder a language, with FLAC files, as FLEURS has once it is unpacked. The starter's languages are said in
all voices of the recipe, about half of the texts being outside its phrasebook; other languages are there so
that the rule learns what it does not know. Half of the recordings are worsened (rooms, noise, telephones).

`--part held_out` has speakers, variants, synthesizers (festival, flite's slt) and other languages that
`--part train` never has. Each file depends on its number alone.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import soundfile

from training.starter.corpus import speak
from training.starter.examples import foreign, free_speech
from training.starter.examples.texts import TextSource
from training.starter.grammar import LANGUAGES, Grammar, Language
from training.starter.sounds import conditions, noise
from training.starter.synthesis.synth import SAMPLE_RATE, Samples, SynthesisError
from training.starter.synthesis.voices import Voice, draw_voice

_SEED = {"train": 31_000, "held_out": 31_001}
_FREE_SHARE, _OTHER_SYNTHESIZERS_SHARE, _WORSE_SHARE = 0.5, 0.3, 0.5
_FLOOR_DBFS = (-80.0, -60.0)
_MAX_S = 10.0
_ATTEMPTS = 20
# festival's voices of languages whose espeak-ng voices are heard in training, too
_FESTIVAL_VOICES = {
    "italian": ("festival:lp_diphone", "festival:pc_diphone"),
    "finnish": ("festival:suo_fi_lj_diphone",),
}


def recorded(speech: Samples, rng: np.random.Generator) -> Samples:
    """In a quiet room, or worse."""
    if rng.random() < _WORSE_SHARE:
        return conditions.worsen(speech, rng)
    floor = noise.white(len(speech), rng) * conditions.amplitude(float(rng.uniform(*_FLOOR_DBFS)))
    return conditions.quantize(speech + floor)


def own_clip(language: Language, source: TextSource, rng: np.random.Generator, *, held_out: bool) -> Samples:
    """One to two sentences of a language that the starter translates. Raises SynthesisError."""
    if rng.random() < _FREE_SHARE:
        sentences = [free_speech.draw_text(language, rng, held_out=held_out)]
    else:
        sentences = [each.text[language] for each in source.draw(rng, int(rng.integers(1, 3))).sentences]
    voice = draw_voice(language, rng, held_out=held_out, other_share=_OTHER_SYNTHESIZERS_SHARE)
    return recorded(speak(sentences, voice, rng), rng)


def other_clip(language: foreign.ForeignLanguage, rng: np.random.Generator) -> Samples:
    """Of a language that it does not translate. Raises SynthesisError."""
    text, voice = foreign.draw_text(language, rng), foreign.draw_voice(language, rng)
    if language.part == "held_out" and language.name in _FESTIVAL_VOICES and rng.random() < 0.5:
        voice = Voice(language.name, str(rng.choice(_FESTIVAL_VOICES[language.name])), voice.rate_wpm)
    return recorded(speak([text], voice, rng), rng)


def write(folder: Path, part: str, count: int, others: int) -> None:
    """`count` files of each own language and `others` of each other one; those that are there are kept."""
    held_out = part == "held_out"
    source = TextSource(Grammar.load(), "combination" if held_out else "train")
    own = {str(language): language for language in LANGUAGES}
    jobs = [(language, index) for language in own for index in range(count)]
    foreign_ones = {each.name: each for each in foreign.languages() if each.part == part}
    jobs += [(name, index) for name in foreign_ones for index in range(others)]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(name for name, _ in jobs))}
    for name, index in jobs:
        path = folder / name / f"{index:05d}.flac"
        if path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng([_SEED[part], numbers[name], index])
        for _ in range(_ATTEMPTS):
            try:
                if name in foreign_ones:
                    samples = other_clip(foreign_ones[name], rng)
                else:
                    samples = own_clip(own[name], source, rng, held_out=held_out)
                break
            except SynthesisError as error:
                failure = error
        else:
            raise failure
        soundfile.write(path, samples[: int(_MAX_S * SAMPLE_RATE)], SAMPLE_RATE, subtype="PCM_16")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=Path("build/starter/languages"))
    parser.add_argument("--part", choices=list(_SEED), default="train")
    parser.add_argument("--count", type=int, default=600, help="recordings of each language of the starter")
    parser.add_argument("--others", type=int, default=130, help="and of each other one")
    arguments = parser.parse_args()
    write(arguments.out / arguments.part, arguments.part, arguments.count, arguments.others)


if __name__ == "__main__":
    main()
