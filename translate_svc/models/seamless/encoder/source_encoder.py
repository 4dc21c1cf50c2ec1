"""The speech encoder and the text encoder of a checkpoint. Each encodes its sources as a batch."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from translate_svc.errors import EngineError
from translate_svc.models.checkpoint.checkpoint import Checkpoint
from translate_svc.models.checkpoint.kept_products import KeptProducts
from translate_svc.models.graphs.capture_count import CaptureCount
from translate_svc.models.graphs.cuda_graphs import GraphCapturer
from translate_svc.models.layers.transformer import EncodedSource, length_mask, to_device
from translate_svc.models.log_mel import LogMelMemory
from translate_svc.models.precision import Precision
from translate_svc.models.seamless.encoder.speech_batches import SpeechBatches
from translate_svc.models.seamless.encoder.speech_buckets import bucket_frames
from translate_svc.models.seamless.encoder.speech_encoder import SpeechEncoder, encoder_frames
from translate_svc.models.seamless.encoder.text_encoder import TextEncoder
from translate_svc.models.slices import Slices
from translate_svc.models.speech_model import NOT_FINITE
from translate_svc.types import EncoderSource, Samples

_TIMED_FRAMES = 512
"""What is timed at the start: 10 s."""

_log = logging.getLogger(__name__)


class SourceEncoder:
    """Both encoders, loaded. The text decoder uses the states of both in the same way.

    Args:
        checkpoint: a verified checkpoint.
        embed: gives the scaled embeddings of token ids. It is the text decoder's, because both share the
            matrix.
        max_source_tokens: greatest number of tokens of one text.
        device: where to compute.
        precision: to compute in.
        products: as ``Checkpoint.load`` takes them.

    Attributes:
        embed: as the argument.

    Raises:
        CheckpointError: the weights are incomplete or do not fit the configuration.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        embed: Callable[[Tensor], Tensor],
        *,
        max_source_tokens: int,
        device: torch.device,
        precision: Precision,
        products: KeptProducts | None = None,
    ) -> None:
        self._config = checkpoint.config
        self.embed = embed
        self._max_source_tokens = max_source_tokens
        self._device = device
        self._dtype = precision.compute
        self._features = checkpoint.feature_extractor().to(device)
        with torch.device("meta"):
            self._speech_encoder = SpeechEncoder(checkpoint.config)
            self._text_encoder = TextEncoder(checkpoint.config, max_tokens=max_source_tokens)
        checkpoint.load(
            self._speech_encoder, "speech_encoder.", device=device, precision=precision, products=products
        )
        checkpoint.load(
            self._text_encoder, "text_encoder.", device=device, precision=precision, products=products
        )
        self._batches = None if device.type == "cpu" else self._new_batches()
        if device.type == "cuda":
            with torch.inference_mode():
                way = self._speech_encoder.encoder.choose_convolution(_TIMED_FRAMES, self._dtype, device)
            _log.info("depthwise convolutions of the speech encoder: %s", way)

    @property
    def min_source_samples(self) -> int:
        """Samples in the shortest waveform that has a frame."""
        return self._features.minimum_samples

    def max_states(self, max_source_samples: int) -> int:
        """The most states that any source gives: a text, or speech of up to ``max_source_samples``."""
        speech = encoder_frames(self._features.stacked_frames(max_source_samples), self._config)
        return max(speech, self._max_source_tokens)

    def encode(
        self, sources: Sequence[EncoderSource], memories: Sequence[LogMelMemory | None] = ()
    ) -> Slices[list[Tensor | EngineError]]:
        """States of each source, ``[length, hidden]``: one per 160 ms of speech, one per token of text.

        A slice is a part of a layer, a part of the features, a graph, or all texts. ``memories``: of each
        source, its log-mel frames; by default none is known and none is kept. Used on a CPU alone: an
        accelerator would have to bring the frames to the host and back.
        """
        speech = {i: source for i, source in enumerate(sources) if isinstance(source, np.ndarray)}
        text = {i: source for i, source in enumerate(sources) if isinstance(source, tuple)}
        encoded: list[tuple[Sequence[int], EncodedSource]] = []
        if self._batches is None:
            for index, waveform in speech.items():
                # a batch gains nothing: one utterance fills the kernels, and padding costs
                states = yield from self._encode_speech(waveform, memories[index] if memories else None)
                encoded.append(([index], states))
        elif speech:
            indices = list(speech)
            for rows, states in (yield from self._batches.slices(list(speech.values()))):
                encoded.append(([indices[row] for row in rows], states))
        if text:
            yield
            encoded.append((list(text), self._encode_text(list(text.values()))))
            if self._device.type != "cpu":
                yield  # the outcomes wait for the device
        outcomes = dict(_outcomes(encoded))
        return [outcomes[index] for index in range(len(sources))]

    def capture(self, max_source_samples: int, capturer: GraphCapturer, count: CaptureCount) -> None:
        """Captures batches of utterances of up to so many samples. Not for a CPU.

        Raises:
            DeviceLost: the device's context is lost.
        """
        self._batches = self._batches or self._new_batches()
        self._batches.capture(max_source_samples, capturer, count)

    def _new_batches(self) -> SpeechBatches:
        return SpeechBatches(self._speech_encoder, self._features, self._device, self._dtype)

    def _encode_speech(self, waveform: Samples, memory: LogMelMemory | None) -> Slices[EncodedSource]:
        # torch only accepts writable arrays; audio from the network is read-only
        features, lengths = yield from self._features.slices(
            [np.require(waveform, np.float32, ["C", "W"])], memory
        )
        # an incomplete stack of mel frames at the end is masked, but the adapter still counts its place
        begun = self._features.begun_frames(len(waveform))
        features = F.pad(features, (0, 0, 0, begun - features.shape[1])).to(self._dtype)
        yield
        encoded = yield from self._speech_encoder.slices(features, lengths, [begun])
        return encoded

    def _encode_text(self, texts: Sequence[tuple[int, ...]]) -> EncodedSource:
        lengths = [len(text) for text in texts]
        size, idle = max(lengths), 0
        if self._device.type != "cpu":  # few shapes, as for speech
            size = min(bucket_frames(size), self._max_source_tokens)
            idle = (1 << (len(texts) - 1).bit_length()) - len(texts)
        rows = [*texts, *[()] * idle]
        padded = [text + (self._config.pad_token_id,) * (size - len(text)) for text in rows]
        embedded = self.embed(to_device(padded, self._device))
        encoded = self._text_encoder.encode(embedded, lengths + [1] * idle)
        return EncodedSource(encoded.states[: len(texts)], lengths)


def _outcomes(
    encoded: Sequence[tuple[Sequence[int], EncodedSource]],
) -> Iterator[tuple[int, Tensor | EngineError]]:
    """The states of each source without padding. One that is not finite becomes an error. Waits once."""
    finite = iter(torch.cat([_finite(each) for _, each in encoded]).tolist() if encoded else ())
    for indices, each in encoded:
        for row, (index, length) in enumerate(zip(indices, each.lengths, strict=True)):
            yield index, each.states[row, :length] if next(finite) else EngineError(NOT_FINITE)


def _finite(encoded: EncodedSource) -> Tensor:
    """``[B]``: whether all states of a row are finite, without its padding."""
    lengths = to_device(encoded.lengths, encoded.states.device)
    outside = ~length_mask(lengths, encoded.states.shape[1])[:, :, None]
    return torch.isfinite(encoded.states).logical_or(outside).flatten(1).all(dim=1)
