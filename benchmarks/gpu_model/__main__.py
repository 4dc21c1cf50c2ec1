"""``python -m benchmarks.gpu_model``: what the engine would do on a GPU, modelled. No GPU, no weights.

Scheduler, runner, graphs and batching are the real ones, and their time on the host is really measured. The
device has the published model's shapes and no content: each kernel takes the time that its bytes and
operations take there (``devices``). Streams speak half of their time, utterances of 1.5 to 8.5 s, one spoken
target each. The event loop and the front processes are not in it: they run in other processes.

For each number of streams: how idle the device is and who uses it, the time from the end of an utterance to
its first text and to its first sound. Then the most streams within 300 ms to the first text and 1 s to the
first sound (p95), and what breaks first. ``--against REV`` measures another revision beside this one;
``--what-if`` says what changes would be worth that the code does not have.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu_model.devices import DEVICES
from benchmarks.gpu_model.figures import Figures
from benchmarks.gpu_model.load import Bench
from benchmarks.gpu_model.timed import Variant
from benchmarks.throughput.measure import machine, markdown

_ROOT = Path(__file__).parents[2]
_RESULT = _ROOT / "benchmarks" / "results" / "gpu_model.json"
_SLOTS = {"h200": 256, "h100": 256, "l4": 64}
"""By device: what fits beside the weights, and more than live streams need."""
_TEXT_MS, _SOUND_MS = 300.0, 1_000.0
_PRECISION = 1.25
_MOST_STREAMS = 4_096
_DECODE_STEPS = 50
_NEARLY_ALL = 0.9

_WHAT_IFS = {
    "as it is": Variant(),
    "vocoder in bfloat16": Variant(vocoder_dtype=torch.bfloat16),
    "vocoder in bfloat16, fused": Variant(vocoder_dtype=torch.bfloat16, fused_vocoder=True),
}


def measured(device: str, slots: int, streams: Sequence[int], seconds: float) -> dict[str, Any]:
    """The figures of this code: decode steps of all slots, each number of streams, the most streams."""
    bench = Bench(device, slots)
    figures: dict[str, Any] = {f"decode, {rows} rows": _decoding(bench, rows) for rows in _rows(slots)}
    runs = {count: bench.live(count, seconds) for count in streams}
    most, broken = most_streams(bench, runs, seconds)
    figures |= {f"{count} streams": run.as_dict() for count, run in sorted(runs.items()) if count in streams}
    return figures | {"most": {"streams": most, "breaks first": broken}}


def most_streams(bench: Bench, runs: dict[int, Figures], seconds: float) -> tuple[int, str]:
    """The most streams that are answered in time, within 25 %, and what is too little for more.

    ``runs``: what was measured already, by the number of streams; what is measured here is added.
    """
    while True:
        good = max((count for count, run in runs.items() if _in_time(run)), default=0)
        bad = min((count for count, run in runs.items() if count > good), default=_MOST_STREAMS)
        if bad <= max(good * _PRECISION, 1) or good >= _MOST_STREAMS:
            return good, bottleneck(runs[bad], bench) if bad in runs else "nothing"
        following = round((max(good, 1) * bad) ** 0.5) if bad in runs else 2 * max(good, 32)
        if following in (good, bad):
            return good, bottleneck(runs[bad], bench)
        runs[following] = bench.live(following, seconds)


def _in_time(run: Figures) -> bool:
    return (
        run.percentile_ms(run.first_text_s, 95) <= _TEXT_MS
        and run.percentile_ms(run.first_audio_s, 95) <= _SOUND_MS
    )


def bottleneck(run: Figures, bench: Bench) -> str:
    """What a run had too little of."""
    late = "text" if run.percentile_ms(run.first_text_s, 95) > _TEXT_MS else "sound"
    if run.most_waiting and run.most_slots >= bench.limits.max_slots:
        reason = "slots"
    elif 1 - run.idle_share > _NEARLY_ALL:
        reason = "the device"
    elif run.host_s > _NEARLY_ALL * run.elapsed_s:
        reason = "the host"
    elif run.full_steps > run.steps / 2:
        reason = "the budget of sound"
    else:
        reason = "host and device wait for each other"
    return f"{late}: {reason} (device {1 - run.idle_share:.0%} busy, host {run.host_s / run.elapsed_s:.0%})"


def what_if(device: str, slots: int, streams: int, seconds: float) -> dict[str, Any]:
    """The same load with each change. With all of them, the most streams too."""
    figures: dict[str, Any] = {}
    for name, variant in _WHAT_IFS.items():
        bench = Bench(device, slots, variant)
        run = bench.live(streams, seconds)
        rows = _rows(slots)[-1]
        figures[name] = {f"decode, {rows} rows": _decoding(bench, rows)} | run.as_dict()
    most, broken = most_streams(bench, {streams: run}, seconds)
    return figures | {name: figures[name] | {"most": {"streams": most, "breaks first": broken}}}


def _rows(slots: int) -> list[int]:
    return [rows for rows in (64, 256) if rows <= slots] or [slots]


def _decoding(bench: Bench, rows: int) -> dict[str, float]:
    run = bench.decode_only(rows, _DECODE_STEPS)
    return {
        "step, ms": round(1000 * run.elapsed_s / run.steps, 2),
        "host, ms": round(1000 * run.host_s / run.steps, 2),
        "device, ms": round(1000 * run.busy_s["decode"] / run.steps, 2),
        "device idle": round(run.idle_share, 3),
    }


def _of_revision(revision: str, options: Sequence[str]) -> dict[str, Any]:
    """In a process of its own: the engine of ``revision``, and the benchmarks of this tree."""
    with tempfile.TemporaryDirectory() as folder:
        tree, mixed = Path(folder) / "tree", Path(folder) / "mixed"
        git = ["git", "-C", str(_ROOT), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", str(tree), revision], check=True)
        try:
            mixed.mkdir()
            (mixed / "translate_svc").symlink_to(tree / "translate_svc")
            (mixed / "benchmarks").symlink_to(_ROOT / "benchmarks")
            command = [sys.executable, "-m", "benchmarks.gpu_model", "--child", *options]
            variables = os.environ | {"PYTHONPATH": str(mixed)}
            done = subprocess.run(
                command, env=variables, cwd=mixed, stdout=subprocess.PIPE, text=True, check=True
            )
            made: dict[str, Any] = json.loads(done.stdout)
            return made
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


def _table(results: dict[str, dict[str, Any]]) -> str:
    """One row a figure, one column a revision or a variant; parts become headings of their rows."""
    columns = [_flat(each) for each in results.values()]
    names = dict.fromkeys(name for column in columns for name in column)
    rows = [[name, *(column.get(name, "") for column in columns)] for name in names]
    return markdown("modelled, not measured on a GPU", rows, ("figure", *results))


def _flat(figures: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in figures.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}: ")
        else:
            flat[prefix + name] = value
    return flat


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--device", choices=tuple(DEVICES), default="h200")
    parser.add_argument("--streams", type=lambda given: [int(each) for each in given.split(",")])
    parser.add_argument("--seconds", type=float, default=6.0, help="virtual ones, of each number of streams")
    parser.add_argument("--slots", type=int)
    parser.add_argument("--against", metavar="REV", help="another revision beside this one")
    parser.add_argument("--what-if", action="store_true", help="changes that the code does not have")
    parser.add_argument("--result", type=Path, default=_RESULT)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    device, slots = arguments.device, arguments.slots or _SLOTS[arguments.device]
    streams = arguments.streams or [64, 256, 1_000]
    if arguments.child:
        print(json.dumps(measured(device, slots, streams, arguments.seconds)))
        return
    if arguments.what_if:
        key, results = f"{device}, what if", what_if(device, slots, max(streams), arguments.seconds)
    else:
        key, results = device, {"this code": measured(device, slots, streams, arguments.seconds)}
    if arguments.against:
        options = ["--device", device, "--slots", str(slots), "--seconds", str(arguments.seconds)]
        options += ["--streams", ",".join(map(str, streams))]
        results[arguments.against] = _of_revision(arguments.against, options)
    print(_table(results))
    kept = json.loads(arguments.result.read_text()) if arguments.result.exists() else {}
    kept |= machine() | {key: results}
    arguments.result.parent.mkdir(parents=True, exist_ok=True)
    arguments.result.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
