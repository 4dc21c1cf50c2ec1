"""Synthetic speech with known word positions, which espeak-ng reports."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.inspection.source_times import SpokenWord
from translate_svc.audio.files import read_audio
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ, Samples

DATA = Path(__file__).parents[2] / "tests" / "data"

_SEED = 2027
_EDGE_SAMPLES = 6_400
_FLOOR = 2.5e-4


@dataclass(frozen=True, slots=True, eq=False)
class SpokenClip:
    """16 kHz mono audio and its words."""

    name: str
    samples: Samples
    source_language: str
    target_language: str
    words: tuple[SpokenWord, ...]


def shipped_clips(names: Iterable[str] | None = None) -> list[SpokenClip]:
    """Those of tests/data (or the named ones) by espeak-ng; ``training.starter.make_samples`` wrote them."""
    entries = json.loads((DATA / "clips.json").read_text(encoding="utf-8"))["clips"]
    chosen = None if names is None else set(names)
    clips = []
    for entry in entries:
        name = Path(entry["file"]).stem
        words = tuple(
            SpokenWord(word["text"], word["start_ms"], word["end_ms"])
            for sentence in entry["sentences"]
            for word in sentence["words"]
        )
        if words and (chosen is None or name in chosen):
            samples, rate_hz = read_audio(DATA / entry["file"])
            if rate_hz != INTERNAL_SAMPLE_RATE_HZ:
                raise ValueError(f"{name}: {rate_hz} Hz, expected {INTERNAL_SAMPLE_RATE_HZ}")
            clips.append(SpokenClip(name, samples, entry["source_language"], entry["target_language"], words))
    return clips


def fresh_clips(count: int) -> list[SpokenClip]:
    """``count`` held-out sentences a language in held-out voices. Needs espeak-ng's library."""
    from training.starter.corpus import TextSource
    from training.starter.grammar import LANGUAGES, Grammar
    from training.starter.synthesis.synth import synthesize
    from training.starter.synthesis.voices import draw_voice

    source = TextSource(Grammar.load(), "combination")
    clips = []
    for number, language in enumerate(LANGUAGES):
        for index in range(count):
            rng = np.random.default_rng([_SEED, number, index])
            text = source.draw(rng, 1).text(language)
            speech = synthesize(text, draw_voice(language, rng, held_out=True))
            samples = (_FLOOR * rng.standard_normal(len(speech.samples) + 2 * _EDGE_SAMPLES)).astype(
                np.float32
            )
            samples[_EDGE_SAMPLES : _EDGE_SAMPLES + len(speech.samples)] += speech.samples
            words = tuple(
                SpokenWord(word.text, _ms(word.start_sample), _ms(word.end_sample)) for word in speech.words
            )
            target = LANGUAGES[(number + 1) % len(LANGUAGES)]
            clips.append(SpokenClip(f"{language}-{index}", samples, language, target, words))
    return clips


def _ms(sample: int) -> float:
    return (sample + _EDGE_SAMPLES) * 1000 / INTERNAL_SAMPLE_RATE_HZ
