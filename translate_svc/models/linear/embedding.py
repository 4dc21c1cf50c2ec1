"""Tables of embeddings."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Embedding(nn.Embedding):
    """``nn.Embedding`` that is always loaded, never initialised.

    Initialising one on the meta device imports ``torch._dynamo``, which wastes four seconds of every start.
    """

    def reset_parameters(self) -> None:
        """Leaves the weights as they are."""


class ScaledEmbedding(Embedding):
    """An embedding whose matrix may also be an output matrix, in any of its forms.

    Attributes:
        weight_scale: ``[rows]``, float32. Only of an embedding in int8.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Rows by their ids, ``[..., embedding_dim]``."""
        if self.weight.dtype != torch.int8:
            return super().forward(input)
        scales = self.get_buffer("weight_scale")
        return self.weight[input].to(scales.dtype).mul_(scales[input][..., None])
