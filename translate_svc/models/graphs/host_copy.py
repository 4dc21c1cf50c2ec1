"""A copy from the device to the host that the host does not wait for until it needs it."""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
from torch import Tensor


class HostCopy:
    """Begins a copy of ``there`` behind the work that the device was given so far.

    Later work of the device may overwrite ``there``: the copy comes before it.
    """

    def __init__(self, there: Tensor) -> None:
        device = there.device
        if device.type == "cpu":
            self._here = there.clone()
        else:
            # torch gives a pinned block to nobody else before the device has written it
            self._here = torch.empty(there.shape, dtype=there.dtype, pin_memory=device.type == "cuda")
            self._here.copy_(there, non_blocking=True)
        self._until_here = _mark(device)

    def wait(self) -> Tensor:
        """The copy, once it has arrived. Does not wait for work that the device was given after it."""
        self._until_here()
        return self._here


def _mark(device: torch.device) -> Callable[[], None]:
    """Marks the end of the device's work so far; returns what waits until the device is there."""
    if device.type == "cpu":
        return lambda: None
    if device.type != "cuda":
        return functools.partial(torch.accelerator.synchronize, device)
    event = torch.cuda.Event()  # type: ignore[no-untyped-call]
    event.record(torch.cuda.current_stream(device))
    return event.synchronize
