"""Tables of embeddings."""

from __future__ import annotations

from torch import nn


class Embedding(nn.Embedding):
    """``nn.Embedding`` that is always loaded, never initialised.

    Initialising one on the meta device imports ``torch._dynamo``, which wastes four seconds of every start.
    """

    def reset_parameters(self) -> None:
        """Leaves the weights as they are."""


class OutputEmbedding(Embedding):
    """An embedding whose matrix is also an output matrix: a ``PackedLinear`` is made of it, and reads it."""
