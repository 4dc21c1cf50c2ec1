"""One utterance of a load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ, Samples

_SHORTEST_S, _LONGEST_S = 1.5, 15.0
TOKENS_PER_SECOND = 4


@dataclass(frozen=True, slots=True, eq=False)
class Utterance:
    """16 kHz samples, the language to translate into, and how long the text is to be (None: as the model
    ends it).
    """

    samples: Samples
    language: str
    forced_tokens: int | None = None

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.samples) / INTERNAL_SAMPLE_RATE_HZ


def total_seconds(utterances: Sequence[Utterance]) -> float:
    """Audio in all."""
    return sum(utterance.seconds for utterance in utterances)


def noise(seconds: float) -> Samples:
    """White, at a talker's level: what it says does not matter to weights that have learnt nothing."""
    rng = np.random.default_rng(0)
    return (0.05 * rng.standard_normal(int(seconds * INTERNAL_SAMPLE_RATE_HZ))).astype(np.float32)


def forced(speech: Samples, count: int, longest_s: float = _LONGEST_S) -> list[Utterance]:
    """Cuts ``speech`` to lengths spread evenly over 1.5 s to ``longest_s``, in random order, of 4 tokens a
    second.
    """
    rng = np.random.default_rng(0)
    utterances = []
    for seconds in rng.permutation(np.linspace(_SHORTEST_S, longest_s, count)):
        length = int(seconds * INTERNAL_SAMPLE_RATE_HZ)
        start = int(rng.integers(0, len(speech) - length))
        utterances.append(forced_alone(speech[start : start + length]))
    return utterances


def forced_alone(samples: Samples) -> Utterance:
    """All of ``samples``, with a text of 4 tokens a second."""
    return Utterance(samples, "eng", round(len(samples) / INTERNAL_SAMPLE_RATE_HZ * TOKENS_PER_SECOND))
