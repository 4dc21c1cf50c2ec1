"""What all parts share: the weights, both sides and the load."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
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
from translate_svc.engine.options import StepBudgets, default_budgets
from translate_svc.models.precision import of_dtype

_NOISE_S = 60


@dataclass(frozen=True, slots=True)
class Size:
    """Of the model and of the load.

    Attributes:
        live_slots: of the engine of live streams.
        exact_config: small enough to compare both sides in float32.
        live_longest_s: the longest utterance of live streams.
    """

    config: Callable[[], Any]
    exact_config: Callable[[], Any]
    dtype: torch.dtype
    slots: int
    live_slots: int
    static_batches: tuple[int, ...]
    live_streams: int
    live_s: float
    live_longest_s: float


def _small_config() -> Any:
    config = random_config()
    config.speech_encoder_layers = config.decoder_layers = config.t2u_encoder_layers = 2
    config.t2u_decoder_layers = 2
    return config


def tiny_config() -> Any:
    """The published vocabularies, one layer of everything."""
    stacks = ("speech_encoder_", "encoder_", "decoder_", "t2u_encoder_", "t2u_decoder_")
    layers = {f"{stack}layers": 1 for stack in stacks}
    heads = {f"{stack}attention_heads": 2 for stack in stacks}
    inner = {f"{stack}ffn_dim": 64 for stack in stacks if stack != "speech_encoder_"}
    return transformers.SeamlessM4Tv2Config(
        hidden_size=32,
        speech_encoder_intermediate_size=64,
        t2u_variance_predictor_embed_dim=32,
        t2u_variance_predictor_hidden_dim=16,
        unit_embed_dim=32,
        lang_embed_dim=8,
        spkr_embed_dim=8,
        upsample_initial_channel=32,
        **layers,
        **heads,
        **inner,
    )


_published = transformers.SeamlessM4Tv2Config
SIZES = {
    "full": Size(_published, _small_config, torch.bfloat16, 64, 256, (8, 16, 32), 256, 30.0, 15.0),
    "small": Size(tiny_config, tiny_config, torch.float32, 4, 4, (2, 4), 2, 4.0, 2.5),
}


class Bench:
    """Weights and sides are made when they are first asked for, and kept. ``budgets``: the device's own."""

    def __init__(self, folder: Path, size: Size, device: str) -> None:
        transformers.utils.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
        self.size = size
        self.device = device
        self.clock = StageClock()
        self._folder = folder
        self.budgets = default_budgets(device)
        self._live: dict[StepBudgets, Engine] = {}

    def machine(self) -> dict[str, Any]:
        """What the figures were measured on."""
        if not self.device.startswith("cuda"):
            return machine()
        return machine() | {"card": torch.cuda.get_device_name(self.device), "cuda": torch.version.cuda}

    @cached_property
    def checkpoint(self) -> Path:
        """Of the size that is measured."""
        return self._built("sized", self.size.config(), self.size.dtype)

    @cached_property
    def exact_checkpoint(self) -> Path:
        """Small enough that one and the other side can be compared in float32 in seconds."""
        return self._built("exact", self.size.exact_config(), torch.float16)

    @cached_property
    def engine(self) -> Engine:
        """Ours, with a slot for every utterance in flight."""
        return self.engine_of(self.checkpoint, self.size.slots, self.size.dtype)

    @cached_property
    def peer(self) -> Peer:
        """transformers', in the same dtype on the same device."""
        return Peer(self.checkpoint, device=self.device, dtype=self.size.dtype)

    def live_engine(self, budgets: StepBudgets) -> Engine:
        """Ours for live streams, kept: the runs with the same budgets share it."""
        if budgets not in self._live:
            self._live.clear()  # two do not fit beside each other on a small card
            slots = self.size.live_slots
            self._live[budgets] = self.engine_of(self.checkpoint, slots, self.size.dtype, budgets=budgets)
        return self._live[budgets]

    def engine_of(
        self,
        folder: Path,
        slots: int,
        dtype: torch.dtype,
        *,
        graphs: bool = True,
        budgets: StepBudgets | None = None,
    ) -> Engine:
        """Another one of ours. ``budgets``: of a step; by default those of the device."""
        return Engine(
            folder,
            slots=slots,
            precision=of_dtype(dtype),
            device=self.device,
            graphs=graphs,
            budgets=budgets or self.budgets,
            on_step=self.clock.record_step,
        )

    def _built(self, name: str, config: Any, dtype: torch.dtype) -> Path:
        # other devices than CPUs and GPUs draw no random numbers
        device = self.device if self.device.startswith("cuda") else "cpu"
        return build_random_checkpoint(self._folder / name, config, device=device, dtype=dtype)

    def load(self, count: int) -> list[Utterance]:
        """Noise of 1.5 to 15 s: what it says does not matter to weights that have learnt nothing."""
        return forced(noise(_NOISE_S), count)


@contextlib.contextmanager
def without_tf32() -> Iterator[None]:
    """float32 is float32 inside: else products and convolutions of a GPU may round their operands."""
    backends: tuple[Any, ...] = (torch.backends.cudnn, torch.backends.cuda.matmul)
    before = [each.allow_tf32 for each in backends]
    for each in backends:
        each.allow_tf32 = False
    try:
        yield
    finally:
        for each, allowed in zip(backends, before, strict=True):
            each.allow_tf32 = allowed
