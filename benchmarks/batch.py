"""``python -m benchmarks.batch``: how full ``translate-svc batch`` keeps the engine.

Files of held-out clips go through everything that the command does: reading, voice activity detection,
sessions, the engine, outputs and the journal. Then the same engine computes the same requests alone, as the
throughput benchmark has it: all of them in the line before the first step. Both take turns in one process, so
that a noisy machine hurts both. Writes benchmarks/results/batch.json.

The bar is for the larger checkpoint, whose steps are work of the processor. Those of the starter are so small
that most of their time is Python's, and a process runs one line of Python at a time: what reads and segments
files then takes its time from the engine. Its figures are written down beside the others.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.throughput.checkpoints import CHECKPOINTS, STARTER, checkpoint_folder, quiet
from benchmarks.throughput.measure import machine
from benchmarks.throughput.random_checkpoint import NumberTokenizer
from benchmarks.throughput.utterances import spoken_utterances
from translate_svc.audio.files import write_wav
from translate_svc.cli.backends.local_backend import LocalBackend
from translate_svc.cli.batch.arguments import BatchArguments
from translate_svc.cli.batch.crew import Crew
from translate_svc.cli.batch.file_work import FileWork
from translate_svc.cli.batch.items import BatchItem, batch_items
from translate_svc.cli.batch.journal import FileStatus, Journal
from translate_svc.cli.commands.batch import engine_room
from translate_svc.engine.async_engine import AsyncEngine
from translate_svc.engine.core import EngineCore
from translate_svc.engine.handle import Deliver
from translate_svc.engine.request import Request
from translate_svc.models.tokenizer import Tokenizer
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ

_RESULT = Path(__file__).parent / "results" / "batch.json"
_BAR = 0.95
_CREDIT_PIECES = 10_000
_RANDOM_TOKENS = 34
_FORMS = {"text": ("srt",), "speech": ("wav",)}


def main() -> None:
    arguments = _arguments()
    quiet()
    torch.set_num_threads(arguments.threads)
    results: dict[str, Any] = json.loads(_RESULT.read_text()) if _RESULT.exists() else {}
    with checkpoint_folder(arguments.checkpoint, arguments.random_checkpoint) as folder:
        if not (folder / "tokenizer_config.json").exists():
            Tokenizer.from_pretrained = classmethod(lambda *_, **__: NumberTokenizer())  # type: ignore[assignment]
        for kind in arguments.kind:
            name = f"{arguments.checkpoint}, {kind}, {arguments.threads} threads"
            results[name] = asyncio.run(measure(folder, kind, arguments))
            print(name, json.dumps(results[name], indent=1), flush=True)
    _RESULT.write_text(json.dumps(results, indent=1) + "\n")
    below = [
        name for name, figures in results.items() if name.startswith("random") and figures["ratio"] < _BAR
    ]
    if below:
        raise SystemExit(f"below {_BAR:.0%} of the engine's own throughput: {'; '.join(below)}")


async def measure(folder: Path, kind: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """The batch and the engine alone, in turns. ``ratio``: the engine's seconds by the batch's."""
    flags = {"model": str(folder), "max_slots": arguments.slots, "device": "cpu"}
    flags |= engine_room(arguments.files_at_once)
    if folder != STARTER:
        flags["max_slot_tokens"] = _RANDOM_TOKENS  # random texts do not end
    backend = LocalBackend(flags)
    table, model = await backend.languages(), await backend.model()
    with tempfile.TemporaryDirectory(prefix="batch-bench-") as temporary:
        sources = Path(temporary) / "in"
        sources.mkdir()
        for number, clip in enumerate(spoken_utterances(arguments.files)):
            write_wav(sources / f"{number:04d}.wav", clip.samples, INTERNAL_SAMPLE_RATE_HZ)
        async with backend.open() as translator:
            core: EngineCore = translator._service._engine._core  # type: ignore[attr-defined]
            turns: list[Turn] = []
            for number in range(arguments.rounds + 1):
                batch = BatchArguments(
                    inputs=(str(sources),),
                    out=str(Path(temporary) / f"out{number}"),
                    to=("eng",),
                    forms=_FORMS[kind],
                    files_at_once=arguments.files_at_once,
                )
                journal = Journal(batch.out)
                with journal.staging() as staging:
                    work = FileWork(batch, table, model, translator, journal, staging)
                    turns.append(await _turn(Crew(work, batch.files_at_once), batch, core))
    counted = turns[1:]  # the first one warms up
    return machine() | {
        "files": arguments.files,
        "files_at_once": arguments.files_at_once,
        "utterances": counted[0].utterances,
        "audio_seconds": round(counted[0].audio_s, 1),
        "slots": arguments.slots,
        "seconds": {
            "batch": round(statistics.median(turn.batch_s for turn in counted), 3),
            "engine": round(statistics.median(turn.engine_s for turn in counted), 3),
        },
        "steps": {"batch": counted[0].steps[0], "engine": counted[0].steps[1]},
        "engine_busy": round(statistics.median(turn.busy_s / turn.batch_s for turn in counted), 3),
        "ratios": [round(turn.ratio, 3) for turn in counted],
        "ratio": round(statistics.median(turn.ratio for turn in counted), 3),
        "load_average": round(os.getloadavg()[0], 1),
    }


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of both. ``busy_s``: how long the engine was in a step during the batch; ``steps``:
    of the batch, and of the engine alone.
    """

    batch_s: float
    engine_s: float
    busy_s: float
    utterances: int
    audio_s: float
    steps: tuple[int, int]

    @property
    def ratio(self) -> float:
        """The engine's seconds by the batch's."""
        return self.engine_s / self.batch_s


