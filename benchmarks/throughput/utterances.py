"""What is translated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.quality.clip import Clip, by_language, load_clips
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ, Samples

_SETS = Path(__file__).parents[2] / "tests" / "data" / "quality"
_SHORTEST_S, _LONGEST_S = 1.5, 15.0
_TOKENS_PER_SECOND = 4


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


def spoken_utterances(count: int) -> list[Utterance]:
    """Held-out clips of the starter's languages, half of several sentences; each into the language after its
    own.
    """
    several, one = (_in_turns(load_clips(_SETS, name)) for name in ("several", "one"))
    clips = [*several[: count // 2], *one][:count]
    return [Utterance(clip.samples, _following(clip.language, list(clip.texts))) for clip in clips]


def forced_utterances(count: int) -> list[Utterance]:
    """Speech cut to lengths spread evenly over 1.5 to 15 s, in random order, of 4 tokens a second."""
    speech = np.concatenate([clip.samples for clip in load_clips(_SETS, "several")])
    rng = np.random.default_rng(0)
    utterances = []
    for seconds in rng.permutation(np.linspace(_SHORTEST_S, _LONGEST_S, count)):
        length = int(seconds * INTERNAL_SAMPLE_RATE_HZ)
        start = int(rng.integers(0, len(speech) - length))
        utterances.append(
            Utterance(speech[start : start + length], "eng", round(seconds * _TOKENS_PER_SECOND))
        )
    return utterances


def total_seconds(utterances: Sequence[Utterance]) -> float:
    """Audio in all."""
    return sum(utterance.seconds for utterance in utterances)


def _in_turns(clips: Sequence[Clip]) -> list[Clip]:
    """The first of each language, then the second of each, and so on."""
    return [clip for each in zip(*by_language(clips).values(), strict=True) for clip in each]


def _following(language: str, languages: Sequence[str]) -> str:
    return languages[(languages.index(language) + 1) % len(languages)]
