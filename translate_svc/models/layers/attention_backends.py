"""Which of torch's kernels compute attention."""

from __future__ import annotations

import torch


def choose_attention_backends(device: torch.device) -> None:
    """Switches cuDNN's attention off for this process, on CUDA.

    From torch 2.11 on it is preferred on sm_90. It builds a plan for each new shape, which takes up to half a
    second, and most shapes here are free: each batch of the encoder, each prefill, each eager decode step.
    The flash and the memory-efficient kernels need no plan.
    """
    if device.type == "cuda":
        torch.backends.cuda.enable_cudnn_sdp(False)
