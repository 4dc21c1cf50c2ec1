"""Precisions: what a model computes in, and the form of the weights of its matrix products."""

from __future__ import annotations

from dataclasses import dataclass

import torch

LARGE_PARAMETERS = 500_000_000
"""From this many parameters on, the weights no longer fit the processor's caches, and reading them takes most
of the time of a step. Below it, float32 on a CPU loses little time and no quality.
"""


@dataclass(frozen=True, slots=True)
class Precision:
    """A precision, by name. See also ``models/seamless/speech.py`` for convolutions.

    Attributes:
        name: as ``--dtype`` takes it.
        compute: dtype of activations, caches, and of every weight that belongs to no matrix product.
        int8_products: the weights of matrix products and the text embedding are int8, with one scale for each
            output; activations are quantized for each product, with one scale for each row. Otherwise they
            have the dtype ``compute``.
    """

    name: str
    compute: torch.dtype
    int8_products: bool = False


FLOAT32 = Precision("float32", torch.float32)
BFLOAT16 = Precision("bfloat16", torch.bfloat16)
FLOAT16 = Precision("float16", torch.float16)
INT8 = Precision("int8", torch.float32, int8_products=True)

PRECISIONS = {each.name: each for each in (FLOAT32, BFLOAT16, FLOAT16, INT8)}
"""All precisions, by name."""


def of_dtype(dtype: torch.dtype) -> Precision:
    """The precision whose weights all have this floating-point dtype."""
    return next(each for each in PRECISIONS.values() if each.compute is dtype and not each.int8_products)
