"""The utterances to translate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.quality.clip import Clip, by_language, load_clips
from benchmarks.throughput.utterance import Utterance, forced

_SETS = Path(__file__).parents[2] / "tests" / "data" / "quality"


def spoken_utterances(count: int) -> list[Utterance]:
    """Held-out clips of the starter's languages, half of several sentences; each into the language after its
    own.
    """
    several, one = (_in_turns(load_clips(_SETS, name)) for name in ("several", "one"))
    clips = [*several[: count // 2], *one][:count]
    return [Utterance(clip.samples, _following(clip.language, list(clip.texts))) for clip in clips]


def forced_utterances(count: int) -> list[Utterance]:
    """Held-out clips one after the other, cut as ``forced`` does."""
    return forced(np.concatenate([clip.samples for clip in load_clips(_SETS, "several")]), count)


def _in_turns(clips: Sequence[Clip]) -> list[Clip]:
    """The first of each language, then the second of each, and so on."""
    return [clip for each in zip(*by_language(clips).values(), strict=True) for clip in each]


def _following(language: str, languages: Sequence[str]) -> str:
    return languages[(languages.index(language) + 1) % len(languages)]
