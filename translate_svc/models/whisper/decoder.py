"""The text decoder of Whisper."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from translate_svc.models.alignment.heads import AlignmentHeads
from translate_svc.models.decoder.cached_decoder import CachedDecoder
from translate_svc.models.linear.embedding import Embedding
from translate_svc.models.whisper.config import WhisperConfig


class WhisperDecoder(CachedDecoder):
    """``WhisperDecoder`` of transformers with its tied output matrix. Parameter prefix ``model.decoder.``.

    Args:
        config: sizes.
        max_slot_tokens: the most tokens that are fed to one sequence.
        alignment_layer: as ``CachedDecoder`` takes it.
        alignment_heads: as ``CachedDecoder`` takes it.
    """

    positions: Tensor

    def __init__(
        self,
        config: WhisperConfig,
        *,
        max_slot_tokens: int,
        alignment_layer: int,
        alignment_heads: AlignmentHeads | None = None,
    ) -> None:
        super().__init__(
            config, alignment_layer=alignment_layer, alignment_heads=alignment_heads, biased_keys=False
        )
        self._max_slot_tokens = max_slot_tokens
        self.embed_positions = Embedding(config.max_target_positions, config.d_model)

    def prepare(self) -> None:
        """As ``CachedDecoder.prepare``; and gives the scratch column a position."""
        super().prepare()
        learned = self.embed_positions.weight.detach()[: self._max_slot_tokens]
        self.positions = F.pad(learned, (0, 0, 0, 1))
