"""``python -m benchmarks.latency``: end of speech to first text and first speech, at rising concurrency.

In real time, through the engine's thread, compared with ``generate``, one call at a time behind a lock. The
knee is the largest number of streams at which 95 % of the utterances get sound within a second. The silence
that ends an utterance is not counted. Writes benchmarks/results/latency.json.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path
from typing import Any

import torch

from benchmarks.latency.sides import behind_a_lock, through_engine
from benchmarks.latency.streams import run_streams
from benchmarks.throughput.checkpoints import STARTER, quiet
from benchmarks.throughput.engine import Engine
from benchmarks.throughput.measure import machine, markdown
from benchmarks.throughput.peer import Peer
from benchmarks.throughput.utterances import spoken_utterances
from translate_svc.engine.async_engine import AsyncEngine

_RESULT = Path(__file__).parents[2] / "benchmarks" / "results" / "latency.json"
_KNEE_MS = 1000.0
_STOP_DEADLINE_S = 30.0


async def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Both sides, one level after another, until neither keeps up."""
    engine, peer = Engine(STARTER), Peer(STARTER)
    utterances = spoken_utterances(100)
    engine.run(utterances[:2], speech=True)
    peer.run(utterances[:1], speech=True, batch=1)
    bridge = AsyncEngine(engine.core, engine.capabilities)
    bridge.start()
    sides = {"ours": through_engine(engine, bridge), "behind_a_lock": behind_a_lock(peer)}
    rows: list[dict[str, Any]] = []
    knees = dict.fromkeys(sides, 0)
    for streams in arguments.streams:
        for side in list(sides):
            answered = await run_streams(
                sides[side], utterances, streams=streams, duration_s=arguments.duration_s
            )
            figures = answered.percentiles_ms()
            rows.append({"side": side, "streams": streams, "answers": len(answered.first_text_s)} | figures)
            print(rows[-1], flush=True)
            if figures["first_audio_p95_ms"] <= _KNEE_MS:
                knees[side] = streams
            else:
                del sides[side]
    await bridge.stop(drain=True, deadline_s=_STOP_DEADLINE_S)
    return machine() | {"knee_streams": knees, "levels": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--streams", nargs="+", type=int, default=[1, 2, 4, 8, 16, 24, 32, 48, 64])
    parser.add_argument("--duration-s", type=float, default=15.0, help="of each level")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    quiet()
    torch.set_num_threads(arguments.threads)
    results = asyncio.run(measure(arguments))
    header = list(results["levels"][0])
    print(markdown("starter", [list(row.values()) for row in results["levels"]], header))
    print(f"\nknee: {results['knee_streams']}")
    _RESULT.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
