"""A causal depthwise convolution over time, in several ways: which is fastest is the device's affair."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from translate_svc.models.isolation import as_device_loss, is_device_loss
from translate_svc.models.layers.convolution import Convolution

Way = Callable[[Convolution, Tensor], Tensor]
"""Maps a convolution without bias, and ``[B, T, C]``, to ``[B, T, C]``."""

_WARM_UP_RUNS, _RUNS = 2, 10


def channels_last(conv: Convolution, states: Tensor) -> Tensor:
    """A convolution of the layout that the states have. The only way on a CPU."""
    return conv.over_time(states)


def channels_first(conv: Convolution, states: Tensor) -> Tensor:
    """A convolution after a transposition, for which libraries have other kernels."""
    lying = F.pad(states.transpose(1, 2), (conv.kernel_size[0] - 1, 0))
    return F.conv1d(lying.contiguous(), conv.weight.contiguous(), groups=conv.groups).transpose(1, 2)


def products(conv: Convolution, states: Tensor) -> Tensor:
    """Windows of the states times the taps."""
    taps = conv.kernel_size[0]
    windows = F.pad(states, (0, 0, taps - 1, 0)).unfold(1, taps, 1)
    return torch.einsum("btck,ck->btc", windows, conv.weight[:, 0])


WAYS: dict[str, Way] = {
    "channels last": channels_last,
    "channels first": channels_first,
    "products": products,
}


def fastest_way(conv: Convolution, states: Tensor, clock: Callable[[], float] = time.perf_counter) -> str:
    """The name of the way that takes the least time for ``states``, on an accelerator.

    A way that raises is left out.

    Raises:
        DeviceLost: the device's context is lost.
    """
    times_s: dict[str, float] = {}
    for name, way in WAYS.items():
        try:
            times_s[name] = _seconds(functools.partial(way, conv, states), states.device, clock)
        except RuntimeError as error:
            if is_device_loss(error):
                raise as_device_loss(error) from error
    return min(times_s, key=times_s.__getitem__, default="channels last")


def _seconds(run: Callable[[], Tensor], device: torch.device, clock: Callable[[], float]) -> float:
    for _ in range(_WARM_UP_RUNS):
        run()
    torch.accelerator.synchronize(device)
    started_s = clock()
    for _ in range(_RUNS):
        run()
    torch.accelerator.synchronize(device)
    return clock() - started_s
