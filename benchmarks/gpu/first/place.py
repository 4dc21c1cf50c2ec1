"""Where the probes run and how large things are there."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu.bench import SIZES, Bench
from benchmarks.gpu.first.probes import LeftOut, Recorder
from translate_svc.engine.options import EngineLimits
from translate_svc.models.checkpoint.checkpoint import Checkpoint
from translate_svc.models.graphs.cuda_graphs import GraphCapturer, graph_capturer
from translate_svc.models.precision import of_dtype
from translate_svc.models.seamless.config import ModelConfig
from translate_svc.models.seamless.seamless_model import SeamlessModel


@dataclass(frozen=True, slots=True)
class Shapes:
    """What is tried. ``encoder``: sources and seconds; ``texts``: texts and tokens; ``pieces``: pieces and
    units; ``lengths``: frames of new shapes; ``products``: rows, inputs, outputs.
    """

    slots: int
    rows: tuple[int, ...]
    encoder: tuple[tuple[int, float], ...]
    texts: tuple[tuple[int, int], ...]
    pieces: tuple[tuple[int, int], ...]
    lengths: tuple[int, ...]
    products: tuple[tuple[int, int, int], ...]
    read_bytes: int
    repeats: int
    streams: tuple[int, ...]
    live_s: float


SHAPES = {
    "full": Shapes(
        slots=256,
        rows=(8, 64, 256),
        encoder=tuple((count, seconds) for seconds in (2.0, 5.0, 15.0) for count in (1, 8, 32)),
        texts=tuple((count, tokens) for count in (1, 4, 8) for tokens in (16, 64)),
        pieces=tuple((count, units) for count in (1, 8) for units in (25, 50, 100)),
        lengths=(64, 128, 192, 256, 320, 384, 512, 640),
        products=((64, 1024, 8192), (512, 1024, 4096), (4096, 1024, 4096), (16384, 4096, 4096)),
        read_bytes=1 << 30,
        repeats=20,
        streams=(256, 512),
        live_s=12.0,
    ),
    "small": Shapes(
        slots=4,
        rows=(2, 4),
        encoder=((1, 0.5), (2, 0.7)),
        texts=((2, 4),),
        pieces=((1, 8), (2, 8)),
        lengths=(8, 16),
        products=((4, 32, 64),),
        read_bytes=1 << 16,
        repeats=2,
        streams=(1,),
        live_s=2.1,
    ),
}


class _FewRuns:
    """A ``GraphCapturer`` that runs the work again. It refuses after a few: all of them take a minute."""

    def __init__(self) -> None:
        self._left = 12

    def __call__(self, function: Callable[[], torch.Tensor]) -> Callable[[], torch.Tensor]:
        if not self._left:
            raise RuntimeError("without a GPU only a few captures are tried")
        self._left -= 1
        return function


class Place:
    """A device, a size, and what several probes share. ``folder``: for weights, removed afterwards."""

    def __init__(self, device: str, size: str, folder: Path, recorder: Recorder) -> None:
        self.name, self.size, self.folder, self.recorder = device, size, folder, recorder
        self.device = torch.device(device)
        self.shapes = SHAPES[size]
        self.dtype = SIZES[size].dtype
        self.bench = Bench(folder, SIZES[size], device)
        self.at_end = contextlib.ExitStack()
        """Closed when the last probe has ended, also by an error."""

    @property
    def is_cuda(self) -> bool:
        """Whether the device is a GPU of NVIDIA's."""
        return self.device.type == "cuda"

    def need_cuda(self, why: str) -> None:
        """Raises LeftOut on any other device."""
        if not self.is_cuda:
            raise LeftOut(f"{why} needs a CUDA device")

    @cached_property
    def config(self) -> ModelConfig:
        """Of the model that is measured."""
        return ModelConfig.from_mapping(SIZES[self.size].config().to_dict(), path=self.folder)

    @cached_property
    def model(self) -> SeamlessModel:
        """Loaded from random weights, with its caches; nothing is captured."""
        limits = EngineLimits(max_slots=self.shapes.slots).model_limits
        checkpoint = Checkpoint.open(self.bench.checkpoint)
        return SeamlessModel(checkpoint, limits, device=self.device, precision=of_dtype(self.dtype))

    @property
    def capturer(self) -> GraphCapturer:
        """Of CUDA graphs. Without a GPU one that tries the code."""
        return graph_capturer(self.device) or _FewRuns()

    def normal(self, *shape: int, dtype: torch.dtype | None = None) -> torch.Tensor:
        """Random numbers on the device, always the same."""
        generator = torch.Generator().manual_seed(0)
        return torch.randn(shape, generator=generator).to(self.device, dtype or self.dtype)

    def synchronize(self) -> None:
        """Waits for the device."""
        if self.device.type != "cpu":
            torch.accelerator.synchronize(self.device)

    def seconds(self, run: Callable[[], object]) -> float:
        """Of one call, until the device is done."""
        self.synchronize()
        started_s = time.perf_counter()
        run()
        self.synchronize()
        return time.perf_counter() - started_s

    def first_and_median_ms(self, run: Callable[[], object]) -> dict[str, float]:
        """Of the first call, which may have to prepare something, and of those after it."""
        first = self.seconds(run)
        again = sorted(self.seconds(run) for _ in range(self.shapes.repeats))
        return {"first": round(1000 * first, 3), "median": round(1000 * again[len(again) // 2], 4)}

    def memory(self) -> dict[str, Any]:
        """Gibibytes on the GPU; nothing elsewhere."""
        if not self.is_cuda:
            return {}
        free, total = torch.cuda.mem_get_info(self.device)
        in_use, kept = torch.cuda.memory_allocated(self.device), torch.cuda.memory_reserved(self.device)
        sizes = {"allocated": in_use, "reserved": kept, "free": free, "total": total}
        return {f"{name}, GiB": round(size / 2**30, 2) for name, size in sizes.items()}


@contextlib.contextmanager
def entered(device: str) -> Iterator[None]:
    """The stand-in exists while it is entered. Other devices need nothing."""
    if device != "standin":
        yield
        return
    from tests.fakes.standin import stand_in

    with stand_in():
        yield
