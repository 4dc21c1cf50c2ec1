"""The sizes of a text decoder, whichever family it belongs to. Free of torch."""

from __future__ import annotations

from typing import Protocol

ACTIVATIONS = ("relu", "gelu", "swish", "silu")
"""The names of those that are computed (``linear.products.ACTIVATIONS``)."""


class DecoderShape(Protocol):
    """What a family's configuration says of its text decoder."""

    @property
    def vocab_size(self) -> int:
        """Number of tokens."""

    @property
    def hidden_size(self) -> int:
        """Width of a state."""

    @property
    def decoder_layers(self) -> int:
        """Number of layers."""

    @property
    def decoder_attention_heads(self) -> int:
        """Heads of each layer, of its attention to tokens and to the source."""

    @property
    def decoder_ffn_dim(self) -> int:
        """Inner width of the feed-forward parts."""

    @property
    def activation_function(self) -> str:
        """A name in ``ACTIVATIONS``."""

    @property
    def scale_embedding(self) -> bool:
        """Whether embeddings are multiplied by the root of ``hidden_size``."""
