"""Long recordings of a person who speaks on and on, made of held-out sentences, and what they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.quality.clip import Clip, load_clips
from training.starter.grammar import LANGUAGES, Language
from training.starter.sounds import conditions
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ, Samples

SAMPLES_PER_MS = INTERNAL_SAMPLE_RATE_HZ // 1000
SEED = 2028

_CLIPS = Path(__file__).parents[2] / "tests" / "data" / "quality"
_LEAD_MS, _TAIL_MS, _EDGE_MS = 500, 3000, 250
_FRAME_SAMPLES = 160
_SPEECH_BELOW_PEAK_DB = 35.0
_FLOOR_DBFS = -72.0
_SNR_DB = 10.0


@dataclass(frozen=True, slots=True)
class Variant:
    """How a monologue sounds: the bounds of its pauses between sentences, and whether there is noise."""

    name: str
    gap_ms: tuple[int, int] = (100, 400)
    noisy: bool = False


VARIANTS = (Variant("short gaps"), Variant("real pauses", (600, 1200)), Variant("noise at 10 dB", noisy=True))


@dataclass(frozen=True, slots=True)
class Sentence:
    """The words from ``start_ms`` to ``end_ms`` of a monologue, in every language of the starter."""

    texts: Mapping[str, str]
    start_ms: float
    end_ms: float


@dataclass(frozen=True, slots=True, eq=False)
class Monologue:
    """16 kHz mono audio ``[n_samples]`` and its sentences in their order.

    Silence follows the last one, in which a system may finish; see ``longform``.
    """

    name: str
    language: str
    samples: Samples
    sentences: tuple[Sentence, ...]

    @property
    def duration_ms(self) -> float:
        return len(self.samples) / SAMPLES_PER_MS

    def alone(self, sentence: Sentence) -> Samples:
        """A sentence's own audio with half of the gap on either side, but no more than 250 ms of it."""
        index = self.sentences.index(sentence)
        last = index + 1 == len(self.sentences)
        before_ms = sentence.start_ms - self.sentences[index - 1].end_ms if index else _LEAD_MS
        after_ms = _TAIL_MS if last else self.sentences[index + 1].start_ms - sentence.end_ms
        start_ms = sentence.start_ms - min(before_ms / 2, _EDGE_MS)
        end_ms = sentence.end_ms + min(after_ms / 2, _EDGE_MS)
        return self.samples[round(start_ms * SAMPLES_PER_MS) : round(end_ms * SAMPLES_PER_MS)]


def shipped_clips(language: str) -> list[Clip]:
    """Held-out sentences in held-out voices, one a clip, as tests/data/quality holds them."""
    return [clip for clip in load_clips(_CLIPS, "one") if clip.language == language]


def monologues(
    clips: Sequence[Clip], variant: Variant, count: int, min_duration_s: float = 60.0
) -> list[Monologue]:
    """``count`` monologues of one language, each no shorter than ``min_duration_s``.

    A monologue goes through all clips in a random order, and again in another order until it is long enough.
    It depends on language, number, variant and clips alone.
    """
    language = clips[0].language
    number = LANGUAGES.index(_language(language))
    spoken = [_spoken(clip) for clip in clips]
    made = []
    for index in range(count):
        rng = np.random.default_rng([SEED, number, index, VARIANTS.index(variant)])
        name = f"{language}-{index}"
        made.append(_monologue(name, language, spoken, variant, min_duration_s, rng))
    return made


def _monologue(
    name: str,
    language: str,
    spoken: Sequence[tuple[Samples, Mapping[str, str]]],
    variant: Variant,
    min_duration_s: float,
    rng: np.random.Generator,
) -> Monologue:
    pieces, sentences = [_silence(_LEAD_MS)], []
    position = len(pieces[0])
    order: list[int] = []
    while order or position < min_duration_s * INTERNAL_SAMPLE_RATE_HZ:
        order = order or [int(each) for each in rng.permutation(len(spoken))]
        samples, texts = spoken[order.pop()]
        end = position + len(samples)
        sentences.append(Sentence(texts, position / SAMPLES_PER_MS, end / SAMPLES_PER_MS))
        gap = _silence(int(rng.integers(*variant.gap_ms)))
        pieces += [samples, gap]
        position = end + len(gap)
    audio = np.concatenate([*pieces, _silence(_TAIL_MS)])
    return Monologue(name, language, _recorded(audio, variant, rng), tuple(sentences))


def _recorded(audio: Samples, variant: Variant, rng: np.random.Generator) -> Samples:
    if variant.noisy:
        return conditions.quantize(conditions.with_noise(audio, _SNR_DB, rng))
    floor = rng.standard_normal(len(audio)).astype(np.float32) * np.float32(10 ** (_FLOOR_DBFS / 20))
    return conditions.quantize(audio + floor)


def _spoken(clip: Clip) -> tuple[Samples, Mapping[str, str]]:
    """A clip without the silence at its ends, judged by the level of frames of 10 ms."""
    whole = clip.samples[: len(clip.samples) // _FRAME_SAMPLES * _FRAME_SAMPLES]
    levels_db = 10 * np.log10((whole.reshape(-1, _FRAME_SAMPLES) ** 2).mean(axis=1) + 1e-12)
    loud = np.flatnonzero(levels_db > np.percentile(levels_db, 95) - _SPEECH_BELOW_PEAK_DB)
    return whole[loud[0] * _FRAME_SAMPLES : (loud[-1] + 1) * _FRAME_SAMPLES], clip.texts


def _silence(duration_ms: int) -> Samples:
    return np.zeros(duration_ms * SAMPLES_PER_MS, np.float32)


def _language(code: str) -> Language:
    return next(each for each in LANGUAGES if each == code)
