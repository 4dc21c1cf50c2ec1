"""Part F: memory that runs out and a lost context, each in a process of its own; precision by stage.

``python -m benchmarks.gpu.first.faults NAME`` is such a process. It ends as the engine would.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.gpu.bench import without_tf32
from benchmarks.gpu.first import kernels
from benchmarks.gpu.first.place import Place
from benchmarks.gpu.first.probes import LeftOut, Recorder
from translate_svc.errors import DeviceLost, EngineError
from translate_svc.models.isolation import is_device_loss, run_isolated
from translate_svc.models.linear.packed_linear import prepare
from translate_svc.models.seamless.vocoder.vocoder import Vocoder
from translate_svc.models.seamless.vocoder.window import Window

_EXIT_LOST = 3
_CHILD_S = 120
_FRACTION = 0.05
_ROWS = 8


def probes(place: Place) -> dict[str, Callable[[], dict[str, Any]]]:
    """Each fault, then the precision of the vocoder."""
    children = {f"fault: {name}": (lambda name=name: _child(place, name)) for name in FAULTS}
    return children | {"vocoder, TF32 and bfloat16": lambda: vocoder_precision(place)}


def vocoder_precision(place: Place) -> dict[str, Any]:
    """The worst sample of a window of random weights against float32 without TF32; samples are at most 1."""
    window = Window.of(32, place.config)
    rows = torch.from_numpy(np.stack([window.row(np.arange(96) % 50, 32, 0, 0)] * 2)).to(place.device)
    vocoder, half = (_random_vocoder(place, dtype) for dtype in (torch.float32, torch.bfloat16))
    with torch.inference_mode():
        with without_tf32():
            exact = vocoder.windowed(rows, window).cpu()
        tf32 = vocoder.windowed(rows, window).cpu()
        rounded = half.windowed(rows, window).float().cpu()
        many = rows[:1].expand(_ROWS, *rows.shape[1:]).contiguous()
        times = {
            # eagerly its hundreds of launches would be timed
            f"{name}, {_ROWS} rows as a graph, ms": place.first_and_median_ms(
                place.capturer(lambda each=each: each.windowed(many, window))  # type: ignore[misc]
            )
            for name, each in (("TF32", vocoder), ("bfloat16", half))
        }
    return {
        "largest sample": float(exact.abs().max()),
        "TF32, worst difference": float((tf32 - exact).abs().max()),
        "bfloat16, worst difference": float((rounded - exact).abs().max()),
        **times,
    }


def _random_vocoder(place: Place, dtype: torch.dtype) -> Vocoder:
    torch.manual_seed(0)
    vocoder = Vocoder(place.config).requires_grad_(False)
    for parameter in vocoder.parameters():
        parameter.normal_(std=0.05)
    vocoder.to(dtype)
    vocoder.load_state_dict(vocoder.state_dict())
    vocoder.to(place.device).eval()
    prepare(vocoder)
    return vocoder


def _child(place: Place, name: str) -> dict[str, Any]:
    if not place.is_cuda and name not in _ANYWHERE:
        raise LeftOut(f"{name} needs a CUDA device")
    command = [sys.executable, "-m", "benchmarks.gpu.first.faults", name, place.name]
    seconds = min(_CHILD_S, max(1.0, place.recorder.left_s))
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    said = done.stdout.strip().splitlines()
    figures: dict[str, Any] = {"exit code": done.returncode}
    return figures | (json.loads(said[-1]) if said else {"said": done.stderr[-2000:]})


def item_error(device: str) -> dict[str, Any]:
    """One of four items raises: the others have results."""

    def batch(items: Any) -> list[float]:
        if 2 in items:
            raise ValueError("an item that cannot be computed")
        return [float(torch.ones(4, device=device).sum().cpu()) for _ in items]

    made = run_isolated([0, 1, 2, 3], batch, lambda: None)
    return {"failed": [index for index, each in enumerate(made) if isinstance(each, EngineError)]}


def out_of_memory(device: str) -> dict[str, Any]:
    """A batch that does not fit is halved until it does; one that never fits fails alone."""
    torch.cuda.set_per_process_memory_fraction(_FRACTION, torch.device(device).index or 0)
    total = torch.cuda.get_device_properties(device).total_memory
    each_bytes = int(total * _FRACTION * 0.4)
    freed: list[int] = []

    def batch(items: Any) -> list[int]:
        held = [torch.empty(size, dtype=torch.uint8, device=device) for size in items]
        return [int(tensor.numel()) for tensor in held]

    def free() -> None:
        freed.append(1)
        torch.accelerator.empty_cache()

    sizes = [each_bytes, each_bytes, each_bytes, 8 * each_bytes]
    made = run_isolated(sizes, batch, free)
    failed = [index for index, each in enumerate(made) if isinstance(each, EngineError)]
    return {"failed": failed, "memory freed": len(freed)}


def device_assert(device: str) -> dict[str, Any]:
    """An index outside a table: the context is lost, and is known to be. The process ends with 3."""

    def batch(items: Any) -> list[float]:
        table, index = torch.zeros(2, device=device), torch.tensor([1 << 20], device=device)
        return [float(table[index].cpu())] * len(items)

    try:
        run_isolated([0], batch, lambda: None)
    except DeviceLost as lost:
        return {"lost": str(lost), "sticky": _still_lost(device), "exit": _EXIT_LOST}
    return {"lost": None}


def _still_lost(device: str) -> bool:
    try:
        torch.zeros(1, device=device).cpu()
    except RuntimeError as error:
        return is_device_loss(error)
    return False


def cudnn_attention(device: str) -> dict[str, Any]:
    """Attention with cuDNN's kernels allowed, to compare with part A. They may lose the context."""
    with tempfile.TemporaryDirectory() as folder:
        place = Place(device, "full", Path(folder), Recorder(Path(folder)))
        return kernels.new_shapes(place, cudnn=True)


FAULTS: dict[str, Callable[[str], dict[str, Any]]] = {
    "item error": item_error,
    "out of memory": out_of_memory,
    "device assert": device_assert,
    "attention of cuDNN": cudnn_attention,
}
_ANYWHERE = {"item error"}


def main() -> None:
    """The child process."""
    name, device = sys.argv[1:]
    if device == "standin":
        device = "cpu"
    made = FAULTS[name](device)
    code = made.pop("exit", 0)
    print(json.dumps(made), flush=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
