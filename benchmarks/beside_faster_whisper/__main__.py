"""``make beside-faster-whisper``: this engine and faster-whisper with the same weights, on the same cores.

A checkpoint of a published shape with random weights is converted by CTranslate2's converter. Each side runs
in a process of its own, and the sides take turns, so that what else the machine does hits both. Two
workloads: 16 utterances that are there at once (theirs: the batched pipeline), and 8 streams of simultaneous
    mode, whose growing buffers are heard again each second (theirs: one at a time, as its simultaneous
    servers do). All write the same numbers of tokens, greedily. ``short`` is ours with windows as a
    calibration may allow them: a second of silence after the audio instead of silence to the end of 30 s.

Times are those of the processor, on one thread by default: a shared machine's clock says little.

Writes benchmarks/results/beside_faster_whisper.json.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.random_whisper import SIZES, write_whisper
from translate_svc.models.whisper.window import Window, write_window

_ROOT = Path(__file__).parents[2]
_RESULT = _ROOT / "benchmarks" / "results" / "beside_faster_whisper.json"
_INIT_STD = 0.05
"""With transformers' default all texts repeat one token."""
_SHORT_SILENCE_MS = 1_000
_PRECISIONS = ("float32", "int8")
_SIDES = ("ours", "short", "theirs")


def main() -> None:
    """Writes the checkpoints, lets the sides take turns, and tells ratios of medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=sorted(SIZES), default="tiny")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--batches", type=int, nargs="+", default=[8, 16], help="of their pipeline; the best counts"
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folders = _folders(Path(made), asked.size)
        runs: dict[str, list[dict[str, Any]]] = {}
        loads = []
        for _ in range(asked.rounds):
            for precision in _PRECISIONS:
                for side in _SIDES:
                    for batch in asked.batches if side == "theirs" else [16]:
                        loads.append(os.getloadavg()[0])
                        found = _run(folders[side, precision], side, precision, batch, asked.threads)
                        runs.setdefault(f"{precision} {side}", []).append(found | {"batch": batch})
    result = {
        "size": asked.size,
        "threads": asked.threads,
        "rounds": asked.rounds,
        "load_before_runs": [round(load, 1) for load in loads],
        "runs": {name: _figures(found) for name, found in runs.items()},
    }
    result["ratios"] = {
        f"{precision} {side}": _ratios(result["runs"], precision, side)
        for precision in _PRECISIONS
        for side in ("ours", "short")
    }
    _RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result["ratios"], indent=1))


def _folders(made: Path, size: str) -> dict[tuple[str, str], Path]:
    """By side and precision."""
    from ctranslate2.converters import TransformersConverter

    shape = replace(SIZES[size], init_std=_INIT_STD)
    whole = write_whisper(made / "whole", shape, ends=False)
    short = write_whisper(made / "short", shape, ends=False)
    write_window(short, Window(_SHORT_SILENCE_MS))
    folders: dict[tuple[str, str], Path] = {}
    for precision in _PRECISIONS:
        theirs = made / precision
        files = ["tokenizer.json", "preprocessor_config.json"]
        TransformersConverter(str(whole), copy_files=files).convert(str(theirs), quantization=precision)
        folders |= {("ours", precision): whole, ("short", precision): short, ("theirs", precision): theirs}
    return folders


def _run(folder: Path, side: str, precision: str, batch: int, threads: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.beside_faster_whisper.side", "--folder", str(folder)]
    command += ["--side", "theirs" if side == "theirs" else "ours"]
    command += ["--precision", precision, "--batch", str(batch)]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(command, env=environment, cwd=_ROOT, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    print(side, precision, batch, f"{found['batch_s']:.1f} s, {found['streams_s']:.1f} s", file=sys.stderr)
    return found


def _figures(found: list[dict[str, Any]]) -> dict[str, float]:
    """Medians. Of their batches the best one."""
    by_batch: dict[int, list[float]] = {}
    for each in found:
        by_batch.setdefault(each["batch"], []).append(each["batch_s"])
    return {
        "batch_s": min(statistics.median(times) for times in by_batch.values()),
        "streams_s": statistics.median(each["streams_s"] for each in found),
        "peak_mb": statistics.median(each["peak_bytes"] / 1e6 for each in found),
    }


def _ratios(figures: dict[str, dict[str, float]], precision: str, side: str) -> dict[str, float]:
    """Above 1: ours is faster, or takes less memory."""
    ours, theirs = figures[f"{precision} {side}"], figures[f"{precision} theirs"]
    return {name: round(theirs[name] / ours[name], 2) for name in ours}


if __name__ == "__main__":
    main()
