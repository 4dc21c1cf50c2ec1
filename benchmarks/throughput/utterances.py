"""What is translated."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.quality.clip import load_clips
from benchmarks.throughput.utterance import Utterance, forced

_SETS = Path(__file__).parents[2] / "tests" / "data" / "quality"


def spoken_utterances(count: int) -> list[Utterance]:
    """Held-out clips of the starter's languages, of one to three sentences."""
    clips = [*load_clips(_SETS, "several"), *load_clips(_SETS, "one")[::3]]
    return [Utterance(clip.samples, clip.target_language) for clip in clips[:count]]


def forced_utterances(count: int) -> list[Utterance]:
    """Held-out clips one behind the other, cut as ``forced`` does."""
    return forced(np.concatenate([clip.samples for clip in load_clips(_SETS, "several")]), count)