async def _turn(crew: Crew, batch: BatchArguments, core: EngineCore) -> Turn:
    items = batch_items(batch.inputs, batch.out)
    busy: list[float] = []
    on_step, core._on_step = core._on_step, lambda report: busy.append(report.duration_s)
    try:
        with recorded() as requests:
            began_s = time.perf_counter()
            audio_s = await _run(crew, items)
            batch_s = time.perf_counter() - began_s
    finally:
        core._on_step = on_step
    began_s = time.perf_counter()
    before = core.scheduler.totals.steps
    await asyncio.to_thread(_compute, core, requests)
    steps = len(busy), core.scheduler.totals.steps - before
    return Turn(batch_s, time.perf_counter() - began_s, sum(busy), len(requests), audio_s, steps)


async def _run(crew: Crew, items: tuple[BatchItem, ...]) -> float:
    """Translates all; returns the seconds of audio."""
    audio_s = 0.0
    async for result in crew.results(items):
        if result.status is not FileStatus.DONE:
            raise RuntimeError(f"{result.source}: {result.reason}")
        audio_s += result.audio_s
    return audio_s


def _compute(core: EngineCore, requests: list[Request]) -> None:
    """Computes the requests on this thread, while the engine's own has nothing to do."""
    for request in requests:
        core.scheduler.add(request)
        for number in range(len(request.sequences)):
            core.scheduler.grant(request.request_id, number, _CREDIT_PIECES)
    while core.scheduler.has_work:
        core.step()


@contextlib.contextmanager
def recorded() -> Iterator[list[Request]]:
    """The requests that engines are given in the block."""
    requests: list[Request] = []
    submit = AsyncEngine.submit

    def recording(self: AsyncEngine, request: Request, deliver: Deliver) -> None:
        requests.append(request)
        submit(self, request, deliver)

    AsyncEngine.submit = recording  # type: ignore[method-assign]
    try:
        yield requests
    finally:
        AsyncEngine.submit = submit  # type: ignore[method-assign]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--checkpoint", choices=CHECKPOINTS, default=STARTER.name)
    parser.add_argument("--random-checkpoint", type=Path, help="keep the random weights here")
    parser.add_argument("--kind", nargs="+", choices=tuple(_FORMS), default=list(_FORMS))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--files", type=int, default=64)
    parser.add_argument("--files-at-once", type=int, default=32)
    parser.add_argument("--slots", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
