"""The speech encoder and the text encoder of a checkpoint. Each encodes its sources as a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from translate_svc.errors import EngineError
from translate_svc.models.checkpoint.checkpoint import Checkpoint
from translate_svc.models.checkpoint.kept_products import KeptProducts
from translate_svc.models.layers import EncodedSource, length_mask, to_device
from translate_svc.models.log_mel import LogMelMemory
from translate_svc.models.precision import Precision
from translate_svc.models.seamless.encoder.speech_encoder import SpeechEncoder, encoder_frames
from translate_svc.models.seamless.encoder.text_encoder import TextEncoder
from translate_svc.models.slices import Slices
from translate_svc.models.speech_model import NOT_FINITE
from translate_svc.types import EncoderSource, Samples


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

        A slice is a part of a layer, a part of the features of a batch, or all texts. ``memories``: of each
        source, its log-mel frames; by default none is known and none is kept. Used on a CPU alone: an
        accelerator would have to bring the frames to the host and back.
        """
        speech = {i: source for i, source in enumerate(sources) if isinstance(source, np.ndarray)}
        text = {i: source for i, source in enumerate(sources) if isinstance(source, tuple)}
        outcomes: dict[int, Tensor | EngineError] = {}
        # On a CPU a batch of speech gains nothing: one utterance fills the kernels, and padding costs.
        size = 1 if self._device.type == "cpu" else len(speech)
        for start in range(0, len(speech), max(size, 1)):
            indices = list(speech)[start : start + size]
            memory = memories[indices[0]] if memories and self._device.type == "cpu" else None
            states = yield from self._encode_speech([speech[index] for index in indices], memory)
            outcomes.update(zip(indices, _rows(states), strict=True))
        if text:
            yield
            outcomes.update(zip(text, _rows(self._encode_text(list(text.values()))), strict=True))
        return [outcomes[index] for index in range(len(sources))]

    def _encode_speech(
        self, waveforms: Sequence[Samples], memory: LogMelMemory | None
    ) -> Slices[EncodedSource]:
        # torch only accepts writable arrays; audio from the network is read-only
        features, lengths = yield from self._features.slices(
            [np.require(wave, np.float32, ["C", "W"]) for wave in waveforms], memory
        )
        stride, hop = self._features.stride, self._features.hop_samples
        # an incomplete stack of mel frames at the end is masked, but the adapter still counts its place
        present = [self._features.stacked_frames(len(wave) + (stride - 1) * hop) for wave in waveforms]
        features = F.pad(features, (0, 0, 0, max(present) - features.shape[1])).to(self._dtype)
        yield
        encoded = yield from self._speech_encoder.slices(features, lengths, present)
        return encoded

    def _encode_text(self, texts: Sequence[tuple[int, ...]]) -> EncodedSource:
        lengths = [len(text) for text in texts]
        padded = [text + (self._config.pad_token_id,) * (max(lengths) - len(text)) for text in texts]
        return self._text_encoder.encode(self.embed(to_device(padded, self._device)), lengths)


def _rows(encoded: EncodedSource) -> list[Tensor | EngineError]:
    """The states of each row without padding. A row that is not finite becomes an error."""
    lengths = to_device(encoded.lengths, encoded.states.device)
    outside = ~length_mask(lengths, encoded.states.shape[1])[:, :, None]
    finite = torch.isfinite(encoded.states).logical_or(outside).flatten(1).all(dim=1).tolist()
    return [
        encoded.states[row, :length] if finite[row] else EngineError(NOT_FINITE)
        for row, length in enumerate(encoded.lengths)
    ]
