"""``python -m benchmarks.stages``: where the engine's time goes, and what each stage's floor is.

A floor is what the stage must multiply at this machine's best rate, or read at its memory's, whichever takes
longer; both rates are measured in the same run. Also: the pause that 15 s utterances, arriving without end,
put between two tokens of a text that is being decoded. Writes benchmarks/results/stages.json.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch

from benchmarks.stages.clock import StageClock
from benchmarks.stages.floors import (
    Rates,
    decode_step_bytes,
    decode_step_flop,
    encode_flop,
    text_to_unit_flop,
    vocode_flop,
)
from benchmarks.stages.gaps import token_gaps
from benchmarks.stages.rates import measure_rates
from benchmarks.throughput.checkpoints import CHECKPOINTS, checkpoint_folder, quiet
from benchmarks.throughput.engine import Engine
from benchmarks.throughput.measure import machine, markdown
from benchmarks.throughput.outcome import Outcome
from benchmarks.throughput.utterance import Utterance, total_seconds
from benchmarks.throughput.utterances import forced_utterances, spoken_utterances
from translate_svc.engine.options import EngineLimits
from translate_svc.models.checkpoint.checkpoint import Checkpoint
from translate_svc.models.seamless.config import ModelConfig
from translate_svc.types import SAMPLES_PER_UNIT, Stage

_RESULT = Path(__file__).parents[2] / "benchmarks" / "results" / "stages.json"
_STAGES = tuple(stage.value for stage in Stage)
_FRAME_S = 0.02
_PROMPT_TOKENS = 2


def floors_ms(
    config: ModelConfig, rates: Rates, utterances: list[Utterance], outcomes: list[Outcome], rows: list[int]
) -> dict[str, float]:
    """Of one round; ``rows``: of each decode step."""
    units = [outcome.speech_samples // SAMPLES_PER_UNIT for outcome in outcomes]
    tokens = [len(outcome.token_ids) + _PROMPT_TOKENS for outcome in outcomes]
    flop = {
        "encode": sum(encode_flop(config, int(each.seconds / _FRAME_S)) for each in utterances),
        "text_to_unit": sum(text_to_unit_flop(config, *each) for each in zip(tokens, units, strict=True)),
        "vocode": sum(vocode_flop(config, each) for each in units),
    }
    steps_s = [
        max(decode_step_flop(config, each) / rates.flop_per_s, decode_step_bytes(config) / rates.bytes_per_s)
        for each in rows
    ]
    return {stage: each / rates.flop_per_s * 1000 for stage, each in flop.items()} | {
        "decode": sum(steps_s) * 1000
    }


def measure(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """One checkpoint: the stages of a load with speech, and the gaps."""
    load = spoken_utterances if folder.name == "starter" else forced_utterances
    utterances = load(arguments.utterances)
    clock = StageClock()
    engine = Engine(folder, on_step=clock.record_step)
    engine.run(utterances[:2], speech=True)
    clock.forget()
    outcomes: list[Outcome] = []
    for _ in range(arguments.rounds):
        outcomes = engine.run(utterances, speech=True)
        clock.end_round()
    rates = measure_rates()
    rows = [rows for rows, _ in clock.decode_steps[: len(clock.decode_steps) // arguments.rounds]]
    floors = floors_ms(Checkpoint.open(folder).config, rates, utterances, outcomes, rows)
    stages = {
        stage: {
            "ms": round(clock.median_ms(stage), 1),
            "floor_ms": round(floors[stage], 1),
            "times_the_floor": round(clock.median_ms(stage) / floors[stage], 2),
        }
        for stage in _STAGES
    }
    title = f"{folder.name}: {total_seconds(utterances):.0f} s of audio, {len(rows)} decode steps"
    print(
        markdown(title, [(name, *row.values()) for name, row in stages.items()], ("stage", *stages["encode"]))
    )
    gaps = [token_gaps(folder, most) for most in (1, EngineLimits().max_encode_steps)]
    print(*("\nTokens while 15 s utterances arrive:", *gaps), sep="\n", flush=True)
    return machine() | {
        "gflop_per_s": round(rates.flop_per_s / 1e9, 1),
        "gbyte_per_s": round(rates.bytes_per_s / 1e9, 1),
        "audio_seconds": round(total_seconds(utterances), 1),
        "stages": stages,
        "between_stages_ms": round(clock.median_ms("between"), 1),
        "gaps": gaps,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--checkpoint", nargs="+", choices=CHECKPOINTS, default=list(CHECKPOINTS))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--utterances", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--random-checkpoint", type=Path, help="keep the random weights here")
    arguments = parser.parse_args()
    quiet()
    torch.set_num_threads(arguments.threads)
    results: dict[str, Any] = json.loads(_RESULT.read_text()) if _RESULT.exists() else {}
    for checkpoint in arguments.checkpoint:
        with checkpoint_folder(checkpoint, arguments.random_checkpoint) as folder:
            results[checkpoint] = measure(folder, arguments)
        _RESULT.parent.mkdir(exist_ok=True)
        _RESULT.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
