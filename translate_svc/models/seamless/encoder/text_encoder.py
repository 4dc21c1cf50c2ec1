"""Text encoder: turns a source text into states for the text decoder.

Computes the same numbers as ``SeamlessM4Tv2Encoder`` on a single text, also in a ragged batch. The published
model has 24 layers: 0.5 G parameters, 1 GB in bfloat16.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from translate_svc.models.layers.transformer import (
    EncodedSource,
    TransformerEncoder,
    length_mask,
    sinusoidal_positions,
    to_device,
)
from translate_svc.models.seamless.config import ModelConfig


class TextEncoder(TransformerEncoder):
    """The text encoder without its embedding. Parameter prefix ``text_encoder.``.

    The text decoder keeps the embedding matrix, because the checkpoint ties the two. At 256,102 rows a second
    copy would cost as much as twelve layers.

    Args:
        config: the model's sizes.
        max_tokens: greatest number of tokens of one text, language and ``</s>`` included.
    """

    positions: Tensor

    def __init__(self, config: ModelConfig, *, max_tokens: int) -> None:
        super().__init__(
            config.encoder_layers,
            config.hidden_size,
            config.encoder_attention_heads,
            config.encoder_ffn_dim,
            config.activation_function,
        )
        table = sinusoidal_positions(max_tokens, config.hidden_size, config.pad_token_id)
        self.register_buffer("positions", table, persistent=False)

    def encode(self, embedded: Tensor, lengths: Sequence[int]) -> EncodedSource:
        """Encodes a ragged batch; a row's result does not depend on the others.

        Args:
            embedded: ``[B, T, hidden]``, right-padded: scaled embeddings of ``__src__``, the text's tokens,
                ``</s>``. Padding must be finite.
            lengths: by row, the number of tokens without padding.
        """
        size = embedded.shape[1]
        valid = length_mask(to_device(lengths, embedded.device), size)
        states = self(embedded + self.positions[:size], valid)
        return EncodedSource(states, lengths)
