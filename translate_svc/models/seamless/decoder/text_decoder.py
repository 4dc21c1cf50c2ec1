"""The text decoder of SeamlessM4T v2."""

from __future__ import annotations

from translate_svc.models.alignment.heads import AlignmentHeads
from translate_svc.models.decoder.cached_decoder import CachedDecoder
from translate_svc.models.layers.transformer import sinusoidal_positions
from translate_svc.models.seamless.config import ModelConfig


class TextDecoder(CachedDecoder):
    """``SeamlessM4Tv2Decoder`` with its tied output matrix. Parameter prefix ``text_decoder.``.

    Args:
        config: sizes.
        max_slot_tokens: the most tokens that are fed to one sequence.
        alignment_layer: as ``CachedDecoder`` takes it.
        alignment_heads: as ``CachedDecoder`` takes it.
    """

    def __init__(
        self,
        config: ModelConfig,
        *,
        max_slot_tokens: int,
        alignment_layer: int,
        alignment_heads: AlignmentHeads | None = None,
    ) -> None:
        super().__init__(config, alignment_layer=alignment_layer, alignment_heads=alignment_heads)
        table = sinusoidal_positions(max_slot_tokens + 1, config.hidden_size, config.pad_token_id)
        self.register_buffer("positions", table, persistent=False)
