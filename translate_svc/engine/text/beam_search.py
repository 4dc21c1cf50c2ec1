"""Beam search: which texts go on, and which have ended. Pure; the model's candidates come from the runner.

The rules and the scores are those of transformers (``GenerationMixin._beam_search`` with
``early_stopping=False``), in float32, for one source:

* The ``2 * num_beams`` likeliest continuations of all beams are considered, by the sum of their
  log-probabilities. Of equal ones the lower beam comes first, then the lower token.
* Those that do not end go on, at most ``num_beams``. Those that end count if they are among the first
  ``num_beams``. Their score is the sum over ``length ** length_penalty``; the end is part of the length.
* The search is over when ``num_beams`` texts have ended and the best beam, at its present length, is not
  better than the worst of them; or when no beam goes on.

A beam that a guard stops goes no further. Its text counts only if no text ended by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from translate_svc.engine.events import StopReason

MAX_LENGTH_PENALTY = 4.0

_ZERO = np.float32(0)


@dataclass(frozen=True, slots=True)
class Continuations:
    """What may follow a beam.

    ``tokens``: the likeliest tokens and their natural log-probabilities, the best first. ``source_ms``: the
    place in the source that the next token comes from, if it is known.
    """

    tokens: Sequence[tuple[int, float]]
    source_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Beam:
    """A text without prompt and end.

    ``log_probabilities`` and ``source_ms`` have an entry for each token. ``score``: the sum of the
    log-probabilities, with that of the end.
    """

    token_ids: tuple[int, ...] = ()
    log_probabilities: tuple[float, ...] = ()
    source_ms: tuple[int | None, ...] = ()
    score: np.float32 = _ZERO

    def longer(self, token_id: int, log_probability: float, source_ms: int | None) -> Beam:
        """The beam with one more token."""
        return Beam(
            (*self.token_ids, token_id),
            (*self.log_probabilities, log_probability),
            (*self.source_ms, source_ms),
            self.score + np.float32(log_probability),
        )


@dataclass(frozen=True, slots=True)
class EndedBeam:
    """A text that has ended. ``score``: that of the beam over a power of its length."""

    beam: Beam
    score: np.float32
    stop: StopReason


@dataclass(slots=True)
class BeamSearch:
    """The search for one text.

    Attributes:
        num_beams: at least 2.
        length_penalty: above 0 it prefers longer texts, for scores are negative.
        eos_token_id: the end of a text.
        max_tokens: the longest text.
        guard: why a text must not go on by a token; None if it may.
        running: the beams that go on, the best one first.
        parents: for each of ``running`` the index of the beam before that it continues.
        ended: the texts that have ended, the best one first; at most ``num_beams``.
        shared: the beginning of the final text as far as it is certain: all that can still win share it.
        done: whether the search is over.
    """

    num_beams: int
    length_penalty: float
    eos_token_id: int
    max_tokens: int
    guard: Callable[[Sequence[int], int], StopReason | None]
    running: list[Beam] = field(default_factory=lambda: [Beam()], init=False)
    parents: list[int] = field(default_factory=lambda: [0], init=False)
    ended: list[EndedBeam] = field(default_factory=list, init=False)
    shared: Beam = field(default=Beam(), init=False)
    done: bool = field(default=False, init=False)
    _stopped: list[EndedBeam] = field(default_factory=list, init=False)  # by a guard

    @property
    def candidates(self) -> int:
        """How many continuations of each beam are enough."""
        return 2 * self.num_beams

    def advance(self, continuations: Sequence[Continuations]) -> bool:
        """Chooses among what may follow each of ``running``. Returns whether the search is over."""
        before, self.running, self.parents = self.running, [], []
        length = len(before[0].token_ids) + 1
        for rank, (parent, token_id, log_probability) in enumerate(self._ranked(before, continuations)):
            beam = before[parent].longer(token_id, log_probability, continuations[parent].source_ms)
            stop = self._stop(before[parent], token_id, length)
            if stop is None:
                if len(self.running) < self.num_beams:
                    self.running.append(beam)
                    self.parents.append(parent)
                continue
            score = self._penalized(beam.score, length)
            ended = EndedBeam(beam if stop is StopReason.TOKEN_LIMIT else _without_last(beam), score, stop)
            if stop not in (StopReason.END_OF_TEXT, StopReason.TOKEN_LIMIT):
                self._stopped.append(ended)
            elif rank < self.num_beams:
                self.ended.append(ended)
        self.ended = _best(self.ended, self.num_beams)
        self.done = not self.running or not self._may_improve(length)
        self._settle()
        return self.done

    def _ranked(
        self, before: Sequence[Beam], continuations: Sequence[Continuations]
    ) -> list[tuple[int, int, float]]:
        """The likeliest continuations of all beams: beam, token and log-probability, the best first."""
        scored = [
            (beam.score + np.float32(log_probability), row, token_id, log_probability)
            for row, (beam, each) in enumerate(zip(before, continuations, strict=True))
            for token_id, log_probability in each.tokens
        ]
        scored.sort(key=lambda each: (-each[0], each[1], each[2]))
        return [each[1:] for each in scored[: self.candidates]]

    def _stop(self, beam: Beam, token_id: int, length: int) -> StopReason | None:
        if token_id == self.eos_token_id:
            return StopReason.END_OF_TEXT
        if length >= self.max_tokens:
            return StopReason.TOKEN_LIMIT
        return self.guard(beam.token_ids, token_id)

    def _penalized(self, score: np.float32, length: int) -> np.float32:
        return np.float32(score / np.float32(length**self.length_penalty))

    def _may_improve(self, length: int) -> bool:
        best = self._penalized(self.running[0].score, length)
        return len(self.ended) < self.num_beams or bool(best > self.ended[-1].score)

    def _settle(self) -> None:
        """Finds what is certain now, and the final text at the end of the search."""
        if self.done:
            self.ended = self.ended or _best([each for each in self._stopped if self._extends(each)], 1)
            self.shared = self.ended[0].beam
            return
        contenders = self.running + [each.beam for each in self.ended[:1]]
        shortest, first = min(len(beam.token_ids) for beam in contenders), contenders[0]
        certain = len(self.shared.token_ids)
        while certain < shortest and all(
            beam.token_ids[certain] == first.token_ids[certain] for beam in contenders
        ):
            certain += 1
        self.shared = _beginning(first, certain)

    def _extends(self, stopped: EndedBeam) -> bool:
        """Whether the text begins as what was certain before."""
        certain = self.shared.token_ids
        return stopped.beam.token_ids[: len(certain)] == certain


def _beginning(beam: Beam, tokens: int) -> Beam:
    return Beam(beam.token_ids[:tokens], beam.log_probabilities[:tokens], beam.source_ms[:tokens], beam.score)


def _without_last(beam: Beam) -> Beam:
    return _beginning(beam, len(beam.token_ids) - 1)


def _best(ended: list[EndedBeam], count: int) -> list[EndedBeam]:
    return sorted(ended, key=lambda each: -each.score)[:count]
