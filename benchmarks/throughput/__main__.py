"""``python -m benchmarks.throughput``: how much faster the engine is than transformers' ``generate``.

Two checkpoints (the starter; a larger one with random weights), text alone and with speech, against
``generate`` one by one and in the best static batch of 2, 4, 8 and 16. Writes
benchmarks/results/throughput.json.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch

from benchmarks.throughput.checkpoints import STARTER, checkpoint_folder, quiet
from benchmarks.throughput.engine import Engine
from benchmarks.throughput.measure import Comparison, compare, machine, markdown
from benchmarks.throughput.peer import Peer
from benchmarks.throughput.utterance import total_seconds
from benchmarks.throughput.utterances import forced_utterances, spoken_utterances
from translate_svc.models.precision import PRECISIONS

_ROOT = Path(__file__).parents[2]
_RESULT = _ROOT / "benchmarks" / "results" / "throughput.json"
_UTTERANCES = {"starter": 32, "random": 16}
_KINDS = {"text": False, "speech": True}


def main() -> None:
    arguments = _arguments()
    quiet()
    results: dict[str, Any] = json.loads(_RESULT.read_text()) if _RESULT.exists() else {}
    for checkpoint in arguments.checkpoint:
        for threads in arguments.threads:
            torch.set_num_threads(threads)
            name = f"{checkpoint}, {arguments.dtype}, {threads} thread{'s' * (threads > 1)}"
            with checkpoint_folder(checkpoint, arguments.random_checkpoint) as folder:
                results[name] = measure(folder, arguments)
            _RESULT.parent.mkdir(exist_ok=True)
            _RESULT.write_text(json.dumps(results, indent=1) + "\n")


def measure(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """One checkpoint, both kinds of output."""
    forced = folder != STARTER
    utterances = (forced_utterances if forced else spoken_utterances)(
        arguments.utterances or _UTTERANCES["random" if forced else "starter"]
    )
    engine = Engine(folder, slots=arguments.slots, precision=PRECISIONS[arguments.dtype])
    peer = Peer(folder)
    figures: dict[str, Any] = machine() | {
        "utterances": len(utterances),
        "audio_seconds": round(total_seconds(utterances), 1),
        "slots": arguments.slots,
        "dtype": arguments.dtype,
        "dtype_of_peer": "float32",
    }
    for kind in arguments.kind:
        speech = _KINDS[kind]
        engine.run(utterances[:4], speech=speech)  # both sides warm up
        peer.run(utterances[:2], speech=speech, batch=2)
        compared = compare(
            lambda speech=speech: engine.run(utterances, speech=speech),  # type: ignore[misc]
            lambda size, speech=speech: peer.run(utterances, speech=speech, batch=size),  # type: ignore[misc]
            static_batches=arguments.static,
            rounds=arguments.rounds,
        )
        figures[kind] = compared.summary()
        print(_table(f"{folder.name}, {kind}", compared), flush=True)
    return figures


def _table(title: str, compared: Comparison) -> str:
    summary = compared.summary()
    rows = [
        (name, value, f"{value / summary['seconds']['ours']:.2f}")
        for name, value in summary["seconds"].items()
    ]
    equal = f"{summary['outcomes_equal_to_one_by_one']} outcomes equal to one by one"
    return markdown(title, rows, ("contender", "seconds", "in parts of ours")) + f"\n{equal}\n"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--checkpoint", nargs="+", choices=("starter", "random"), default=["starter", "random"]
    )
    parser.add_argument("--kind", nargs="+", choices=tuple(_KINDS), default=list(_KINDS))
    parser.add_argument("--threads", nargs="+", type=int, default=[2])
    parser.add_argument(
        "--dtype", choices=tuple(PRECISIONS), default="float32", help="ours; the peer's is float32"
    )
    parser.add_argument("--utterances", type=int, help=f"by default {_UTTERANCES}")
    parser.add_argument("--slots", type=int, default=16)
    parser.add_argument("--static", nargs="+", type=int, default=[2, 4, 8, 16], help="sizes of batches")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--random-checkpoint", type=Path, help="keep the random weights here and use them again"
    )
    parser.add_argument("--quick", action="store_true", help="8 utterances, 1 round")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.utterances, arguments.rounds = 8, 1
    return arguments


if __name__ == "__main__":
    main()
