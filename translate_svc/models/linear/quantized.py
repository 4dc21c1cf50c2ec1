"""Weights in int8 with one scale for each output."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from translate_svc.models.linear.embedding import OutputEmbedding

LEVELS = 127
"""A weight is between minus this and this, times its output's scale."""

_SMALLEST_SCALE = 1e-30


def is_product(module: nn.Module) -> bool:
    """Whether ``module`` is a layer of which a ``PackedLinear`` is made: plain linear layers and convolutions
    that are a product of windows. Subclasses compute in their own way.
    """
    return type(module) in (nn.Linear, nn.Conv1d) or isinstance(module, OutputEmbedding)


def quantized(blocks: Iterable[Tensor], shape: torch.Size) -> tuple[Tensor, Tensor]:
    """A weight of ``shape`` in int8, and its scales ``[outputs]``. ``blocks``: parts of it, in order.

    No more than one block is converted at a time.
    """
    weight, scales = torch.empty(shape, dtype=torch.int8), torch.empty(shape[0])
    start = 0
    for block in blocks:
        end = start + len(block)
        flat = block.reshape(len(block), -1).to(torch.float32, copy=True)
        least, most = torch.aminmax(flat, dim=1)
        scale = (torch.maximum(-least, most) / LEVELS).clamp_min_(_SMALLEST_SCALE)
        weight[start:end] = flat.div_(scale[:, None]).round_().view_as(block)
        scales[start:end] = scale
        start = end
    return weight, scales
