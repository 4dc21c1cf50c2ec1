"""What both sides compute: texts of the same audio, of the same numbers of tokens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.checkpoints import wandering_tone
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ, Samples

UTTERANCES = 16
STREAMS = 8
TOKENS_A_SECOND = 4
"""Of speech, at an ordinary pace."""
_SHORTEST_S, _LONGEST_S, _TOKENS = 4.0, 12.0, 32
_STEP_S, _STEPS = 1.0, 6


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """One text to write: the audio, and how many tokens. No text ends before: see
    ``random_whisper.write_whisper``."""

    samples: Samples
    tokens: int


def utterances() -> list[Work]:
    """All are there at once."""
    lengths = np.linspace(_SHORTEST_S, _LONGEST_S, UTTERANCES)
    return [
        Work(wandering_tone(int(length * INTERNAL_SAMPLE_RATE_HZ), seed), _TOKENS)
        for seed, length in enumerate(lengths)
    ]


def stream_steps() -> list[list[Work]]:
    """Of each step of time, the buffers of all streams: the utterance so far is heard again, and written
    anew."""
    whole = [wandering_tone(int(_STEPS * _STEP_S * INTERNAL_SAMPLE_RATE_HZ), seed) for seed in range(STREAMS)]
    steps = []
    for step in range(1, _STEPS + 1):
        samples, tokens = int(step * _STEP_S * INTERNAL_SAMPLE_RATE_HZ), int(step * _STEP_S * TOKENS_A_SECOND)
        steps.append([Work(each[:samples], tokens) for each in whole])
    return steps
