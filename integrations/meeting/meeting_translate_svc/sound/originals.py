"""The speakers' own sound, under or beside what is interpreted."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np

from meeting_translate_svc.sound.turns import RATE_HZ
from translate_svc.types import Samples

_MAX_BUFFERED = RATE_HZ * 3 // 10
_FILLED = RATE_HZ * 6 // 100
"""How much is collected before it is played: the clocks of people differ, and packets come in bursts."""

_FADE = 0.25
"""How much of the way to its new level the sound goes in a frame of 20 ms."""


class Originals:
    """Sums what people say. While somebody is interpreted, the sum is lower by ``duck_db``."""

    def __init__(self, duck_db: float) -> None:
        self._ducked = 10 ** (-duck_db / 20)
        self._gain = 1.0
        self._heard: dict[Hashable, Samples] = {}
        self._playing: set[Hashable] = set()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to play."""
        return not self._playing

    def add(self, speaker: Hashable, samples: Samples) -> None:
        """Adds what ``speaker`` said, float32 ``[n]`` at 48 kHz. What is too old to be played is dropped."""
        heard = np.concatenate([self._heard.get(speaker, np.zeros(0, np.float32)), samples])
        self._heard[speaker] = heard[-_MAX_BUFFERED:]
        if len(heard) >= _FILLED:
            self._playing.add(speaker)

    def forget(self, speaker: Hashable) -> None:
        """Drops what ``speaker`` said."""
        self._heard.pop(speaker, None)
        self._playing.discard(speaker)

    def take(self, count: int, *, ducked: bool) -> Samples:
        """The next ``count`` samples."""
        before = self._gain
        self._gain += _FADE * ((self._ducked if ducked else 1.0) - before)
        total = np.zeros(count, np.float32)
        for speaker in tuple(self._playing):
            heard = self._heard[speaker]
            part, self._heard[speaker] = heard[:count], heard[count:]
            total[: len(part)] += part
            if len(part) < count:
                self._playing.discard(speaker)
        return total * np.linspace(before, self._gain, count, dtype=np.float32)
