"""Both halves of text-to-unit, captured as CUDA graphs for a few batch shapes."""

from __future__ import annotations

import logging
import time

import torch
import torch.nn.functional as F
from torch import Tensor

from translate_svc.models.graphs.batch_graphs import BatchGraphs
from translate_svc.models.graphs.capture_count import CaptureCount
from translate_svc.models.graphs.captured_graph import GraphCaptureError, doubled
from translate_svc.models.graphs.cuda_graphs import GraphCapturer
from translate_svc.models.seamless.t2u.characters import CharacterSequence
from translate_svc.models.seamless.t2u.t2u import TextToUnit
from translate_svc.models.seamless.t2u.t2u_backend import CharacterStates, EagerT2u, silent
from translate_svc.models.seamless.t2u.t2u_shape import T2uShape

_MAX_ROWS = 8
_FEWEST_TOKENS, _CHARACTERS_A_TOKEN = 32, 6
"""A text with more characters per token takes the next larger size."""
_FEWEST_UNITS, _MOST_UNITS = 128, 1024
"""Speech longer than 20 s runs eagerly: its few hundred kernels are large, so starting them costs little."""
_DIFFERING = 0.1
"""Share of numbers in which a graph may differ from the eager run: a duration halfway between two integers,
or two units that are equally likely.
"""

_log = logging.getLogger(__name__)


class T2uGraphs:
    """A ``T2uBackend`` with captured graphs. Batches that fit none of them run eagerly.

    Args:
        text_to_unit: its weights must stay at their addresses.
        states: the text decoder's states, ``[slots, columns, hidden]``; the last column is the scratch
            column. They must stay at their address.
        capturer: captures a graph, see ``GraphCapturer``.
        count: counts the graphs.

    Raises:
        DeviceLost: the device's context is lost.
    """

    def __init__(
        self, text_to_unit: TextToUnit, states: Tensor, capturer: GraphCapturer, count: CaptureCount
    ) -> None:
        self._text_to_unit, self._states = text_to_unit, states
        self._plain = EagerT2u(text_to_unit, states)
        most = text_to_unit.max_units
        self._shapes = [
            T2uShape(tokens, min(tokens * _CHARACTERS_A_TOKEN, most))
            for tokens in doubled(_FEWEST_TOKENS, states.shape[1] - 1)
        ]
        self._sizes = doubled(_FEWEST_UNITS, min(_MOST_UNITS, most))
        # here the first half leaves its states for the second, with their generation
        self._between_generation = 0
        self._between = states.new_zeros(_MAX_ROWS, self._shapes[-1].characters, states.shape[2])
        self._first = BatchGraphs(_MAX_ROWS, capturer, states.device, count)
        self._second = BatchGraphs(_MAX_ROWS, capturer, states.device, count)
        started_s = time.monotonic()
        for shape in reversed(self._shapes):
            self._record_first(shape)
        for size in reversed(self._sizes):
            self._record_second(size)
        halves, seconds = len(self._first) + len(self._second), time.monotonic() - started_s
        _log.info("captured %d halves of text-to-unit in %.1f s", halves, seconds)

    def room(self, rows: int, shape: T2uShape) -> T2uShape:
        """The smallest captured shape that holds ``shape``, or ``shape`` itself if none does."""
        roomy = (each for each in self._shapes if each.tokens >= shape.tokens and self._first.has(each, rows))
        return next((each for each in roomy if each.characters >= shape.characters), shape)

    def characters(self, rows: Tensor, shape: T2uShape) -> tuple[Tensor, CharacterStates]:
        """The first half, through a graph if one was captured for this shape."""
        if not self._first.has(shape, len(rows)):
            return self._plain.characters(rows, shape)
        packed = self._first.run(shape, rows)
        states = self._plain.latest(self._between[: len(rows), : shape.characters])
        self._between_generation = states.generation
        return packed, states

    def units(self, states: CharacterStates, durations: Tensor, size: int) -> Tensor:
        """The second half, through a graph if one fits and the first half used one."""
        self._plain.check_latest(states)
        roomy = (each for each in self._sizes if each >= size and self._second.has(each, len(durations)))
        captured = next(roomy, None)
        if captured is None or states.generation != self._between_generation:
            return self._plain.units(states, durations, size)
        padded = F.pad(durations, (0, self._between.shape[1] - durations.shape[1]))
        return self._second.run(captured, padded)[:, : 1 + size]

    def _record_first(self, shape: T2uShape) -> None:
        def work(rows: Tensor) -> Tensor:
            made = self._text_to_unit.characters(shape.batch(rows, self._states, padded=True))
            self._between[: len(rows), : shape.characters] = made.states
            return made.packed()

        ids = tuple(i % self._text_to_unit.config.char_vocab_size for i in range(shape.characters - 1))
        idle, other = (
            torch.from_numpy(shape.row(0, CharacterSequence(each, (len(each),)), 1.0)) for each in ((0,), ids)
        )
        self._first.add(shape, work, idle=idle, others=other.expand(_MAX_ROWS, -1), check=_check)

    def _record_second(self, size: int) -> None:
        def work(durations: Tensor) -> Tensor:
            states = self._between[: len(durations)]
            return self._text_to_unit.units(states, durations, size, padded=True).packed()

        idle = silent(_MAX_ROWS, self._between.shape[1])
        self._second.add(size, work, idle=idle[0], others=(size // 2) * idle, check=_check)


def _check(captured: Tensor, plain: Tensor) -> None:
    differing = float((captured != plain).double().mean())
    if not differing <= _DIFFERING:
        raise GraphCaptureError(f"a captured half of text-to-unit differs in {differing:.0%} of its numbers")
