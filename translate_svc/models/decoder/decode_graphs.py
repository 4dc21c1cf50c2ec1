"""Decode steps of fixed sizes, captured once as CUDA graphs and replayed.

A step has many small kernels. A replay does not wait for the host to start them one by one.

A graph reads the first rows of the caches in place, whether they take part in the step or not. Rows that do
not take part write to the scratch column, and their predictions are thrown away. Such rows are few, because
the lowest free slots are given out first. A graph always computes ``source_frames`` and ``attention``: they
cost a few more kernels, but save a second set of graphs. Runs of several tokens are not captured: a text has
only one, and a graph would compute a batch of them for all rows.
"""

from __future__ import annotations

import functools
import logging
import math
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from translate_svc.models.decoded_step import ALL_OPTIONAL_FIELDS, Choose, DecodedStep, LaunchedStep
from translate_svc.models.decoder.cached_decoder import CachedDecoder
from translate_svc.models.decoder.decoder_cache import (
    AttentionMetadata,
    DecoderCache,
    GraphBucket,
)
from translate_svc.models.graphs.capture_count import CaptureCount
from translate_svc.models.graphs.captured_graph import CapturedGraph, GraphCaptureError, doubled
from translate_svc.models.graphs.cuda_graphs import GraphCapturer
from translate_svc.models.runs import CHOSEN

_FEWEST_ROWS, _SHORTEST_REACH = 8, 64
_TOLERATED_ULPS = 4
"""How far a captured step may be from the same step run eagerly, in steps of the grid on which the largest
logit lies. bfloat16 has 8 bits: logits of 16 to 32 lie 0.125 apart. An eager run may choose other kernels,
which add in another order; the last product then rounds to a neighbour.
"""

_log = logging.getLogger(__name__)


