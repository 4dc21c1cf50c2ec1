"""``make full-size``: what the published size takes and does on this computer, with random weights.

Makes the weights itself (4.6 GB in bfloat16, kept in build/full-size) and compares with transformers in its
best dtype and batch on this machine. Each side is a process of its own, and both take turns. Lengths are
forced: 4 tokens and 48 units a second of source. What does not fit into memory or time is left out, and the
output says so. Writes benchmarks/results/full_size.json and prints tables.

``--size small`` shows in a few minutes that the command runs; its figures mean nothing.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from benchmarks.full_size import parts
from benchmarks.full_size.parts import Bench, Figures
from benchmarks.full_size.sizes import SIZES, Size, checkpoint, processor_features
from benchmarks.throughput.checkpoints import quiet
from benchmarks.throughput.measure import machine, markdown

_ROOT = Path(__file__).parents[2]
_RESULT = _ROOT / "benchmarks" / "results" / "full_size.json"
_PARTS: dict[str, Callable[[Bench, str], Figures]] = {
    "start": parts.start,
    "precisions": parts.precisions,
    "throughput": parts.throughput,
    "live": parts.live,
}


def measure(bench: Bench, names: list[str], seconds: float) -> Iterator[tuple[str, str, Figures]]:
    """Each part in each of our precisions, as it is measured: its name, the precision, figures.

    ``seconds``: no part is begun later than that.
    """
    started_s = time.monotonic()
    for name in names:
        for dtype in bench.dtypes:
            late = time.monotonic() - started_s > seconds
            yield name, dtype, "no time is left" if late else _PARTS[name](bench, dtype)


def main() -> None:
    arguments = _arguments()
    quiet()
    size = SIZES[arguments.size]
    size = dataclasses.replace(size, utterances=arguments.utterances or size.utterances)
    try:
        folder = checkpoint(arguments.checkpoint or _ROOT / "build" / "full-size" / arguments.size, size)
    except RuntimeError as short:
        print(f"skipped: {short}")
        return
    bench = _bench(arguments, folder, size)
    results = json.loads(arguments.result.read_text()) if arguments.result.exists() else {}
    facts = {"size": arguments.size, "slots": size.slots, "features": processor_features()}
    results["machine"] = machine() | facts | {"threads": arguments.threads}
    for name, dtype, figures in measure(bench, arguments.part, arguments.seconds):
        if isinstance(figures, str):
            print(f"left out: {name}, {dtype}: {figures}", flush=True)
            continue
        results.setdefault(name, {})[dtype] = figures
        print(table(f"{name}, {dtype}", figures), flush=True)
        arguments.result.write_text(json.dumps(results, indent=1) + "\n")


def table(title: str, figures: dict[str, Any]) -> str:
    """Figures in rows, those of a part of a part beside its name."""
    rows = []
    for name, value in figures.items():
        inner = value.items() if isinstance(value, dict) else [("", value)]
        rows += [[f"{name} {key}".strip(), each] for key, each in inner]
    return markdown(title, rows, ("figure", "value")) + "\n"


def _bench(arguments: argparse.Namespace, folder: Path, size: Size) -> Bench:
    return Bench(
        folder,
        size,
        tuple(arguments.dtype),
        arguments.peer_dtype,
        arguments.threads,
        arguments.rounds,
        arguments.minutes,
    )


def _best_dtype() -> str:
    """transformers' best on a CPU: bfloat16, six times as fast as float32, if the processor computes it."""
    return "bfloat16" if torch.ops.mkldnn._is_mkldnn_bf16_supported() else "float32"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--size", choices=tuple(SIZES), default="full")
    parser.add_argument("--part", nargs="+", choices=tuple(_PARTS), default=list(_PARTS))
    parser.add_argument("--dtype", nargs="+", default=["int8", "bfloat16"], help="ours")
    parser.add_argument("--peer-dtype", default=_best_dtype(), help="transformers'")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--utterances", type=int, help="of the load; fewer take less time")
    parser.add_argument("--minutes", type=float, default=10.0, help="of the live stream")
    parser.add_argument("--seconds", type=float, default=900.0, help="no part is begun later")
    parser.add_argument("--checkpoint", type=Path, help="folder of the weights, used again")
    parser.add_argument("--result", type=Path, default=_RESULT)
    return parser.parse_args()


if __name__ == "__main__":
    main()
