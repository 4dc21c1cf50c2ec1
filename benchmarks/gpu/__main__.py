"""``python -m benchmarks.gpu``: what the engine does on a GPU, at the published model's full size.

Needs torch, transformers and numpy; no network, no trained weights, under nine minutes. The weights are
random, made on the device in bfloat16; lengths are forced (4 tokens and 48 units a second of source).
Measured: whether our results, alone and in a batch, equal ``generate`` in float32; one utterance from end
to end; time per stage and the decode step of all slots; throughput against ``generate``; live streams. If
no time is left for a part, the output says so. Writes benchmarks/results/gpu.json and prints it as tables.

``--size small --device cpu`` shows without a GPU that the command runs; its figures mean nothing.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu import parts
from benchmarks.gpu.bench import SIZES, Bench
from benchmarks.throughput.measure import markdown

_RESULT = Path(__file__).parents[2] / "benchmarks" / "results" / "gpu.json"
_PARTS: dict[str, tuple[float, Callable[[Bench], dict[str, Any]]]] = {
    "exactness": (20, parts.exactness),
    "graphs": (60, parts.graphs),
    "utterance": (20, parts.utterance),
    "stages": (20, parts.stages),
    "step": (10, parts.step),
    "speech": (200, parts.speech),
    "live": (60, parts.live),
    "text": (120, parts.text),
}
"""By name: the seconds that a part is expected to take at most on an H200, and the part."""


def main() -> None:
    """Exit code 1 if float32 is not exact, a stage has no graph, or a part failed."""
    arguments = _arguments()
    started_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="gpu-", dir=arguments.scratch) as folder:
        bench = Bench(Path(folder), SIZES[arguments.size], arguments.device)
        results: dict[str, Any] = bench.machine() | {"size": arguments.size}
        for name in arguments.part:
            expected_s, part = _PARTS[name]
            if time.monotonic() - started_s + expected_s > arguments.seconds:
                results[name] = "left out: no time"
            else:
                results[name] = _tried(part, bench)
            print(_table(name, results[name]), flush=True)
            arguments.result.parent.mkdir(parents=True, exist_ok=True)
            arguments.result.write_text(json.dumps(results, indent=1) + "\n")
    print(f"{time.monotonic() - started_s:.0f} s in all")
    dicts = [each for each in results.values() if isinstance(each, dict)]
    untrue = any(each.get(promise) is False for each in dicts for promise in ("exact", "complete"))
    failed = any(isinstance(each, str) and each.startswith("failed") for each in results.values())
    raise SystemExit(int(untrue or failed))


def _tried(part: Callable[[Bench], dict[str, Any]], bench: Bench) -> dict[str, Any] | str:
    """A part that fails takes no other with it."""
    try:
        return part(bench)
    except Exception as error:
        traceback.print_exc()
        return f"failed: {type(error).__name__}: {error}"


def _table(name: str, figures: dict[str, Any] | str) -> str:
    rows = figures.items() if isinstance(figures, dict) else [("", figures)]
    return markdown(name, [list(row) for row in rows], ("figure", "value")) + "\n"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--size", choices=tuple(SIZES), default="full")
    parser.add_argument("--part", nargs="+", choices=tuple(_PARTS), default=list(_PARTS))
    parser.add_argument("--seconds", type=float, default=520.0, help="no part is begun that would end later")
    parser.add_argument("--scratch", type=Path, help="folder for the weights (5 GB); by default the system's")
    parser.add_argument("--result", type=Path, default=_RESULT)
    arguments = parser.parse_args()
    if arguments.device.startswith("cuda") and not torch.cuda.is_available():
        parser.error("--device: no CUDA device here; --size small --device cpu tries the command out")
    return arguments


if __name__ == "__main__":
    main()
