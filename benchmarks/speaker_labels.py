"""Would the pooled states tell who speaks: `python -m benchmarks.speaker_labels`.

Pairs of voices talk in turns in one language. A label for each utterance comes of the state that tells
languages (mean and deviation of the speech encoder's states over time), as it is or projected on what tells
speakers apart (linear discriminant analysis over voices that the pairs do not have). An utterance is of a
known speaker if it is nearer to the mean of that speaker's utterances than a threshold, else of a new one.
The threshold is the best one for one half of the pairs; the other half is measured. Prints the diarization
error: the share of the time of speech whose label is wrong, labels being matched to speakers as well as can
be (NIST's DER without missed speech). Needs espeak-ng.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from benchmarks.quality.sets import training_sentences
from training.starter.grammar import LANGUAGES, Language
from training.starter.synthesis.synth import SAMPLE_RATE, synthesize
from training.starter.synthesis.voices import HELD_OUT_SPEAKERS, TRAIN_SPEAKERS, TRAIN_VARIANTS, Voice
from translate_svc.models.checkpoint.weight_index import stored_weights
from translate_svc.models.limits import ModelLimits
from translate_svc.models.placement import resolve_placement
from translate_svc.models.registry import open_checkpoint
from translate_svc.models.seamless.seamless_model import SeamlessModel
from translate_svc.models.slices import finish

Vector = NDArray[np.float64]

_SEED = 38
_TURNS = 8
_RATES_WPM = (140, 200)
_SPREAD = 1e-3
"""Added to the diagonal of the scatter within speakers, as a share of its mean."""


class Turn(NamedTuple):
    """An utterance: who says it, how long it is, and its pooled states."""

    speaker: str
    seconds: float
    state: Vector


class Talk(NamedTuple):
    """Two people in turns."""

    turns: tuple[Turn, ...]


def diarization_error(talk: Talk, labels: Sequence[int]) -> float:
    """Share of the time whose label is not that of its speaker, at the best matching of the two."""
    speakers = sorted({turn.speaker for turn in talk.turns})
    shared = np.zeros((len(speakers), max(labels) + 1))
    for turn, label in zip(talk.turns, labels, strict=True):
        shared[speakers.index(turn.speaker), label] += turn.seconds
    rows, columns = linear_sum_assignment(-shared)
    return float(1 - shared[rows, columns].sum() / shared.sum())


def labels_of(states: Sequence[Vector], threshold: float) -> list[int]:
    """A label for each utterance, given as they come: cosine distance to the mean of each speaker so far."""
    sums: list[Vector] = []
    labels = []
    for state in states:
        unit = state / np.linalg.norm(state)
        near = [1 - float(unit @ total) / np.linalg.norm(total) for total in sums]
        if near and min(near) < threshold:
            label = int(np.argmin(near))
            sums[label] = sums[label] + unit
        else:
            label = len(sums)
            sums.append(unit)
        labels.append(label)
    return labels


def discriminant(turns: Sequence[Turn], size: int) -> Vector:
    """``[size, features]``: the directions in which speakers differ most, by the spread within each."""
    by_speaker: dict[str, list[Vector]] = {}
    for turn in turns:
        by_speaker.setdefault(turn.speaker, []).append(turn.state)
    means = np.stack([np.mean(each, axis=0) for each in by_speaker.values()])
    rests = np.concatenate([np.stack(each) - np.mean(each, axis=0) for each in by_speaker.values()])
    within = rests.T @ rests / len(rests)
    within += np.eye(len(within)) * _SPREAD * np.trace(within) / len(within)
    values, vectors = np.linalg.eigh(within)
    whiten = vectors / np.sqrt(values)
    spread = (means - means.mean(axis=0)) @ whiten
    _, _, directions = np.linalg.svd(spread, full_matrices=False)
    projection: Vector = directions[:size] @ whiten.T
    return projection


class Voices:
    """Says sentences in voices, and encodes them."""

    def __init__(self, folder: Path) -> None:
        family = open_checkpoint(folder)
        limits = ModelLimits(
            max_slots=1, max_slot_tokens=16, max_source_samples=20 * SAMPLE_RATE, max_source_tokens=16
        )
        loaded = family.load(limits, resolve_placement("cpu", "float32", stored_weights(folder)))
        assert isinstance(loaded, SeamlessModel), "only Seamless's encoder has these states"
        self._model = loaded
        self._rng = np.random.default_rng(_SEED)
        self._sentences: dict[str, Iterator[str]] = {
            each: iter(itertools.cycle(training_sentences(each, 400))) for each in LANGUAGES
        }

    def voice(self, language: Language, speaker: str) -> Voice:
        """One person: a speaker with a rate and a melody of his own."""
        rate, pitch, melody = (int(self._rng.integers(*span)) for span in (_RATES_WPM, (30, 71), (30, 71)))
        variant = str(self._rng.choice(TRAIN_VARIANTS[language]))
        return Voice(language, f"{variant}+{speaker}" if speaker else variant, rate, pitch, melody)

    def say(self, voice: Voice) -> Turn:
        """The next sentence."""
        speech = synthesize(next(self._sentences[voice.language]), voice)
        samples = np.ascontiguousarray(speech.samples, np.float32)
        with torch.inference_mode():
            finish(self._model.encode([samples], [[0]]))
            state, _ = self._model.language_states.of_slot(0)
        return Turn(voice.name, len(samples) / SAMPLE_RATE, state.astype(np.float64))


def talks(voices: Voices, speakers: Sequence[str], count: int) -> list[Talk]:
    """Pairs of different speakers, each pair in one language."""
    rng = np.random.default_rng(_SEED)
    found = []
    for index in range(count):
        language = LANGUAGES[index % len(LANGUAGES)]
        one, other = (voices.voice(language, str(name)) for name in rng.choice(speakers, 2, replace=False))
        turns = [voices.say(each) for _ in range(_TURNS) for each in (one, other)]
        order = rng.permutation(len(turns))
        found.append(Talk(tuple(turns[place] for place in order)))
    return found


def measure(
    told: Sequence[Talk], tuning: Sequence[Talk], projection: Vector | None, centre: Vector
) -> dict[str, float]:
    """The error at the threshold that is the best one for ``tuning``."""

    def error(talks: Sequence[Talk], threshold: float) -> float:
        errors = []
        for talk in talks:
            states = [turn.state - centre for turn in talk.turns]
            shown = states if projection is None else [projection @ state for state in states]
            errors.append(diarization_error(talk, labels_of(shown, threshold)))
        return float(np.mean(errors))

    thresholds = np.linspace(0.05, 1.5, 30)
    best = min(thresholds, key=lambda each: error(tuning, float(each)))
    return {"threshold": round(float(best), 2), "error": round(error(told, float(best)), 4)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", type=Path, default=Path("model_cache/starter"))
    parser.add_argument(
        "--pairs", type=int, default=48, help="pairs of voices; half of them choose the threshold"
    )
    parser.add_argument(
        "--sentences", type=int, default=12, help="of each voice that the projection learns from"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    voices = Voices(arguments.model)
    learnt = [
        voices.say(person)
        for index, speaker in enumerate(TRAIN_SPEAKERS)
        for person in [voices.voice(LANGUAGES[index % len(LANGUAGES)], speaker)]
        for _ in range(arguments.sentences)
    ]
    centre = np.mean([turn.state for turn in learnt], axis=0)
    found = talks(voices, HELD_OUT_SPEAKERS, arguments.pairs)
    tuning, told = found[::2], found[1::2]
    projections = {"as it is": None} | {
        f"projected on {size}": discriminant(learnt, size) for size in (8, 16, 32)
    }
    figures = {name: measure(told, tuning, each, centre) for name, each in projections.items()}
    one_label = [diarization_error(talk, [0] * len(talk.turns)) for talk in told]
    figures["one label for all"] = {"error": round(float(np.mean(one_label)), 4)}
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
