"""The evaluation sets: held-out sentences in held-out voices, synthesized from a fixed seed.

Needs what training needs: espeak-ng's library and, for the set of unseen synthesizers, flite and festival.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import get_args

import numpy as np

from benchmarks.quality.clip import Clip
from training.starter.corpus import MAX_UTTERANCE_S, speak
from training.starter.examples import free_speech
from training.starter.examples.texts import Text, TextSource
from training.starter.grammar import LANGUAGES, Grammar, Language, Part
from training.starter.sounds import conditions, noise
from training.starter.synthesis.synth import SAMPLE_RATE, SynthesisError
from training.starter.synthesis.voices import OTHER_HELD_OUT_VOICES, Voice, draw_voice
from translate_svc.types import Samples

SPEECHLESS_KINDS: tuple[conditions.Speechless, ...] = get_args(conditions.Speechless)

SEED = 2026
_ATTEMPTS = 50
_SNR_DB = 10.0
_FLOOR_DBFS = -72.0


def quiet_room(samples: Samples, rng: np.random.Generator) -> Samples:
    """With a floor of -72 dBFS."""
    floor = noise.white(len(samples), rng) * conditions.amplitude(_FLOOR_DBFS)
    return conditions.quantize(samples + floor)


def _noisy_room(samples: Samples, rng: np.random.Generator) -> Samples:
    return conditions.quantize(conditions.with_noise(samples, _SNR_DB, rng))


def _telephone(samples: Samples, rng: np.random.Generator) -> Samples:
    return conditions.quantize(conditions.telephone(samples, rng))


@dataclass(frozen=True, slots=True)
class SpokenSet:
    """What is said, how it is recorded, and in which languages.

    ``sentence_counts``: of a clip, each as likely. ``other_synthesizers``: those that training never heard.
    """

    part: Part = "combination"
    sentence_counts: tuple[int, ...] = (1,)
    record: Callable[[Samples, np.random.Generator], Samples] = quiet_room
    other_synthesizers: bool = False
    languages: tuple[Language, ...] = LANGUAGES


SPOKEN_SETS: Mapping[str, SpokenSet] = {
    "one": SpokenSet(),
    "template": SpokenSet("template"),
    "several": SpokenSet(sentence_counts=(2, 3, 4)),
    "noise10": SpokenSet(record=_noisy_room),
    "telephone": SpokenSet(record=_telephone),
    "mixed": SpokenSet(record=conditions.worsen),
    "synthesizer": SpokenSet(other_synthesizers=True, languages=("eng",)),
    "stock": SpokenSet("stock"),
}
"""Every clip has silence around it. ``mixed``: rooms, noise down to 5 dB, telephones, microphones, gain.
``stock``: phrases that training has heard, in voices that it has not.
"""

_SPEECHLESS_NUMBER = 7
"""Of the first kind of those, in their seeds: a set of speech that is added leaves them as they are."""


@cache
def grammar() -> Grammar:
    """Loading takes longer than drawing hundreds of sentences."""
    return Grammar.load()


def spoken_clips(name: str, language: Language, count: int, first: int = 0) -> list[Clip]:
    """``count`` clips of a set in a language from number ``first`` on; a clip depends on its number alone.

    Raises SynthesisError when a synthesizer is missing or fails again and again.
    """
    source = TextSource(grammar(), SPOKEN_SETS[name].part)
    return [_spoken_clip(source, name, language, index) for index in range(first, first + count)]


def speechless_clips(kind: conditions.Speechless, count: int) -> list[Clip]:
    """Recordings without speech to translate: silence, noise, music, other languages. Their declared source
    languages are those of the starter in turn.
    """
    number = _SPEECHLESS_NUMBER + SPEECHLESS_KINDS.index(kind)
    return [
        Clip(
            f"{kind}-{index}",
            conditions.without_speech(kind, np.random.default_rng([SEED, number, index]), held_out=True),
            LANGUAGES[index % len(LANGUAGES)],
            dict.fromkeys(LANGUAGES, ""),
        )
        for index in range(count)
    ]


def free_clips(count: int, first: int = 0) -> list[Clip]:
    """People who talk outside the phrasebook, one by one: held-out sentences, names, numbers and made-up
    words in held-out voices, each language in turn. Nothing of it can be translated.

    Raises SynthesisError when a synthesizer fails again and again.
    """
    return [clip for _, clip in free_talk(count, first)]


def free_talk(count: int, first: int = 0) -> list[tuple[str, Clip]]:
    """``free_clips``, each with what is said."""
    number = _SPEECHLESS_NUMBER + len(SPEECHLESS_KINDS)
    return [_free_clip(number, index) for index in range(first, first + count)]


def written_texts(language: Language, count: int, part: Part = "combination") -> list[dict[str, str]]:
    """Sentences in every language, to be translated from ``language`` as text; drawn apart from those of
    ``spoken_clips``.
    """
    source = TextSource(grammar(), part)
    rng = np.random.default_rng([SEED, 1_000, LANGUAGES.index(language)])
    return [_by_code(source.draw(rng, 1, language)) for _ in range(count)]


def training_sentences(language: Language, count: int) -> list[str]:
    """Sentences of the domain for a language model, without the held-out ones."""
    source = TextSource(grammar(), "train")
    rng = np.random.default_rng([SEED, 2_000, LANGUAGES.index(language)])
    return [source.draw(rng, 1).text(language) for _ in range(count)]


def _spoken_clip(source: TextSource, name: str, language: Language, index: int) -> Clip:
    chosen = SPOKEN_SETS[name]
    number = list(SPOKEN_SETS).index(name)
    rng = np.random.default_rng([SEED, number, LANGUAGES.index(language), index])
    for _ in range(_ATTEMPTS):
        text = source.draw(rng, int(rng.choice(chosen.sentence_counts)), language)
        voice = draw_voice(language, rng, held_out=True)
        if chosen.other_synthesizers:
            voice = Voice(language, str(rng.choice(OTHER_HELD_OUT_VOICES)), voice.rate_wpm)
        try:
            samples = speak([sentence.text[language] for sentence in text.sentences], voice, rng)
        except SynthesisError as error:
            failure = error
            continue
        if len(samples) <= MAX_UTTERANCE_S * SAMPLE_RATE:
            return Clip(f"{name}-{language}-{index}", chosen.record(samples, rng), language, _by_code(text))
        failure = SynthesisError(f"the texts of {name} are longer than {MAX_UTTERANCE_S} s")
    raise failure


def _free_clip(number: int, index: int) -> tuple[str, Clip]:
    language = LANGUAGES[index % len(LANGUAGES)]
    rng = np.random.default_rng([SEED, number, index])
    for _ in range(_ATTEMPTS):
        text = free_speech.draw_text(language, rng, held_out=True)
        try:
            samples = speak([text], draw_voice(language, rng, held_out=True), rng)
        except SynthesisError as error:
            failure = error
            continue
        if len(samples) <= MAX_UTTERANCE_S * SAMPLE_RATE:
            texts: dict[str, str] = dict.fromkeys(LANGUAGES, "")
            return text, Clip(f"free-{index}", quiet_room(samples, rng), language, texts)
        failure = SynthesisError(f"the free talk is longer than {MAX_UTTERANCE_S} s")
    raise failure


def _by_code(text: Text) -> dict[str, str]:
    return {language: text.text(language) for language in LANGUAGES}
