"""Who is interpreted when: speeches of several people, said one after another."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import numpy as np

from translate_svc.types import Samples

RATE_HZ = 48_000

_FILL_SAMPLES = RATE_HZ // 5
"""How long a rest that fills no frame waits for more of the same speech."""

_MAX_REFUSED = 100


class SpeechKey(NamedTuple):
    """Names a speech: who is interpreted, in which stream, and which utterance of it."""

    speaker: int | str
    stream: int
    utterance: int


class _Speech:
    """What is to be said of one utterance in one language."""

    def __init__(self, key: SpeechKey) -> None:
        self.key = key
        self.parts: deque[Samples] = deque()
        self.samples = 0
        self.ended = False
        self.begun = False

    def add(self, samples: Samples) -> None:
        self.parts.append(samples)
        self.samples += len(samples)

    def take(self, count: int) -> Samples:
        taken: list[Samples] = []
        while self.parts and count:
            part = self.parts.popleft()
            if len(part) > count:
                self.parts.appendleft(part[count:])
                part = part[:count]
            taken.append(part)
            count -= len(part)
            self.samples -= len(part)
        return np.concatenate([np.zeros(0, np.float32), *taken])


class Turns:
    """The speeches of one language, in the order in which they began.

    A speech is said to its end before the next one begins, ``pause_s`` later where it is another person's.
    One that grows while somebody speaks may have pauses; where another one waits, it keeps its turn for
    ``patience_s``, and then goes on behind that one.
    """

    def __init__(self, *, patience_s: float = 1.0, pause_s: float = 0.3, max_waiting_s: float = 60.0) -> None:
        """``max_waiting_s``: a speech that would begin later than that is not said at all."""
        self._pause_samples = round(pause_s * RATE_HZ)
        self._patience_samples = round(patience_s * RATE_HZ)
        self._max_waiting_samples = round(max_waiting_s * RATE_HZ)
        self._speeches: deque[_Speech] = deque()
        self._by_key: dict[SpeechKey, _Speech] = {}
        self._refused: dict[SpeechKey, None] = {}
        self._waited_samples = 0
        self._last_speaker: int | str | None = None
        self._quiet_samples = 0
        self.refusals = 0
        """Speeches that were not said."""

    @property
    def waiting_samples(self) -> int:
        """What is to be said still, at 48 kHz."""
        return sum(speech.samples for speech in self._speeches)

    def add(self, key: SpeechKey, samples: Samples) -> None:
        """Adds to the speech ``key``, or begins it. ``samples``: float32 ``[n]`` at 48 kHz."""
        if key in self._refused:
            return
        speech = self._by_key.get(key)
        if speech is None:
            if self.waiting_samples > self._max_waiting_samples:
                self._refuse(key)
                return
            speech = self._by_key[key] = _Speech(key)
            self._speeches.append(speech)
        speech.add(samples)

    def end(self, key: SpeechKey) -> None:
        """Nothing more comes of the speech ``key``. One that never began is ended already."""
        self._refused.pop(key, None)
        speech = self._by_key.pop(key, None)
        if speech is not None:
            speech.ended = True

    def take(self, count: int) -> Samples:
        """The next ``count`` samples to say; fewer where a speech ends, none where nothing is to be said."""
        samples = self._take(count)
        self._quiet_samples = 0 if len(samples) else self._quiet_samples + count
        return samples

    def _take(self, count: int) -> Samples:
        while self._speeches:
            first = self._speeches[0]
            if first.ended and not first.samples:
                self._speeches.popleft()
                self._waited_samples = 0
                continue
            if self._pauses_before(first):
                break
            if (
                first.samples >= count
                or first.ended
                or (first.samples and self._waited_samples >= _FILL_SAMPLES)
            ):
                self._waited_samples = 0
                self._last_speaker, first.begun = first.key.speaker, True
                return first.take(count)
            self._waited_samples += count
            if self._waited_samples > self._patience_samples and self._give_way():
                continue
            break
        return np.zeros(0, np.float32)

    def _pauses_before(self, speech: _Speech) -> bool:
        """Whether it is too early for ``speech``: another person's has just ended."""
        changes = not speech.begun and self._last_speaker not in (None, speech.key.speaker)
        return changes and self._quiet_samples < self._pause_samples

    def _give_way(self) -> bool:
        """Lets the next speech that has something to say begin. Returns whether there is one."""
        for place, speech in enumerate(self._speeches):
            if place and speech.samples:
                del self._speeches[place]
                self._speeches.appendleft(speech)
                self._waited_samples = 0
                return True
        return False

    def _refuse(self, key: SpeechKey) -> None:
        self.refusals += 1
        self._refused[key] = None
        if len(self._refused) > _MAX_REFUSED:
            del self._refused[next(iter(self._refused))]
