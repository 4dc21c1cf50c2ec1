"""Matrix products with weights in the memory layout that the processor's kernels need.

On an x86 CPU the weights are packed once for oneDNN, which then also applies the activation. This is twice as
fast as ``F.linear`` on processors that Intel's MKL does not know, and not slower on those that it knows.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from typing import Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "gelu": F.gelu,
    "swish": F.silu,
    "silu": F.silu,
}
"""Activations by their name in ``config.json`` (checked when the configuration is read)."""

_ONEDNN_ACTIVATIONS = {"relu": "relu", "gelu": "gelu", "swish": "swish", "silu": "swish"}
_ROWS_PACKED_FOR = 16
"""oneDNN chooses a layout for a number of rows. The layout for this number works for all."""

_KEPT_WEIGHT = 1 << 18
_FEW_PRODUCTS = 1 << 20
"""Small weights are also kept unpacked: below this many multiplications per call, calling oneDNN costs more
than it saves."""


class PackedLinear:
    """``act(x W^T + b)`` with the weights of one or several layers side by side. Takes the weights
    from the layers.

    Args:
        layers: layers with the same inputs; the last dimension of the result holds their outputs one after
            another. A convolution is a layer of ``kernel * channels`` inputs, tap after tap. An embedding is
            a layer without bias.
        activation: a name in ``ACTIVATIONS``, or None.
        scale: factor on weights and biases.
        keep: the layers keep their weights. An embedding needs this if its matrix is also the output matrix.
    """

    def __init__(
        self,
        *layers: nn.Linear | nn.Conv1d | nn.Embedding,
        activation: str | None = None,
        scale: float = 1.0,
        keep: bool = False,
    ) -> None:
        weights = [_matrix(layer.weight.detach()) for layer in layers]
        weight = torch.cat(weights) if len(weights) > 1 else weights[0]
        biases = [
            layer.bias.detach()
            for layer in layers
            if not isinstance(layer, nn.Embedding) and layer.bias is not None
        ]
        self._bias = torch.cat(biases) if biases else None
        if scale != 1.0:
            weight = weight * scale
            self._bias = None if self._bias is None else self._bias * scale
        if not keep:
            for layer in layers:
                layer.register_parameter("weight", None)
                layer.register_parameter("bias", None)
        self._activation = ACTIVATIONS[activation] if activation else None
        self._post = _ONEDNN_ACTIVATIONS[activation] if activation else "none"
        self._outputs = weight.shape[0]
        self._weight: Tensor | None = weight
        self._packed: Tensor | None = None
        if _can_pack(weight):
            self._packed = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), _ROWS_PACKED_FOR)
            if weight.numel() > _KEPT_WEIGHT:
                self._weight = None

    def __call__(self, states: Tensor) -> Tensor:
        """``[..., inputs]`` -> ``[..., outputs]``."""
        weight = self._weight
        if self._packed is None or (weight is not None and states.numel() * self._outputs < _FEW_PRODUCTS):
            assert weight is not None
            made = F.linear(states, weight, self._bias)
            return made if self._activation is None else self._activation(made)
        result: Tensor = torch.ops.mkldnn._linear_pointwise(
            states, self._packed, self._bias, self._post, [], "none"
        )
        return result


def _matrix(weight: Tensor) -> Tensor:
    """Reshapes a convolution's ``[outputs, channels, kernel]`` to ``[outputs, kernel * channels]``."""
    return weight.transpose(1, 2).flatten(1) if weight.dim() == 3 else weight


def _can_pack(weight: Tensor) -> bool:
    if weight.device.type != "cpu" or platform.machine().lower() not in ("x86_64", "amd64"):
        return False
    if not (torch.backends.mkldnn.is_available()):  # type: ignore[no-untyped-call]
        return False
    return weight.dtype == torch.float32 or (
        weight.dtype == torch.bfloat16 and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    )


@runtime_checkable
class _Preparable(Protocol):
    def prepare(self) -> None: ...


def prepare(module: nn.Module) -> None:
    """Converts the weights of a loaded module to the form that it computes with. Call it once.

    Afterwards the module's ``state_dict`` lacks the converted weights.
    """
    for each in reversed(list(module.modules())):
        if isinstance(each, _Preparable):
            each.prepare()
