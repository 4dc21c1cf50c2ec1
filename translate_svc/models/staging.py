"""Copies between the host and a device. One of pageable memory would wait, and pass through a buffer.

On CUDA both go through pinned memory. PyTorch keeps freed blocks of it, and gives one out again only when the
device has read it: a ring without code of ours.
"""

from __future__ import annotations

import torch
from torch import Tensor


def to_device(values: Tensor, device: torch.device) -> Tensor:
    """A copy of ``values``, which are on the host. Waits for nothing."""
    return staged(values, device).to(device, non_blocking=True)


def staged(values: Tensor, device: torch.device) -> Tensor:
    """``values`` where ``device`` reads them without a wait: as they are, or a pinned copy."""
    return values.pin_memory() if device.type == "cuda" else values


def to_host(there: Tensor) -> Tensor:
    """``there`` on the host. Waits for the work of its stream, and for no other."""
    if there.device.type != "cuda":
        return there.cpu()
    held = torch.empty(there.shape, dtype=there.dtype, pin_memory=True)
    held.copy_(there, non_blocking=True)
    torch.cuda.current_stream(there.device).synchronize()
    return held
