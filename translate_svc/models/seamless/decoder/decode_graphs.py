"""Decode steps of fixed sizes, captured once as CUDA graphs and replayed.

A step has many small kernels. A replay does not wait for the host to start them one by one.

A graph reads the first rows of the caches in place, whether they take part in the step or not. Rows that do
not take part write to the scratch column, and their predictions are thrown away. Such rows are few, because
the lowest free slots are given out first. A graph always computes ``source_frames`` and ``attention``: they
cost a few more kernels, but save a second set of graphs. Runs of several tokens are not captured: a text has
only one, and a graph would compute a batch of them for all rows.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from translate_svc.models.decoded_step import ALL_OPTIONAL_FIELDS, Choose, DecodedStep
from translate_svc.models.graphs.captured_graph import CapturedGraph, GraphCaptureError, at_least, doubled
from translate_svc.models.graphs.cuda_graphs import GraphCapturer
from translate_svc.models.runs import Runs
from translate_svc.models.seamless.decoder.decoder_cache import (
    AttentionMetadata,
    DecoderCache,
    GraphBucket,
)
from translate_svc.models.seamless.decoder.text_decoder import TextDecoder

_FEWEST_ROWS, _SHORTEST_REACH = 8, 64
_TOLERANCE = 0.1
"""Largest difference of log-probabilities between a captured step and the same step run eagerly, in
bfloat16.
"""

_log = logging.getLogger(__name__)


class DecodeGraphs:
    """``TextDecoder.decode`` of single tokens over one cache, and the choice. The cache must still be empty.

    Args:
        decoder: its weights must stay at their addresses.
        cache: its tensors must stay at their addresses.
        capturer: captures a graph, see ``GraphCapturer``.
        choose: ends each step.

    Raises:
        RuntimeError: the capture of a step failed, or a captured step computes something else
            (``GraphCaptureError``). The cache is unchanged.
    """

    def __init__(
        self, decoder: TextDecoder, cache: DecoderCache, capturer: GraphCapturer, choose: Choose
    ) -> None:
        self._decoder, self._cache, self._choose = decoder, cache, choose
        self._row_counts = doubled(_FEWEST_ROWS, len(cache.source_lengths))
        self._token_reaches = doubled(_SHORTEST_REACH, cache.reach.tokens)
        self._source_reaches = doubled(_SHORTEST_REACH, cache.reach.source)
        self._captured: dict[tuple[int, GraphBucket], CapturedGraph] = {}
        # a token that no sequence attends to: it is written to the scratch column; its source has one state
        self._idle = torch.tensor([[0], [cache.scratch_column], [1]])
        try:
            self._capture_all(capturer)
        finally:
            cache.clear_tokens(range(len(cache.source_lengths)))
            cache.clear_source(range(len(cache.source_lengths)))

    def step(self, fed: Runs) -> DecodedStep:
        """Feeds one token to each of some slots. The result is on the host and has all fields."""
        lengths = self._cache.lengths(fed.slots)
        count = at_least(self._row_counts, max(fed.slots) + 1)
        reach = GraphBucket(
            at_least(self._token_reaches, max(fed.ends())),
            at_least(self._source_reaches, max(lengths)),
        )
        return self._replay(count, reach, fed, lengths)

    def _replay(self, count: int, reach: GraphBucket, fed: Runs, lengths: Sequence[int]) -> DecodedStep:
        captured, taken = self._captured[count, reach], list(fed.slots)
        captured.inputs.copy_(self._idle)
        captured.inputs[:, taken] = torch.tensor(
            [[token_id for (token_id,) in fed.token_ids], fed.starts, lengths]
        )
        return DecodedStep.unpacked(captured.run()[taken], aligned_tokens=1)

    def _capture_all(self, capturer: GraphCapturer) -> None:
        started_s = time.monotonic()
        reaches = [GraphBucket(t, s) for t in self._token_reaches for s in self._source_reaches]
        total = len(self._row_counts) * len(reaches)
        for count in reversed(self._row_counts):  # the largest first: the others fit into its memory
            for reach in reversed(reaches):
                self._captured[count, reach] = CapturedGraph(
                    self._idle.repeat(1, count), self._step_of(reach), capturer, self._cache.states.device
                )
                self._check(count, reach)
            seconds = time.monotonic() - started_s
            _log.info("captured %d of %d decode steps after %.1f s", len(self._captured), total, seconds)

    def _step_of(self, reach: GraphBucket) -> Callable[[Tensor], Tensor]:
        def step(inputs: Tensor) -> Tensor:
            metadata = AttentionMetadata.fixed(self._cache, inputs, reach)
            made = self._decoder.run(self._cache, metadata, ALL_OPTIONAL_FIELDS)
            return DecodedStep.of(made, self._choose(made.logits)).packed()

        return step

    def _check(self, count: int, reach: GraphBucket) -> None:
        """Feeds every second row its own token, through the graph and eagerly. Each source has one state."""
        slots = range(0, count, 2)
        for slot in slots:
            self._cache.source_lengths[slot] = 1
        vocabulary = self._decoder.embed_tokens.num_embeddings
        fed = Runs.steps(slots, [0] * len(slots), [slot % vocabulary for slot in slots])
        replayed = self._replay(count, reach, fed, self._cache.lengths(slots)).log_probabilities
        logits = self._decoder.decode(self._cache, fed).logits
        expected = self._choose(logits).log_probabilities.double().cpu()
        error = float((replayed - expected).abs().max())
        if not error <= _TOLERANCE:
            raise GraphCaptureError(f"a captured step of {count} rows is off by {error:.2g}")
