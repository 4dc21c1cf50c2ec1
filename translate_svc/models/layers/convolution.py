"""One-dimensional convolutions, computed as two-dimensional ones of height 1 with channels-last layout.

On a CPU this takes half the time of ``Conv1d``, whose layout oneDNN converts back and forth. (oneDNN's
pre-packed weights with fused activations gave no further gain.)
"""

# mypy: disable-error-code="no-any-return"
# (calling an nn.Module gives Any)

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def _channels_innermost(conv: nn.Module, incompatible_keys: object) -> None:
    """Runs after loading. The weight keeps its shape and gets the memory layout of channels-last."""
    weight = conv.weight
    assert isinstance(weight, nn.Parameter)
    lying = weight.detach().transpose(1, 2).contiguous().transpose(1, 2)
    conv.weight = nn.Parameter(lying, requires_grad=weight.requires_grad)


class Convolution(nn.Conv1d):
    """``nn.Conv1d`` over ``[B, C, 1, T]`` in channels-last. Keeps the length. ``causal``: each output uses
    only its own frame and earlier ones.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        dilation: int = 1,
        *,
        groups: int = 1,
        bias: bool = True,
        causal: bool = False,
    ) -> None:
        padding = 0 if causal else (kernel - 1) * dilation // 2
        super().__init__(
            inputs, outputs, kernel, dilation=dilation, padding=padding, groups=groups, bias=bias
        )
        self._left = (kernel - 1) * dilation if causal else 0
        self.register_load_state_dict_post_hook(_channels_innermost)  # type: ignore[no-untyped-call]

    def over_time(self, states: Tensor) -> Tensor:
        """``[B, T, C]`` -> ``[B, T, outputs]``. In memory this already is the channels-last layout."""
        return self(states.transpose(1, 2)[:, :, None]).squeeze(2).transpose(1, 2)

    def forward(self, states: Tensor) -> Tensor:
        """``[B, C, 1, T]`` -> ``[B, outputs, 1, T]`` if the padding keeps the length.

        Computes in the weight's dtype and returns that of ``states``.
        """
        if states.dtype != self.weight.dtype:
            return self(states.to(self.weight.dtype)).to(states.dtype)
        if self._left:
            states = F.pad(states, (self._left, 0))
        weight, padding, dilation = self.weight[:, :, None], (0, int(self.padding[0])), (1, self.dilation[0])
        if _onednn_computes(states):
            # F.conv2d gives small inputs to a kernel that is ten times slower
            return torch.mkldnn_convolution(states, weight, self.bias, padding, (1, 1), dilation, self.groups)
        return F.conv2d(states, weight, self.bias, padding=padding, dilation=dilation, groups=self.groups)


def _onednn_computes(states: Tensor) -> bool:
    if states.device.type != "cpu" or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    if states.dtype == torch.bfloat16:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return states.dtype == torch.float32


class Upsampling(nn.ConvTranspose1d):
    """``nn.ConvTranspose1d`` over ``[B, C, 1, T]`` in channels-last."""

    def __init__(self, inputs: int, outputs: int, kernel: int, rate: int) -> None:
        super().__init__(inputs, outputs, kernel, stride=rate, padding=(kernel - rate) // 2)
        self.register_load_state_dict_post_hook(_channels_innermost)  # type: ignore[no-untyped-call]

    def forward(self, states: Tensor, output_size: list[int] | None = None) -> Tensor:
        """``[B, C, 1, T]`` -> ``[B, outputs, 1, T * rate]``."""
        return F.conv_transpose2d(
            states,
            self.weight[:, :, None],
            self.bias,
            stride=(1, self.stride[0]),
            padding=(0, int(self.padding[0])),
        )
