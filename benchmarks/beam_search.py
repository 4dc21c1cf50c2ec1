"""What beam search costs, and what it brings: ``python -m benchmarks.beam_search``.

Cost: the same utterances to texts with 16 slots, greedily and with beams, in turns; and with as many slots as
transformers has rows, against transformers with as many beams in the best of some static batches. Quality:
BLEU of the held-out clips of each spoken language into the other three, by number of beams. Everything is a
ratio or a difference within one run. Writes benchmarks/results/beam_search.json.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.quality.clip import Clip, by_language, load_clips
from benchmarks.quality.measures.scores import text_scores
from benchmarks.quality.pipeline import settings_for, translate_all
from benchmarks.quality.report import ROOT
from benchmarks.throughput.engine import Engine
from benchmarks.throughput.outcome import Outcome
from benchmarks.throughput.peer import Peer
from benchmarks.throughput.utterances import spoken_utterances
from translate_svc.config import Settings
from translate_svc.service import Service
from translate_svc.types import BeamSearchSettings

_CLIPS = ROOT / "tests" / "data" / "quality"
_RESULTS = ROOT / "benchmarks" / "results" / "beam_search.json"
_BATCHES = (4, 8, 16)
_MOST_OF_PEER = 32  # utterances; it is slower by far


def best_seconds(runs: dict[str, Callable[[], list[Outcome]]], rounds: int) -> dict[str, float]:
    """Wall time of the quickest of ``rounds`` runs of each, in turns, after one that is not counted."""
    best = dict.fromkeys(runs, float("inf"))
    for turn in range(rounds + 1):
        for name, run in runs.items():
            began_s = time.perf_counter()
            run()
            if turn:
                best[name] = min(best[name], time.perf_counter() - began_s)
    return best


def measure_cost(folder: Path, beams: int, utterances: int, rounds: int) -> dict[str, float]:
    """``against_greedy``: times as long as greedy. ``against_transformers``: times as fast as its best."""
    spoken = spoken_utterances(utterances)
    few = spoken[:_MOST_OF_PEER]
    greedy, searching = Engine(folder), Engine(folder, num_beams=beams)
    many = Engine(folder, num_beams=beams, slots=beams * max(_BATCHES))
    peer = Peer(folder, num_beams=beams)
    ours: dict[str, Callable[[], list[Outcome]]] = {
        "greedy": lambda: greedy.run(spoken, speech=False),
        "beams": lambda: searching.run(spoken, speech=False),
        "beams, many slots": lambda: many.run(few, speech=False),
    }
    theirs = {f"{batch}": _peer_run(peer, few, batch) for batch in _BATCHES}
    seconds = best_seconds(ours | theirs, rounds)
    best = min(seconds[name] for name in theirs)
    return {
        "against_greedy": seconds["beams"] / seconds["greedy"],
        "against_transformers": best / seconds["beams, many slots"],
    }


def _peer_run(peer: Peer, utterances: Sequence[Any], batch: int) -> Callable[[], list[Outcome]]:
    return lambda: peer.run(utterances, speech=False, batch=batch)


async def measure_quality(
    model: str, beams: Sequence[int], sets: dict[str, list[Clip]]
) -> dict[str, dict[str, dict[int, float]]]:
    """BLEU by set, direction and number of beams."""
    found: dict[str, dict[str, dict[int, float]]] = {name: {} for name in sets}
    settings = Settings(model=model, max_slots=32, measure_capacity=False)
    async with Service.start(settings) as service:
        for name, all_clips in sets.items():
            for language, clips in by_language(all_clips).items():
                targets = [code for code in clips[0].texts if code != language]
                for count in beams:
                    wanted = dataclasses.replace(
                        settings_for(language, targets), beam_search=BeamSearchSettings(count)
                    )
                    outputs = await translate_all(service, [(clip.samples, wanted) for clip in clips])
                    for target in targets:
                        texts = [each.translations.get(target, "") for each in outputs]
                        score = text_scores([clip.texts[target] for clip in clips], texts).bleu
                        found[name].setdefault(f"{language}-{target}", {})[count] = score
    return found


def main() -> None:
    """Prints the tables and writes the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", default=str(ROOT / "model_cache" / "starter"))
    parser.add_argument("--part", choices=("cost", "quality"), nargs="+", default=["cost", "quality"])
    parser.add_argument("--beams", type=int, nargs="+", default=[5])
    parser.add_argument("--utterances", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--clips", type=int, help="at most so many of each set and language")
    arguments = parser.parse_args()
    console = Console(highlight=False)
    results: dict[str, Any] = {}
    if "cost" in arguments.part:
        folder, sizes = Path(arguments.model), (arguments.utterances, arguments.rounds)
        results["cost"] = {count: measure_cost(folder, count, *sizes) for count in arguments.beams}
        for count, cost in results["cost"].items():
            console.print(
                f"{count} beams: {cost['against_greedy']:.2f} times the time of greedy search; "
                f"{cost['against_transformers']:.2f} times as fast as transformers"
            )
    if "quality" in arguments.part:
        sets = {name: _few(load_clips(_CLIPS, name), arguments.clips) for name in ("one", "several")}
        counts = [1, *arguments.beams]
        results["bleu"] = asyncio.run(measure_quality(arguments.model, counts, sets))
        for name, directions in results["bleu"].items():
            console.print(_table(name, counts, directions))
    _RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def _table(name: str, counts: Sequence[int], directions: dict[str, dict[int, float]]) -> Table:
    table = Table("direction", *(f"{count} beams" for count in counts), title=name)
    for direction, scores in directions.items():
        table.add_row(direction, *(f"{scores[count]:.1f}" for count in counts))
    means = [sum(scores[count] for scores in directions.values()) / len(directions) for count in counts]
    table.add_row("mean", *(f"{mean:.2f}" for mean in means))
    return table


def _few(clips: Sequence[Clip], most: int | None) -> list[Clip]:
    return [clip for each in by_language(clips).values() for clip in each[:most]]


if __name__ == "__main__":
    main()
