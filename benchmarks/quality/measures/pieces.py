"""What the checkpoint writes about pieces of continuous speech, as simultaneous translation hears them.

The model alone, by transformers: greedy, from the words that were said already, without any policy that
holds words back. A word is invented when neither the reference has it there nor the model itself writes it
once it hears the rest: it was written because the rest was missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from transformers import SeamlessM4Tv2Model

from benchmarks.quality.figures import Figures, PieceFigures
from benchmarks.quality.sets import SEED, grammar, quiet_room
from training.starter.corpus import features_of
from training.starter.evaluate_text import translate_speech
from training.starter.examples.batching import Example, other_languages
from training.starter.examples.continuous import ContinuousSource, draw_half, draw_window
from training.starter.examples.piece_scores import PieceCounts, piece_counts, total, without_prefix
from training.starter.grammar import LANGUAGES, Language
from training.starter.synthesis.synth import SynthesisError
from training.starter.synthesis.voices import draw_voice
from training.starter.tokenizer import StarterTokenizer
from translate_svc.models.reference import quiet

PIECE_SETS = {"half": draw_half, "window": draw_window}
"""Sentences that are cut anywhere, from their beginning; pieces that begin anywhere too, with a history."""

_NUMBER = 3_000
_ATTEMPTS = 50


@dataclass(frozen=True, slots=True)
class VocoderInput:
    """``heard`` ends at the cut, ``whole`` where the recording ends."""

    heard: Example
    whole: Example


def pieces(name: str, language: Language, count: int) -> list[VocoderInput]:
    """Held-out sentences in held-out voices; a piece depends on its number alone. Raises SynthesisError."""
    return [_piece(name, language, index) for index in range(count)]


def measure_pieces(model: Path, name: str, language: Language, count: int) -> Figures:
    """Of a set, over the translations into all other languages."""
    quiet()
    checkpoint = SeamlessM4Tv2Model.from_pretrained(model, dtype=torch.float32, local_files_only=True)
    tokenizer = StarterTokenizer.load(model)
    drawn = pieces(name, language, count)
    targets = [other_languages(language)] * count
    texts = [
        translate_speech(checkpoint, tokenizer, examples, targets)
        for examples in ([piece.heard for piece in drawn], [piece.whole for piece in drawn])
    ]
    counts = total(
        _counts(piece, target, written, later)
        for piece, row, cut, whole in zip(drawn, targets, *texts, strict=True)
        for target, written, later in zip(row, cut, whole, strict=True)
    )
    return Figures(
        pieces=(
            PieceFigures(
                name, language, 100 * counts.found_rate, 100 * counts.invented_rate, counts.written, count
            ),
        )
    )


def _counts(piece: VocoderInput, target: Language, written: str, later: str) -> PieceCounts:
    """``later`` is what the model writes from the same prefix when it hears the rest."""
    prefix = piece.heard.prefixes[target]
    text = without_prefix(written, prefix)
    by_reference = piece_counts(
        text, without_prefix(piece.heard.texts[target], prefix), piece.heard.rests[target]
    )
    by_itself = piece_counts(text, without_prefix(later, prefix), "")
    return PieceCounts(
        by_reference.settled,
        by_reference.written,
        by_reference.found,
        min(by_reference.invented, by_itself.invented),
    )


def _piece(name: str, language: Language, index: int) -> VocoderInput:
    number = list(PIECE_SETS).index(name)
    rng = np.random.default_rng([SEED, _NUMBER + number, LANGUAGES.index(language), index])
    for _ in range(_ATTEMPTS):
        voice = draw_voice(language, rng, held_out=True)
        try:
            recording = _source().record(voice, language, rng)
        except SynthesisError as error:
            failure = error
            continue
        window = PIECE_SETS[name](recording, rng)
        samples = quiet_room(recording.samples, rng)
        heard, whole = (
            Example(
                language,
                window.texts.texts,
                features_of(samples[window.start_sample : end]),
                window.texts.prefixes,
                window.texts.rests,
                window.texts.spoken,
            )
            for end in (window.end_sample, len(samples))
        )
        return VocoderInput(heard, whole)
    raise failure


@cache
def _source() -> ContinuousSource:
    return ContinuousSource(grammar(), "combination")
