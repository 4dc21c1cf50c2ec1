"""Two ways to compute ``act(x W^T + b)``: with floating-point weights, and with weights in int8."""

from __future__ import annotations

import functools
import platform
from collections.abc import Callable
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from translate_svc.models.linear.blocked import BlockedWeight
from translate_svc.models.linear.quantized import LEVELS

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "gelu": F.gelu,
    "swish": F.silu,
    "silu": F.silu,
}
"""Activations by their name in ``config.json`` (checked when the configuration is read)."""

_IN_PLACE: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu_,
    "gelu": F.gelu,
    "swish": functools.partial(F.silu, inplace=True),
    "silu": functools.partial(F.silu, inplace=True),
}
"""The same for numbers that nothing else reads: fresh memory takes longer than these do."""

_ONEDNN_ACTIVATIONS = {"relu": "relu", "gelu": "gelu", "swish": "swish", "silu": "swish"}
_ROWS_PACKED_FOR = 16
"""oneDNN chooses a layout for a number of rows. The layout for this number works for all."""

_KEPT_WEIGHT = 1 << 18
_FEW_PRODUCTS, _FEW_PRODUCTS_OF_MKL = 1 << 20, 1 << 24
"""Small weights are also kept unpacked: below this many multiplications per call, calling oneDNN costs more
than it saves. MKL, which computes float32 then, is as fast up to the second number. And oneDNN keeps half a
megabyte for each number of rows that it has seen, hundreds of megabytes in all.
"""

_SMALLEST_SCALE = 1e-30
_BLOCK = 1 << 22


class Product(Protocol):
    """A matrix product whose weights are in the layout that it computes with."""

    def __call__(self, states: Tensor) -> Tensor:
        """``[..., inputs]`` -> ``[..., outputs]``, in the same dtype."""


