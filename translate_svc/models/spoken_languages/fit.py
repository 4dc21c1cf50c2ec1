"""Learns a ``LanguageRule`` from pooled states of which the language is known.

A multinomial logistic regression with a penalty (ridge) on weights of standardized features, all languages
counting alike. The temperature and the figures come from cross-validation over recordings: each is judged by
a regression that was fitted without it (C. Guo et al., On Calibration of Modern Neural Networks, 2017).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from translate_svc.language_rule import LanguageDetection, LanguageRule

LEAST_RECORDINGS = 5
"""Of each language."""

_RIDGE = 0.01
_STEPS = 120
_FOLDS = 5
_LEAST_DEVIATION = 1e-4
_MISTAKEN_FOR_OTHERS = 0.02
"""Share of recordings in known languages that count as another one where no other language was heard."""


@dataclass(frozen=True, slots=True, eq=False)
class PooledSpeech:
    """The pooled states of a recording, or of its beginning.

    ``language``: a code; None: another language than those to be told. ``recording``: its number; all
    beginnings of one have the same. ``states``: how many were pooled.
    """

    recording: int
    language: str | None
    pooled: npt.NDArray[np.float32]
    states: int


def fit_language_rule(speech: Sequence[PooledSpeech], learnt_from: str) -> LanguageRule:
    """The rule for the checkpoint whose encoder made the states.

    Raises:
        ValueError: there are fewer than two languages, or too few recordings of one.
    """
    languages = tuple(sorted({each.language for each in speech if each.language is not None}))
    if len(languages) < 2:
        raise ValueError("needs recordings in at least two languages of the model")
    for code in languages:
        count = len({each.recording for each in speech if each.language == code})
        if count < LEAST_RECORDINGS:
            raise ValueError(f"has {count} recordings in {code}: at least {LEAST_RECORDINGS} are needed")
    features = torch.from_numpy(np.stack([each.pooled for each in speech])).double()
    labels = torch.tensor(
        [len(languages) if each.language is None else languages.index(each.language) for each in speech]
    )
    folds = torch.tensor([each.recording % _FOLDS for each in speech])
    held_out = torch.zeros(len(speech), len(languages) + 1, dtype=torch.float64)
    for fold in range(_FOLDS):
        weights, intercepts = _fitted(features[folds != fold], labels[folds != fold], len(languages))
        held_out[folds == fold] = features[folds == fold] @ weights.T + intercepts
    states = torch.tensor([each.states for each in speech]).double()
    temperature = _temperature(held_out, labels, states)
    weights, intercepts = _fitted(features, labels, len(languages))
    figures = _figures(held_out, labels, states, temperature)
    figures["recordings"] = float(len({each.recording for each in speech}))
    detection = LanguageDetection(languages, learnt_from, figures)
    return LanguageRule(detection, weights.numpy(), intercepts.numpy(), temperature)


def _fitted(features: Tensor, labels: Tensor, languages: int) -> tuple[Tensor, Tensor]:
    """Weights and intercepts for features as they are. The last class is any other language."""
    mean, deviation = features.mean(dim=0), features.std(dim=0, correction=0) + _LEAST_DEVIATION
    has_others = bool((labels == languages).any())
    classes = languages + has_others
    counts = torch.bincount(labels, minlength=classes).double()
    balance = (len(labels) / classes / counts.clamp(min=1)).to(features)
    layer = nn.Linear(features.shape[1], classes, dtype=features.dtype)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    inputs = (features - mean) / deviation
    optimizer = torch.optim.LBFGS(layer.parameters(), max_iter=_STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        penalty = _RIDGE * layer.weight.square().sum()
        made: Tensor = F.cross_entropy(layer(inputs), labels, weight=balance) + penalty
        made.backward()  # type: ignore[no-untyped-call]
        return made

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    weights = layer.weight.detach() / deviation
    intercepts = layer.bias.detach() - weights @ mean
    if not has_others:
        best = (features @ weights.T + intercepts).amax(dim=1)
        threshold = torch.quantile(best, _MISTAKEN_FOR_OTHERS)
        weights = torch.cat([weights, torch.zeros(1, features.shape[1], dtype=weights.dtype)])
        intercepts = torch.cat([intercepts, threshold[None]])
    return weights, intercepts


def _temperature(scores: Tensor, labels: Tensor, states: Tensor) -> tuple[float, float]:
    """Intercept and slope of its logarithm, by which the held-out labels are the most probable."""
    values = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([values], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        made = F.cross_entropy(_tempered(scores, states, values), labels)
        made.backward()  # type: ignore[no-untyped-call]
        return made

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    intercept, slope = values.detach().tolist()
    return (intercept, slope) if math.isfinite(intercept + slope) else (0.0, 0.0)


def _tempered(scores: Tensor, states: Tensor, temperature: Tensor) -> Tensor:
    return scores / torch.exp(temperature[0] + temperature[1] * states.log())[:, None]


def _figures(
    scores: Tensor, labels: Tensor, states: Tensor, temperature: tuple[float, float]
) -> dict[str, float]:
    """Of recordings that the rule was not fitted to, whole ones and their beginnings alike."""
    others = scores.shape[1] - 1
    probabilities = _tempered(scores, states, torch.tensor(temperature)).softmax(dim=1)
    own = labels < others
    right = probabilities[own].argmax(dim=1) == labels[own]
    figures = {
        "right": round(right.double().mean().item(), 4),
        "said_probability": round(probabilities[own].amax(dim=1).mean().item(), 4),
    }
    if not own.all():
        taken = probabilities[~own].argmax(dim=1) == others
        figures["others_told"] = round(taken.double().mean().item(), 4)
    return figures
