"""Cached shards to training batches: buckets of similar length, feature augmentation, token sequences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.starter.grammar import LANGUAGES, Language
from training.starter.tokenizer import EOS_ID, PAD_ID, StarterTokenizer

MEL_BINS = 80
IGNORED = -100
NO_TEXTS: Mapping[Language, str] = dict.fromkeys(LANGUAGES, "")
DIRECTIONS: tuple[tuple[Language, Language], ...] = tuple(
    (source, target) for source in LANGUAGES for target in LANGUAGES if source != target
)

_WARP_SHARE, _WARP_RANGE = 0.5, (0.88, 1.13)
_BIN_MASK_SHARE, _BIN_MASK_MAX = 0.3, 10
_TIME_MASK_SHARE, _TIME_MASK_MAX_FRAMES = 0.2, 5


@dataclass(frozen=True, slots=True)
class Example:
    """A recording in `language` with the text that is wanted in every language, its transcript included.

    `features`: (stacked frames, 160) float16, one frame every 20 ms. Where there is nothing to translate
    (silence, noise, music, other languages) all texts are empty and `language` is what the listener expects.

    Of a piece of continuous speech the texts are those settled at its end. They begin with `prefixes`,
    whole words that the decoder is given, and what will follow them is in `rests`. `spoken` is what can be
    heard in the piece; None where that is the transcript.
    """

    language: Language
    texts: Mapping[Language, str]
    features: NDArray[np.float16]
    prefixes: Mapping[Language, str] = field(default_factory=lambda: NO_TEXTS)
    rests: Mapping[Language, str] = field(default_factory=lambda: NO_TEXTS)
    spoken: str | None = None

    @property
    def transcript(self) -> str:
        return self.texts[self.language]

    @property
    def has_prefix(self) -> bool:
        return any(self.prefixes.values())


@dataclass(frozen=True, slots=True)
class TextPair:
    """A text and its translation: an example of text -> text."""

    source_language: Language
    target_language: Language
    source_text: str
    target_text: str


@dataclass(frozen=True, slots=True)
class DecoderBatch:
    """`input_ids` [</s>, language, tokens...] padded with 0; `labels` shifted, language, prefix ignored."""

    input_ids: Tensor
    labels: Tensor


def other_languages(language: Language) -> tuple[Language, ...]:
    """The languages that speech in `language` is translated into, in the order of LANGUAGES."""
    return tuple(other for other in LANGUAGES if other != language)


def decoder_batch(
    tokenizer: StarterTokenizer,
    texts: Sequence[str],
    languages: Sequence[Language],
    prefixes: Sequence[str] | None = None,
) -> DecoderBatch:
    """`prefixes`: the whole words that each text begins with and that are given, not learnt; none if None."""
    given = [len(tokenizer.encode(prefix)) for prefix in prefixes or [""] * len(texts)]
    rows = [
        [EOS_ID, tokenizer.language_id(language), *tokenizer.encode(text), EOS_ID]
        for text, language in zip(texts, languages, strict=True)
    ]
    length = max(map(len, rows)) - 1
    input_ids = np.full((len(rows), length), PAD_ID)
    labels = np.full((len(rows), length), IGNORED)
    for index, row in enumerate(rows):
        input_ids[index, : len(row) - 1] = row[:-1]
        labels[index, 1 + given[index] : len(row) - 1] = row[2 + given[index] :]
    return DecoderBatch(torch.from_numpy(input_ids), torch.from_numpy(labels))


def encoder_batch(
    tokenizer: StarterTokenizer, texts: Sequence[str], languages: Sequence[Language]
) -> tuple[Tensor, Tensor]:
    """Text encoder inputs [language, tokens..., </s>] and their mask, both (batch, tokens)."""
    rows = [
        torch.tensor([tokenizer.language_id(language), *tokenizer.encode(text), EOS_ID])
        for text, language in zip(texts, languages, strict=True)
    ]
    ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=PAD_ID)
    return ids, (ids != PAD_ID).long()


def stack_features(
    examples: Sequence[Example], rng: np.random.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """(batch, stacked frames, 160) float32 and the frame counts; augmented when `rng` is given."""
    counts = [len(example.features) for example in examples]
    batch = np.zeros((len(examples), max(counts), 2 * MEL_BINS), np.float32)
    for row, example in zip(batch, examples, strict=True):
        features = example.features.astype(np.float32)
        row[: len(features)] = features if rng is None else augment_features(features, rng)
    return torch.from_numpy(batch), torch.tensor(counts)


def augment_features(features: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Warps the frequency axis (other vocal tracts) and masks a band and a moment (SpecAugment)."""
    mel = features.reshape(-1, MEL_BINS)
    if rng.random() < _WARP_SHARE:
        mel = _warp_bins(mel, float(rng.uniform(*_WARP_RANGE)))
    mel = mel.copy()
    if rng.random() < _BIN_MASK_SHARE:
        width = int(rng.integers(1, _BIN_MASK_MAX + 1))
        start = int(rng.integers(0, MEL_BINS - width))
        mel[:, start : start + width] = 0.0
    stacked = mel.reshape(-1, 2 * MEL_BINS)
    if rng.random() < _TIME_MASK_SHARE and len(stacked) > 2 * _TIME_MASK_MAX_FRAMES:
        width = int(rng.integers(1, _TIME_MASK_MAX_FRAMES + 1))
        start = int(rng.integers(0, len(stacked) - width))
        stacked[start : start + width] = 0.0
    return stacked


def _warp_bins(mel: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    position = np.clip(np.arange(MEL_BINS) * factor, 0, MEL_BINS - 1)
    below = np.floor(position).astype(int)
    above = np.minimum(below + 1, MEL_BINS - 1)
    share = (position - below).astype(np.float32)
    return np.asarray(mel[:, below] * (1 - share) + mel[:, above] * share, np.float32)


def length_batches(
    examples: Sequence[Example], frames_per_batch: int, rng: np.random.Generator
) -> list[list[Example]]:
    """Batches of at most `frames_per_batch` padded stacked frames, of similar lengths, in random order."""
    order = sorted(examples, key=lambda example: len(example.features) + rng.uniform(0, 12))
    batches: list[list[Example]] = [[]]
    longest = 0
    for example in order:
        longest = max(longest, len(example.features))
        if batches[-1] and longest * (len(batches[-1]) + 1) > frames_per_batch:
            batches.append([])
            longest = len(example.features)
        batches[-1].append(example)
    return [batches[index] for index in rng.permutation(len(batches))]


@dataclass(frozen=True, slots=True)
class CharacterTargets:
    """CTC targets: the characters of what is heard, ids from 1 (0 is the blank)."""

    ids: Tensor
    counts: Tensor


def character_targets(examples: Sequence[Example], character_ids: Mapping[str, int]) -> CharacterTargets:
    heard = [example.transcript if example.spoken is None else example.spoken for example in examples]
    rows = [[character_ids[character] for character in text] for text in heard]
    flat = [character_id for row in rows for character_id in row]
    return CharacterTargets(torch.tensor(flat, dtype=torch.long), torch.tensor([len(row) for row in rows]))
