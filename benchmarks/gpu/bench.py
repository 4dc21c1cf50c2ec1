"""What all parts share: the weights, both sides and the load."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
import transformers

from benchmarks.stages.clock import StageClock
from benchmarks.throughput.engine import Engine
from benchmarks.throughput.measure import machine
from benchmarks.throughput.peer import Peer
from benchmarks.throughput.random_checkpoint import build_random_checkpoint, random_config
from benchmarks.throughput.utterance import Utterance, forced, noise
from translate_svc.models.precision import of_dtype

_NOISE_S = 60


@dataclass(frozen=True, slots=True)
class Size:
    """Of the model and of the load."""

    config: Callable[[], Any]
    dtype: torch.dtype
    slots: int
    static_batches: tuple[int, ...]
    live_streams: int
    live_s: float


def _small_config() -> Any:
    config = random_config()
    config.speech_encoder_layers = config.decoder_layers = config.t2u_encoder_layers = 2
    config.t2u_decoder_layers = 2
    return config


SIZES = {
    "full": Size(transformers.SeamlessM4Tv2Config, torch.bfloat16, 64, (8, 16, 32), 256, 30.0),
    "small": Size(_small_config, torch.float32, 4, (2, 4), 2, 4.0),
}


class Bench:
    """Weights and sides are made when they are first asked for, and kept."""

    def __init__(self, folder: Path, size: Size, device: str) -> None:
        transformers.utils.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
        self.size = size
        self.device = device
        self.clock = StageClock()
        self._folder = folder

    def machine(self) -> dict[str, Any]:
        """What the figures were measured on."""
        if not self.device.startswith("cuda"):
            return machine()
        return machine() | {"card": torch.cuda.get_device_name(self.device), "cuda": torch.version.cuda}

    @cached_property
    def checkpoint(self) -> Path:
        """Of the size that is measured."""
        config, dtype = self.size.config(), self.size.dtype
        return build_random_checkpoint(self._folder / "sized", config, device=self.device, dtype=dtype)

    @cached_property
    def exact_checkpoint(self) -> Path:
        """Small enough that one and the other side can be compared in float32 in seconds."""
        return build_random_checkpoint(self._folder / "exact", _small_config(), device=self.device)

    @cached_property
    def engine(self) -> Engine:
        """Ours, with a slot for every utterance in flight."""
        return self.engine_of(self.checkpoint, self.size.slots, self.size.dtype)

    @cached_property
    def peer(self) -> Peer:
        """transformers', in the same dtype on the same device."""
        return Peer(self.checkpoint, device=self.device, dtype=self.size.dtype)

    def engine_of(self, folder: Path, slots: int, dtype: torch.dtype, *, graphs: bool = True) -> Engine:
        """Another one of ours."""
        return Engine(
            folder,
            slots=slots,
            precision=of_dtype(dtype),
            device=self.device,
            graphs=graphs,
            on_step=self.clock.record_step,
        )

    def load(self, count: int) -> list[Utterance]:
        """Noise of 1.5 to 15 s: what it says does not matter to weights that have learnt nothing."""
        return forced(noise(_NOISE_S), count)
