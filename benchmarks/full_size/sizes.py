"""The model and the load that are measured, and whether this machine has room for them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers

from benchmarks.gpu.bench import SIZES as GPU_SIZES
from benchmarks.throughput.random_checkpoint import build_random_checkpoint
from translate_svc.memory_limits import memory_to_hold
from translate_svc.models.limits import ModelLimits
from translate_svc.models.precision import PRECISIONS
from translate_svc.models.seamless.config import ModelConfig
from translate_svc.models.seamless.memory import memory_estimate

_GB = 1e9
_SPARE_BYTES = 500_000_000
"""Beside what the processes need: this one."""


@dataclass(frozen=True, slots=True)
class Size:
    """Of the model and of the load.

    Attributes:
        config: makes the configuration, transformers' kind.
        slots: utterances in flight.
        utterances: of the load, 1.5 s to ``longest_s`` each.
        longest_s: so short that transformers ends in minutes.
        static_batches: of transformers, beside one by one.
        one_s: length of the utterance that is translated alone.
    """

    config: Callable[[], Any]
    slots: int = 8
    utterances: int = 8
    longest_s: float = 7.0
    static_batches: tuple[int, ...] = (4, 8)
    one_s: float = 5.0


SIZES = {
    "full": Size(transformers.SeamlessM4Tv2Config),
    "small": Size(GPU_SIZES["small"].config, slots=4, utterances=3, static_batches=(3,), one_s=2.0),
}


def checkpoint(folder: Path, size: Size) -> Path:
    """The checkpoint with random weights in ``folder``, which is made where it is missing.

    Raises:
        RuntimeError: the disk has no room for it.
    """
    if (folder / "config.json").exists() and list(folder.glob("*.safetensors")):
        return folder
    needed = _parameters(size) * torch.bfloat16.itemsize * 1.1
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise RuntimeError(f"the weights take {needed / _GB:.1f} GB of disk, {free / _GB:.1f} GB are free")
    return build_random_checkpoint(folder, size.config(), dtype=torch.bfloat16)


def processor_features() -> list[str]:
    """What of the processor matters to the speed of a product."""
    return sorted(name for name, has in torch.cpu.get_capabilities().items() if has is True)


def shortage(size: Size, *, ours: tuple[str, ...] = (), peers: tuple[str, ...] = ()) -> str:
    """Why such processes cannot run beside one another; empty if they can.

    Args:
        size: of the model and the load.
        ours: precisions of our processes.
        peers: those of transformers.
    """
    config = ModelConfig.from_mapping(size.config().to_dict(), path=Path("config.json"))
    limits = ModelLimits(
        max_slots=size.slots, max_slot_tokens=256, max_source_samples=480_000, max_source_tokens=256
    )
    needed = sum(memory_estimate(config, limits, PRECISIONS[dtype], "cpu").total for dtype in ours)
    needed += sum(int(_parameters(size) * getattr(torch, dtype).itemsize * 1.25) for dtype in peers)
    free = memory_to_hold()
    if free is None or needed + _SPARE_BYTES <= free.limit_bytes - free.used_bytes:
        return ""
    sides = [f"ours in {each}" for each in ours] + [f"transformers in {each}" for each in peers]
    given = (free.limit_bytes - free.used_bytes) / _GB
    return f"{' and '.join(sides)}: {needed / _GB:.1f} GB are needed, {free.limit} has {given:.1f} GB"


def _parameters(size: Size) -> int:
    with torch.device("meta"):
        return sum(each.numel() for each in transformers.SeamlessM4Tv2Model(size.config()).parameters())
