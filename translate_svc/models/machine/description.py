"""What of this machine decides how fast a model runs, in words for people."""

from __future__ import annotations

import torch

_FEATURES = {
    "avx2": "AVX2",
    "avx512_f": "AVX-512",
    "avx512_vnni": "VNNI",
    "avx512_bf16": "AVX-512 BF16",
    "amx_int8": "AMX int8",
    "amx_bf16": "AMX BF16",
}
"""PyTorch's names, and those that people know."""


def processor_features() -> list[str]:
    """The instructions of the processor that matter, by their usual names."""
    has = torch.cpu.get_capabilities()
    return [name for key, name in _FEATURES.items() if has.get(key)]


def compute_threads() -> int:
    """Number of threads that an operation on the CPU uses."""
    return torch.get_num_threads()


def gpus() -> list[str]:
    """Name, memory and compute capability of each GPU that PyTorch can use."""
    found = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
    return [
        f"{gpu.name}, {gpu.total_memory / 1e9:.0f} GB, compute capability {gpu.major}.{gpu.minor}"
        for gpu in found
    ]


def free_gpu_bytes(device: str) -> int:
    """Memory of a CUDA device that no process has taken."""
    free_bytes, _ = torch.cuda.mem_get_info(device)
    return free_bytes
