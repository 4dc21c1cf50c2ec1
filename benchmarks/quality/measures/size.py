"""The size of the checkpoint, and of the grammar that it knows."""

from __future__ import annotations

import math
from pathlib import Path

from safetensors import safe_open

from benchmarks.quality.figures import Figures, SizeFigures
from benchmarks.quality.measures.scores import normalized
from benchmarks.quality.sets import grammar, training_sentences
from training.starter.grammar import LANGUAGES, Language

_WEIGHTS = "model.safetensors"
_SENTENCES = 20_000


def measure_size(model: Path) -> Figures:
    """Of a checkpoint directory whose weights are one file, and of the grammar. Word forms are counted in
    20,000 training sentences a language.
    """
    path = model / _WEIGHTS
    with safe_open(path, framework="pt") as weights:
        parameters = sum(math.prod(weights.get_slice(name).get_shape()) for name in weights.keys())  # noqa: SIM118
    templates = grammar().templates
    size = SizeFigures(
        parameters,
        path.stat().st_size,
        len(templates),
        sum(template.held_out for template in templates),
        {language: _word_forms(language) for language in LANGUAGES},
    )
    return Figures(size=(size,))


def _word_forms(language: Language) -> int:
    words = (normalized(sentence).split() for sentence in training_sentences(language, _SENTENCES))
    return len({word for sentence in words for word in sentence})
