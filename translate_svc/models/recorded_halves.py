"""Both halves of text-to-unit, recorded for batches of few shapes."""

from __future__ import annotations

import logging
import time

import numpy as np
import torch
from torch import Tensor

from translate_svc.models.characters import CharacterSequence
from translate_svc.models.cuda_graphs import Recorder
from translate_svc.models.recording import Recording, RecordingError, at_least, doubled
from translate_svc.models.t2u import TextToUnit
from translate_svc.models.text_shape import TextShape
from translate_svc.models.unit_halves import PlainHalves, silent

_MAX_ROWS = 8
_FEWEST_TOKENS, _CHARACTERS_A_TOKEN = 32, 6
"""A text of long tokens takes the next size."""
_FEWEST_UNITS, _MOST_UNITS = 128, 1024
"""A speech of more than 20 s starts its few hundred kernels itself: they are large."""
_DIFFERING = 0.1
"""Share of numbers in which a recording may differ: a duration between two, a unit as likely as another."""

_log = logging.getLogger(__name__)


class RecordedHalves:
    """As ``UnitHalves``, plain where a batch is larger than what was recorded.

    Args:
        text_to_unit: its weights must stay where they are.
        states: the text decoder's, ``[slots, places, hidden]``; likewise.
        record: see ``Recorder``.

    Raises:
        RuntimeError: a half cannot be recorded, or what was recorded computes something else
            (``RecordingError``).
    """

    def __init__(self, text_to_unit: TextToUnit, states: Tensor, record: Recorder) -> None:
        self._text_to_unit, self._states = text_to_unit, states
        self._plain = PlainHalves(text_to_unit, states)
        self._row_counts = doubled(1, _MAX_ROWS)
        most = text_to_unit.max_units
        self._shapes = [
            TextShape(tokens, min(tokens * _CHARACTERS_A_TOKEN, most))
            for tokens in doubled(_FEWEST_TOKENS, states.shape[1])
        ]
        self._sizes = doubled(_FEWEST_UNITS, min(_MOST_UNITS, most))
        # where the first half leaves its states for the second
        self._latest: Tensor | None = None
        self._between = states.new_zeros(_MAX_ROWS, self._shapes[-1].characters, states.shape[2])
        self._first: dict[tuple[TextShape, int], Recording] = {}
        self._second: dict[tuple[int, int], Recording] = {}
        started_s = time.monotonic()
        for count in reversed(self._row_counts):
            for shape in reversed(self._shapes):
                self._record_first(shape, count, record)
            for size in reversed(self._sizes):
                self._record_second(size, count, record)
        halves, seconds = len(self._first) + len(self._second), time.monotonic() - started_s
        _log.info("recorded %d halves of text-to-unit in %.1f s", halves, seconds)

    def room(self, rows: int, shape: TextShape) -> TextShape:
        """See ``UnitHalves``."""
        if rows > _MAX_ROWS:
            return shape
        roomy = (each for each in self._shapes if each.tokens >= shape.tokens)
        return next((each for each in roomy if each.characters >= shape.characters), shape)

    def characters(self, rows: Tensor, shape: TextShape) -> tuple[Tensor, Tensor]:
        """See ``UnitHalves``."""
        if len(rows) > _MAX_ROWS or shape not in self._shapes:
            return self._plain.characters(rows, shape)
        recording = self._first[shape, at_least(self._row_counts, len(rows))]
        recording.inputs[: len(rows)] = rows  # what the other rows still hold is made for nobody
        self._latest = self._between[: len(rows), : shape.characters]
        return recording.run()[: len(rows)], self._latest

    def units(self, states: Tensor, durations: Tensor, size: int) -> Tensor:
        """See ``UnitHalves``."""
        if states is not self._latest or size > self._sizes[-1]:
            return self._plain.units(states, durations, size)
        rows, characters = durations.shape
        recording = self._second[at_least(self._sizes, size), at_least(self._row_counts, rows)]
        recording.inputs[:rows] = 0
        recording.inputs[:rows, :characters] = durations
        return recording.run()[:rows, : 1 + size]

    def _record_first(self, shape: TextShape, count: int, record: Recorder) -> None:
        def work(rows: Tensor) -> Tensor:
            made = self._text_to_unit.characters(shape.batch(rows, self._states, padded=True))
            self._between[:count, : shape.characters] = made.states
            return made.packed()

        one = CharacterSequence((0,), (1,))
        idle = torch.from_numpy(np.stack([shape.row(0, one, 1.0)] * count))
        recording = Recording(idle, work, record, self._states.device)
        self._first[shape, count] = recording
        ids = tuple(i % self._text_to_unit.config.char_vocab_size for i in range(shape.characters - 1))
        other = shape.row(0, CharacterSequence(ids, (len(ids),)), 1.0)
        _check(*recording.both(torch.from_numpy(np.stack([other] * count))))

    def _record_second(self, size: int, count: int, record: Recorder) -> None:
        def work(durations: Tensor) -> Tensor:
            states = self._between[:count]
            return self._text_to_unit.units(states, durations, size, padded=True).packed()

        idle = silent(count, self._between.shape[1])
        recording = Recording(idle, work, record, self._states.device)
        self._second[size, count] = recording
        _check(*recording.both((size // 2) * idle))


def _check(recorded: Tensor, plain: Tensor) -> None:
    differing = float((recorded != plain).double().mean())
    if not differing <= _DIFFERING:
        raise RecordingError(f"a recorded half of text-to-unit differs in {differing:.0%} of its numbers")
