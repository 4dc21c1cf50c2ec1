"""``python -m benchmarks.gpu.first --results FOLDER``: what to find out in the first 45 minutes on a GPU.

Needs Python 3.11 to 3.13, torch from 2.11, transformers and numpy; no pip, no network, no trained weights.
Each probe appends a line of JSON to FOLDER/first.jsonl as soon as it ends, so that a machine that is taken
away has left what it found. A probe that fails takes no other with it. Parts:

A  versions, which attention is chosen, what new shapes cost, rates, one decode graph
B  the model at full size: start, graphs captured and refused, memory, each stage by shape, top kernels
C  ours against transformers: exactness, one utterance, stages, decode steps
D  live streams, with the budgets of a GPU and of a CPU, and beside a busy event loop
E  the tests of engine and models, if the packages that they need are there
F  faults, each in a process of its own, and what TF32 and bfloat16 do to the vocoder
G  the server over gRPC: the starter's texts, and callers in real time at the starter and at the published
   sizes; needs the extra "server" and runs in three minutes

On a machine that gives ten minutes to a command: --part A B --seconds 570, and so on.
--probe picks single probes.
``--size small --device cpu`` (or standin) tries the command; its figures mean nothing.
"""

from __future__ import annotations

import argparse
import functools
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu import parts
from benchmarks.gpu.bench import SIZES
from benchmarks.gpu.first import faults, kernels, more_packages, streams
from benchmarks.gpu.first.full_size import FullSize
from benchmarks.gpu.first.place import Place, entered
from benchmarks.gpu.first.probes import LeftOut, Recorder

_MINUTES = {"A": 4, "B": 8, "C": 8, "D": 9, "F": 5, "G": 3, "E": 8}
"""By part, in the order in which they run: what needs more packages comes last."""
_COMPARED = {
    "exactness": parts.exactness,
    "utterance": parts.utterance,
    "stages": parts.stages,
    "step": parts.step,
}

Probes = Mapping[str, Callable[[], Mapping[str, Any]]]


def probes_of(part: str, place: Place) -> Probes:
    """The probes of a part, by name, in order."""
    match part:
        case "A":
            return {name: functools.partial(probe, place) for name, probe in kernels.PROBES.items()}
        case "B":
            return FullSize(place).probes
        case "C":
            return {name: functools.partial(probe, place.bench) for name, probe in _COMPARED.items()}
        case "D":
            return streams.probes(place)
        case "G":
            return _served(place)
        case "E":
            return {"tests": lambda: more_packages.tests_on_the_device(place)}
        case _:
            return faults.probes(place)


def _served(place: Place) -> Probes:
    try:
        # imported here because the other parts do without the packages that it needs
        from benchmarks.gpu.first.served import Served
    except ModuleNotFoundError as error:
        reason = LeftOut(f"lacks {error.name}")

        def lacks() -> Mapping[str, Any]:
            raise reason

        return {"server": lacks}
    return Served(place).probes


def main() -> None:
    """Exit code 1 if a probe failed."""
    arguments = _arguments()
    chosen = [part for part in _MINUTES if part in arguments.part]
    minute_s = arguments.seconds / sum(_MINUTES[part] for part in chosen)
    recorder = Recorder(arguments.results)
    good = True
    with entered(arguments.device), tempfile.TemporaryDirectory(dir=arguments.scratch) as folder:
        place = Place(arguments.device, arguments.size, Path(folder), recorder)
        spare_s = 0.0
        with place.at_end:
            for part in chosen:
                recorder.begin_part(_MINUTES[part] * minute_s + spare_s)
                for name, probe in probes_of(part, place).items():
                    if not arguments.probe or any(wanted in name for wanted in arguments.probe):
                        good &= recorder.run(part, name, probe)
                spare_s = max(0.0, recorder.left_s)
    raise SystemExit(int(not good))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--results", type=Path, required=True, help="folder for first.jsonl")
    parser.add_argument("--part", nargs="+", choices=sorted(_MINUTES), default=list(_MINUTES))
    parser.add_argument("--probe", nargs="+", help="only probes with one of these in their name")
    parser.add_argument("--seconds", type=float, default=2_520.0, help="shared by the parts; 42 minutes")
    parser.add_argument("--size", choices=tuple(SIZES), default="full")
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1, cpu or standin")
    parser.add_argument("--scratch", type=Path, help="folder for the weights (5 GB); by default the system's")
    arguments = parser.parse_args()
    if arguments.device.startswith("cuda") and not torch.cuda.is_available():
        parser.error("--device: no CUDA device here; --size small --device cpu tries the command out")
    return arguments


if __name__ == "__main__":
    main()
