"""What models with a ``CachedDecoder`` have in common: the part of ``SpeechModel`` about slots."""

from __future__ import annotations

import gc
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from translate_svc.errors import EngineError
from translate_svc.models.alignment.heads import AlignmentHeads, HeadAttention
from translate_svc.models.decoded_step import NO_OPTIONAL_FIELDS, StepFields, StepLogits
from translate_svc.models.decoder.cached_decoder import CachedDecoder
from translate_svc.models.decoder.decoder_cache import DecoderCache
from translate_svc.models.decoder.decoder_shape import DecoderShape
from translate_svc.models.runs import Runs
from translate_svc.models.slices import DeviceEvent, Passed


class SlotModel:
    """A decoder over slots.

    Attributes:
        decoder: the loaded text decoder.
        cache: what it keeps of its rows.
        device: where it computes.
    """

    def __init__(
        self, shape: DecoderShape, decoder: CachedDecoder, cache: DecoderCache, device: torch.device
    ) -> None:
        self._shape = shape
        self.decoder, self.cache, self.device = decoder, cache, device

    def write_sources(self, encoded: Sequence[Tensor | EngineError], slots: Sequence[Sequence[int]]) -> None:
        """Gives each of ``slots[i]`` the states ``encoded[i]``, and clears their tokens. An error changes
        none."""
        written = [
            (owned, states)
            for states, owned in zip(encoded, slots, strict=True)
            if not isinstance(states, EngineError)
        ]
        if written:
            self.cache.clear_tokens([slot for owned, _ in written for slot in owned])
            self.decoder.write_sources(self.cache, *zip(*written, strict=True))

    def record_event(self) -> DeviceEvent:
        """Implements ``SpeechModel.record_event``."""
        if self.device.type == "cpu":
            return Passed()
        return torch.accelerator.current_stream(self.device).record_event()

    def free_memory(self) -> None:
        """Implements ``SpeechModel.free_memory``."""
        gc.collect()
        if self.device.type != "cpu":
            torch.accelerator.empty_cache()

    def source_states(self, slot: int) -> int:
        """Implements ``SpeechModel.source_states``."""
        return int(self.cache.source_lengths[slot])

    @property
    def detected_languages(self) -> tuple[str, ...]:
        """Implements ``SpeechModel.detected_languages``: none."""
        return ()

    def language_log_probabilities(self, slot: int) -> tuple[float, ...]:
        """Implements ``SpeechModel.language_log_probabilities``: of none."""
        return ()

    def decode(self, runs: Runs, fields: StepFields = NO_OPTIONAL_FIELDS) -> StepLogits:
        """Implements ``SpeechModel.decode``."""
        return self.decoder.decode(self.cache, runs, fields)

    def fork(self, slot: int, slots: Sequence[int]) -> None:
        """Implements ``SpeechModel.fork``."""
        self.cache.fork(slot, slots)

    def reorder(self, slots: Sequence[int], parents: Sequence[int], tokens: int) -> None:
        """Implements ``SpeechModel.reorder``."""
        self.cache.reorder(slots, parents, tokens)

    def head_attention(self, slot: int, token_ids: Sequence[int]) -> NDArray[np.float32]:
        """Feeds tokens from position 0 on. Returns the attention of every head of every layer over the
        source's states: ``[layers, heads, tokens, states]``. Calibration uses it.
        """
        heads = HeadAttention(AlignmentHeads.all(self._shape)).to(self.device)
        made = self.decoder.attend(self.cache, Runs([slot], [0], [token_ids]), heads)[:, 0]
        layers, states = self._shape.decoder_layers, self.source_states(slot)
        return made[:, :, :states].cpu().numpy().reshape(layers, -1, len(token_ids), states)
