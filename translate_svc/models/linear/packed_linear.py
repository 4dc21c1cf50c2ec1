"""Matrix products with weights in the memory layout that the processor's kernels need.

On an x86 CPU the weights are packed once for oneDNN, which then also applies the activation. This is twice as
fast as ``F.linear`` on processors that Intel's MKL does not know, and not slower on those that it knows.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from translate_svc.models.linear.blocked import BlockedWeight
from translate_svc.models.linear.products import FloatProduct, Int8Product, Product


class PackedLinear:
    """``act(x W^T + b)`` with the weights of one or several layers side by side. Takes the weights
    from the layers. If these are on the meta device, it has no weights until ``fill``.

    Args:
        layers: layers with the same inputs; the last dimension of the result holds their outputs one after
            another. A convolution is a layer of ``kernel * channels`` inputs, tap after tap. An embedding is
            a layer without bias.
        activation: a name in ``ACTIVATIONS``, or None.
        scale: factor on weights and biases.
        keep: the weights stay as they are, too, if they are floating-point, and ``rows`` reads them. An
            embedding needs this if its matrix is also the output matrix.

    Attributes:
        int8_weight: the weights, if they are int8.
        int8_scales: of the same, by output.
    """

    def __init__(
        self,
        *layers: nn.Linear | nn.Conv1d | nn.Embedding,
        activation: str | None = None,
        scale: float = 1.0,
        keep: bool = False,
    ) -> None:
        weight = _joined([_matrix(layer.weight.detach()) for layer in layers])
        bias = _bias(layers)
        bias = None if bias is None else bias * scale
        self._shape, self._bias, self._activation, self._scale = weight.shape, bias, activation, scale
        self._product: Product | None = None
        self.int8_weight: BlockedWeight | None = None
        if weight.dtype == torch.int8:
            scales = _joined([layer.get_buffer("weight_scale") for layer in layers])
            self._take(BlockedWeight.of(weight), scales * scale)
        elif not weight.is_meta:
            self._product = FloatProduct(weight * scale if scale != 1.0 else weight, bias, activation)
            if keep:
                self._rows: Callable[[Tensor], Tensor] = functools.partial(F.embedding, weight=weight)
                return
        for layer in layers:
            layer.register_parameter("weight", None)
            layer.register_parameter("bias", None)
            layer.register_buffer("weight_scale", None)

    @property
    def is_hollow(self) -> bool:
        """Whether its layers had no weights: ``fill`` must be called."""
        return self._product is None

    def fill(self, blocks: Tensor, scales: Tensor) -> None:
        """Takes what another one made of the same layers had as ``int8_weight.data`` and ``int8_scales``."""
        outputs, inputs = self._shape
        if len(blocks) != BlockedWeight.size((outputs, inputs)) or len(scales) != outputs:
            raise ValueError(f"the weights are not of {outputs} outputs and {inputs} inputs")
        self._take(BlockedWeight((outputs, inputs), blocks), scales)

    def _take(self, weight: BlockedWeight, scales: Tensor) -> None:
        made = Int8Product(weight, scales, self._bias, self._activation)
        self._product, self._rows = made, made.rows
        self.int8_weight, self.int8_scales = weight, scales

    def __call__(self, states: Tensor) -> Tensor:
        """``[..., inputs]`` -> ``[..., outputs]``."""
        assert self._product is not None
        return self._product(states)

    def rows(self, outputs: Tensor) -> Tensor:
        """Rows of the matrix by their numbers, ``[..., inputs]``, of an embedding."""
        return self._rows(outputs)


def _bias(layers: Sequence[nn.Linear | nn.Conv1d | nn.Embedding]) -> Tensor | None:
    """Of all outputs; zero for a layer without bias. None if no layer has one."""
    own = [None if isinstance(layer, nn.Embedding) else layer.bias for layer in layers]
    some = next((bias for bias in own if bias is not None), None)
    if some is None:
        return None
    sized = zip(own, layers, strict=True)
    return _joined(
        [some.new_zeros(len(layer.weight)) if bias is None else bias.detach() for bias, layer in sized]
    )


def _joined(parts: list[Tensor]) -> Tensor:
    return torch.cat(parts) if len(parts) > 1 else parts[0]


def _matrix(weight: Tensor) -> Tensor:
    """Reshapes a convolution's ``[outputs, channels, kernel]`` to ``[outputs, kernel * channels]``."""
    return weight.transpose(1, 2).flatten(1) if weight.dim() == 3 else weight


@runtime_checkable
class _Preparable(Protocol):
    def prepare(self) -> None: ...


def prepare(module: nn.Module) -> None:
    """Converts the weights of a loaded module to the form that it computes with. Call it once.

    Afterwards the module's ``state_dict`` lacks the converted weights.
    """
    for each in reversed(list(module.modules())):
        prepare_alone(each)


def prepare_alone(module: nn.Module) -> None:
    """As ``prepare``, without the modules inside, which must have been prepared."""
    if isinstance(module, _Preparable):
        module.prepare()
