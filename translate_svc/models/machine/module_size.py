"""The memory of modules that have no weights yet, and of what every model takes beside them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from translate_svc.models.layers.convolution import Convolution
from translate_svc.models.linear.embedding import OutputEmbedding

LOGIT_COPIES = 3.5
"""Float32 copies of a step's logits."""
HOST_RUNTIME = 430_000_000 if torch.version.cuda is None else 760_000_000
"""The interpreter, its libraries, and the features of an utterance. PyTorch for CUDA, which is PyPI's, takes
a third of a GB more, also where there is no GPU.
"""
KEPT_SHARE = 0.05
"""Of the weights: what the allocator keeps on a CPU after their layout was changed."""
GRAPHS = 450_000_000
"""Of captured graphs, whatever the number of slots, without those of the encoder."""


def on_meta(make: Callable[[], nn.Module]) -> nn.Module:
    """A module without memory for its weights."""
    with torch.device("meta"):
        return make()


def module_size(module: nn.Module, product_width: int, other_width: int) -> int:
    """Bytes of its weights and tables. The text embedding is an output matrix too."""
    products = {
        id(parameter)
        for each in module.modules()
        if isinstance(each, nn.Linear | nn.Conv1d | OutputEmbedding) and not isinstance(each, Convolution)
        for parameter in each.parameters(recurse=False)
        if parameter.dim() > 1
    }
    tensors = [*module.parameters(), *module.buffers()]
    return sum(each.numel() * (product_width if id(each) in products else other_width) for each in tensors)
