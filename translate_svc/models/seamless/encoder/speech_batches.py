"""Utterances in batches of few shapes, for an accelerator. The shapes are captured as CUDA graphs."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from translate_svc.models.graphs.batch_graphs import BatchGraphs
from translate_svc.models.graphs.capture_count import CaptureCount
from translate_svc.models.graphs.captured_graph import GraphCaptureError
from translate_svc.models.graphs.cuda_graphs import GraphCapturer
from translate_svc.models.layers.transformer import EncodedSource
from translate_svc.models.seamless.encoder.features import FeatureExtractor
from translate_svc.models.seamless.encoder.speech_buckets import (
    MAX_ROWS,
    SpeechBatch,
    batches_of,
    captured_frames,
    row_limit,
)
from translate_svc.models.seamless.encoder.speech_encoder import SpeechEncoder, encoder_frames
from translate_svc.models.slices import Slices, finish
from translate_svc.models.staging import to_device
from translate_svc.types import Samples

_TOLERANCE = 0.05
"""Largest part of a row's norm by which a captured encoding may differ from the same one run eagerly: other
kernels may have been chosen, and bfloat16 has 8 bits.
"""

_log = logging.getLogger(__name__)


class SpeechBatches:
    """Features and speech encoder for batches of utterances, whose lengths are padded to those of buckets.

    So there are few shapes: libraries choose kernels, and the allocator finds memory, once for each. A row's
    result does not depend on its bucket, up to rounding.

    Args:
        encoder: its weights must stay at their addresses.
        extractor: makes the features, on ``device``.
        device: where to compute.
        dtype: of the encoder.
    """

    def __init__(
        self, encoder: SpeechEncoder, extractor: FeatureExtractor, device: torch.device, dtype: torch.dtype
    ) -> None:
        self._encoder, self._extractor = encoder, extractor
        self._device, self._dtype = device, dtype
        self._graphs: BatchGraphs | None = None
        self._captured_frames: tuple[int, ...] = ()

    def capture(self, max_samples: int, capturer: GraphCapturer, count: CaptureCount) -> None:
        """Captures the buckets of utterances of up to ``max_samples``. Longer shapes run eagerly.

        Raises:
            DeviceLost: the device's context is lost.
        """
        started_s = time.monotonic()
        self._graphs = BatchGraphs(MAX_ROWS, capturer, self._device, count)
        self._captured_frames = captured_frames(self._extractor.begun_frames(max_samples))
        for frames in reversed(self._captured_frames):
            self._capture(frames, self._graphs)
        seconds = time.monotonic() - started_s
        _log.info("captured %d batches of the speech encoder in %.1f s", len(self._graphs), seconds)

    def slices(self, waveforms: Sequence[Samples]) -> Slices[list[tuple[Sequence[int], EncodedSource]]]:
        """Encodes utterances. Returns the states of each batch, and which utterances are its rows.

        A slice is one graph, or a part of a layer. Nothing waits for the device.
        """
        made: list[tuple[Sequence[int], EncodedSource]] = []
        for batch in batches_of([self._extractor.begun_frames(len(wave)) for wave in waveforms]):
            rows = [waveforms[index] for index in batch.indices]
            states = yield from self._states(batch, rows)
            lengths = [
                encoder_frames(self._extractor.stacked_frames(len(wave)), self._encoder.config)
                for wave in rows
            ]
            made.append((batch.indices, EncodedSource(states, lengths)))
            yield
        return made

    def _states(self, batch: SpeechBatch, waveforms: Sequence[Samples]) -> Slices[Tensor]:
        """``[rows, states, hidden]`` on the device."""
        if self._graphs is not None:
            for frames in (each for each in self._captured_frames if each >= batch.frames):
                if self._graphs.has(_name(frames), len(waveforms)):
                    return self._graphs.run_there(_name(frames), self._packed(frames, waveforms))
        packed = self._packed(batch.frames, waveforms)
        states = yield from self._encode(to_device(packed, self._device))
        return states

    def _packed(self, frames: int, waveforms: Sequence[Samples]) -> Tensor:
        """``[rows, 1 + samples]`` float32 on the host: the number of samples, and the samples."""
        room = self._extractor.room_samples(frames)
        rows = torch.zeros(len(waveforms), 1 + room)
        for row, waveform in zip(rows.numpy(), waveforms, strict=True):
            read = waveform[:room]  # the rest is not enough for a frame
            row[0], row[1 : 1 + len(read)] = len(read), read
        return rows

    def _encode(self, packed: Tensor) -> Slices[Tensor]:
        features, lengths, begun = self._extractor.of_rows(packed[:, 1:], packed[:, 0].long())
        yield
        states = yield from self._encoder.of_rows(features.to(self._dtype), lengths, begun)
        return states

    def _capture(self, frames: int, graphs: BatchGraphs) -> None:
        room, shortest = self._extractor.room_samples(frames), self._extractor.minimum_samples
        rows = row_limit(frames)
        noise = np.random.default_rng(frames).normal(0.0, 0.1, (rows, room)).astype(np.float32)
        others: list[Samples] = [
            row[: room - (room - shortest) * index // rows] for index, row in enumerate(noise)
        ]
        lengths = [
            encoder_frames(self._extractor.stacked_frames(len(row)), self._encoder.config) for row in others
        ]
        graphs.add(
            _name(frames),
            lambda packed: finish(self._encode(packed)),
            idle=self._packed(frames, [noise[0, :shortest]])[0],
            others=self._packed(frames, others),
            check=functools.partial(_check, lengths),
        )


def _name(frames: int) -> str:
    return f"speech of {frames} frames"


def _check(lengths: Sequence[int], captured: Tensor, plain: Tensor) -> None:
    """Compares the states that a decoder would attend to.

    Raises:
        GraphCaptureError: they differ.
    """
    for length, ours, theirs in zip(lengths, captured.double(), plain.double(), strict=False):
        error = float((ours[:length] - theirs[:length]).norm() / theirs[:length].norm())
        if not error <= _TOLERANCE:
            raise GraphCaptureError(f"a captured encoding is off by {error:.2g} of its norm")