class DecodeGraphs:
    """``CachedDecoder.decode`` of single tokens over one cache, and the choice. The cache must be empty.

    Args:
        decoder: its weights must stay at their addresses.
        cache: its tensors must stay at their addresses.
        capturer: captures a graph, see ``GraphCapturer``.
        choose: ends each step.
        count: counts the graphs.

    Attributes:
        logits: those of the last step, ``[slots, vocabulary]`` float32.

    Raises:
        DeviceLost: the device's context is lost.
    """

    def __init__(
        self,
        decoder: CachedDecoder,
        cache: DecoderCache,
        capturer: GraphCapturer,
        choose: Choose,
        count: CaptureCount,
    ) -> None:
        self._decoder, self._cache, self._choose = decoder, cache, choose
        self._count = count
        self._row_counts = doubled(_FEWEST_ROWS, len(cache.source_lengths))
        self._token_reaches = doubled(_SHORTEST_REACH, cache.reach.tokens)
        self._source_reaches = doubled(_SHORTEST_REACH, cache.reach.source)
        # by slot: the token that was chosen last, and the position to feed it to
        slots, device = len(cache.source_lengths), cache.states.device
        self._chosen = torch.zeros(2, slots, dtype=torch.int64, device=device)
        self.logits = torch.empty(slots, decoder.embed_tokens.num_embeddings, device=device)
        self._captured: dict[tuple[int, GraphBucket], CapturedGraph] = {}
        # a token that no sequence attends to: it is written to the scratch column; its source has one state
        self._idle = torch.tensor([[0], [cache.scratch_column], [1]])
        try:
            self._capture_all(capturer)
        finally:
            cache.clear_tokens(range(len(cache.source_lengths)))
            cache.clear_source(range(len(cache.source_lengths)))

    @property
    def max_tokens(self) -> int:
        """Implements ``CapturedSteps.max_tokens``."""
        return self._cache.reach.tokens

    def launch(
        self, slots: NDArray[np.int64], positions: NDArray[np.int64], token_ids: NDArray[np.int64]
    ) -> LaunchedStep | None:
        """Implements ``CapturedSteps.launch``."""
        lengths = self._cache.source_lengths[slots]
        reach = GraphBucket(int(positions.max()) + 1, int(lengths.max()))
        captured = self._fitting(int(slots.max()) + 1, reach)
        if captured is None:
            return None
        # torch gives a pinned block to nobody else before the device has read it
        pinned = self._cache.states.device.type == "cuda"
        inputs = torch.empty(captured.inputs.shape, dtype=torch.int64, pin_memory=pinned)
        columns = inputs.numpy()
        columns[:] = self._idle.numpy()
        columns[0, slots], columns[1, slots], columns[2, slots] = token_ids, positions, lengths
        return LaunchedStep(captured.launch(inputs), slots)

    def note_chosen(self, slots: Sequence[int], token_ids: Tensor, positions: Tensor) -> None:
        """Implements ``CapturedSteps.note_chosen``."""
        self._chosen[:, self._cache.index(slots)] = torch.stack([token_ids, positions])

    def _fitting(self, rows: int, reach: GraphBucket) -> CapturedGraph | None:
        """The smallest captured step that holds so much. Where one was refused, a larger one is used."""
        for count in (each for each in self._row_counts if each >= rows):
            for tokens in (each for each in self._token_reaches if each >= reach.tokens):
                for source in (each for each in self._source_reaches if each >= reach.source):
                    if captured := self._captured.get((count, GraphBucket(tokens, source))):
                        return captured
        return None

    def _capture_all(self, capturer: GraphCapturer) -> None:
        started_s = time.monotonic()
        reaches = [GraphBucket(t, s) for t in self._token_reaches for s in self._source_reaches]
        total = len(self._row_counts) * len(reaches)
        for rows in reversed(self._row_counts):  # the largest first: the others fit into its memory
            for reach in reversed(reaches):
                name = f"a decode step of {rows} rows, {reach.tokens} tokens and {reach.source} states"
                self._count.attempt(name, functools.partial(self._capture, rows, reach, capturer))
            seconds = time.monotonic() - started_s
            _log.info("captured %d of %d decode steps after %.1f s", len(self._captured), total, seconds)

    def _capture(self, rows: int, reach: GraphBucket, capturer: GraphCapturer) -> None:
        idle = self._idle.repeat(1, rows)
        captured = CapturedGraph(idle, self._step_of(reach), capturer, self._cache.states.device)
        self._check(captured, rows, reach)
        self._captured[rows, reach] = captured

    def _step_of(self, reach: GraphBucket) -> Callable[[Tensor], Tensor]:
        def step(inputs: Tensor) -> Tensor:
            token_ids, _, lengths = inputs
            chosen = self._chosen[:, : len(token_ids)]
            known = torch.where(token_ids == CHOSEN, chosen, inputs[:2])
            positions = known[1]
            metadata = AttentionMetadata.fixed(self._cache, torch.cat([known, lengths[None]]), reach)
            logits = self.logits[: len(token_ids)]
            made = self._decoder.run(self._cache, metadata, ALL_OPTIONAL_FIELDS, logits=logits)
            choice = self._choose(made.logits)
            # rows that do not take part keep theirs
            following = torch.stack([choice.token_ids, positions + 1])
            chosen.copy_(torch.where(positions == self._cache.scratch_column, chosen, following))
            return DecodedStep.of(made, choice).packed()

        return step

    def _check(self, captured: CapturedGraph, rows: int, reach: GraphBucket) -> None:
        """Gives every second row its own token, and compares the graph with an eager run of the same inputs.

        The reach is that of the graph, so the eager run has the same shapes.

        Raises:
            GraphCaptureError: a chosen token or its log-probability differs by more than the grid explains.
        """
        taken = list(range(0, rows, 2))
        inputs = self._idle.repeat(1, rows)
        inputs[0, taken] = torch.tensor(taken) % self._decoder.embed_tokens.num_embeddings
        inputs[1, taken] = 0
        captured.inputs.copy_(inputs)
        replayed = DecodedStep.unpacked(captured.run()[taken], aligned_tokens=1)
        metadata = AttentionMetadata.fixed(self._cache, inputs.to(self._cache.states.device), reach)
        logits = self._decoder.run(self._cache, metadata, ALL_OPTIONAL_FIELDS).logits
        expected = self._choose(logits).log_probabilities.double().cpu()[taken]
        logits = logits.double().cpu()[taken]
        margin = logits.amax(dim=1) - logits.gather(1, replayed.token_ids[:, None])[:, 0]
        error = float(torch.maximum(margin, (replayed.log_probabilities - expected).abs()).max())
        if not error <= _TOLERATED_ULPS * _spacing(float(logits.abs().max()), self._cache.states.dtype):
            raise GraphCaptureError(f"it is off by {error:.2g}")


def _spacing(value: float, dtype: torch.dtype) -> float:
    """The distance between neighbouring numbers of ``dtype`` around ``value``."""
    return torch.finfo(dtype).eps * 2.0 ** (math.frexp(value)[1] - 1) if math.isfinite(value) else math.nan