class FloatProduct:
    """With floating-point weights.

    Args:
        weight: ``[outputs, inputs]``.
        bias: ``[outputs]``, or None.
        activation: a name in ``ACTIVATIONS``, or None.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, activation: str | None) -> None:
        self._bias = bias
        self._activation = _IN_PLACE[activation] if activation else None
        self._post = _ONEDNN_ACTIVATIONS[activation] if activation else "none"
        self._outputs = weight.shape[0]
        self._weight: Tensor | None = weight
        self._packed: Tensor | None = None
        self._few_products = _FEW_PRODUCTS_OF_MKL if _computes_by_mkl(weight) else _FEW_PRODUCTS
        if _can_pack(weight):
            self._packed = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), _ROWS_PACKED_FOR)
            if weight.numel() > _KEPT_WEIGHT:
                self._weight = None

    def __call__(self, states: Tensor) -> Tensor:
        """Implements ``Product``."""
        weight = self._weight
        if self._packed is None or (
            weight is not None and states.numel() * self._outputs < self._few_products
        ):
            assert weight is not None
            made = F.linear(states, weight, self._bias)
            return made if self._activation is None else self._activation(made)
        result: Tensor = torch.ops.mkldnn._linear_pointwise(
            states, self._packed, self._bias, self._post, [], "none"
        )
        return result


class Int8Product:
    """With weights in int8, and each row of the states quantized by its own largest number.

    Sums of int8 are exact, so a row gives the same result in every batch. oneDNN computes them if the states
    are unsigned. With signed ones it takes a kernel that is hundreds of times slower. Without oneDNN the
    weights are converted back, a block of outputs at a time; a row's result then depends on the others by
    rounding, as it does with floating-point weights.

    Args:
        weight: ``[outputs, inputs]``, in blocks.
        scales: ``[outputs]``, float32.
        bias: ``[outputs]``, or None.
        activation: a name in ``ACTIVATIONS``, or None.
    """

    def __init__(
        self, weight: BlockedWeight, scales: Tensor, bias: Tensor | None, activation: str | None
    ) -> None:
        self._bias = bias
        self._activation = _IN_PLACE[activation] if activation else None
        self._weight, self._scales = weight, scales
        self._packed: Tensor | None = None
        if _has_int8_kernels():
            self._packed = weight.packed()
            levels = _activation_levels()
            # tensors of the right dtype: a number would be made one at each call
            self._levels, self._zero_point = torch.tensor(float(levels)), levels + 1
            self._unsigned_zero = torch.tensor(self._zero_point, dtype=torch.uint8)
            self._zero_points = torch.zeros(len(scales), dtype=torch.int64)

    def rows(self, outputs: Tensor) -> Tensor:
        """Rows of the weight by their numbers, ``[..., inputs]``, float32."""
        return self._weight.rows(outputs).float().mul_(self._scales[outputs][..., None])

    def __call__(self, states: Tensor) -> Tensor:
        """Implements ``Product``."""
        rows = states.reshape(-1, states.shape[-1])
        made = self._dequantized(rows) if self._packed is None else self._quantized(rows)
        if self._activation is not None:
            made = self._activation(made)
        return made.view(*states.shape[:-1], -1)

    def _quantized(self, rows: Tensor) -> Tensor:
        # Every operator here is one that PyTorch vectorizes. Others take as long as the product: a norm over
        # rows, a conversion of floats to uint8, addcmul with operands that are broadcast.
        scales = rows.abs().amax(dim=1, keepdim=True).float().clamp_min_(_SMALLEST_SCALE).div_(self._levels)
        unsigned = (rows / scales).round_().to(torch.int8).view(torch.uint8).add_(self._unsigned_zero)
        assert self._packed is not None
        made = _onednn_product(unsigned, self._zero_point, self._packed, self._scales, self._zero_points)
        made = made.mul_(scales)
        if self._bias is not None:
            made = made.add_(self._bias)
        return made.to(rows.dtype)

    def _dequantized(self, rows: Tensor) -> Tensor:
        blocks = self._weight.parts(max(_BLOCK // self._weight.inputs, 1))
        made = torch.cat([F.linear(rows, block.to(rows.dtype)) for block in blocks], dim=1)
        made = made.mul_(self._scales.to(rows.dtype))
        return made if self._bias is None else made.add_(self._bias)


def _on_x86_with_onednn() -> bool:
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return False
    return bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]


def _computes_by_mkl(weight: Tensor) -> bool:
    return weight.dtype == torch.float32 and bool(torch.backends.mkl.is_available())  # type: ignore[no-untyped-call]


def _can_pack(weight: Tensor) -> bool:
    return (
        weight.device.type == "cpu"
        and _on_x86_with_onednn()
        and (
            weight.dtype == torch.float32
            or (weight.dtype == torch.bfloat16 and torch.ops.mkldnn._is_mkldnn_bf16_supported())
        )
    )


def _has_int8_kernels() -> bool:
    return _on_x86_with_onednn()


@functools.cache
def _activation_levels() -> int:
    """The largest size of a quantized activation: 127 where a sum of products is exact then.

    Processors without dot products of int8 add two products in 16 bits, which overflow. With one bit less
    they do not. Feature lists do not tell which kernels oneDNN takes, so this tries it out.
    """
    inputs, outputs = 64, 64
    packed = torch.ops.onednn.qlinear_prepack(torch.full((outputs, inputs), LEVELS, dtype=torch.int8), None)
    most = torch.full((8, inputs), 2 * LEVELS + 1, dtype=torch.uint8)
    made = _onednn_product(most, 0, packed, torch.ones(outputs), torch.zeros(outputs, dtype=torch.int64))
    exact = bool((made == (2 * LEVELS + 1) * LEVELS * inputs).all())
    return LEVELS if exact else LEVELS // 2


def _onednn_product(
    states: Tensor, zero_point: int, packed: Tensor, scales: Tensor, zero_points: Tensor
) -> Tensor:
    made: Tensor = torch.ops.onednn.qlinear_pointwise(
        states, 1.0, zero_point, packed, scales, zero_points, None, 1.0, 0, torch.float32, "none", [], ""
    )
    return made
