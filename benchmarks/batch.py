"""``python -m benchmarks.batch``: how full ``translate-svc batch`` keeps the engine.

Files of held-out clips go through everything that the command does: reading, voice activity detection,
sessions, the engine, outputs and the journal. Then the same engine computes the same requests alone, as the
throughput benchmark has it: all of them in the line before the first step. Both take turns, so that a noisy
machine hurts both. Writes benchmarks/results/batch.json.

It is measured for each number of file processes that is asked for, in turns; with 0 the files are in the
engine's own process. The bar is for one such process, and for both checkpoints.

The ratio is that of the times without those in which the engine's thread was ready and had no processor, by
the kernel's count: a command with two busy processes loses more to other jobs of the machine than one thread.
That of the whole times stands beside it, and the processor time of the engine's thread and of its process.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from benchmarks.throughput.checkpoints import CHECKPOINTS, STARTER, checkpoint_folder, quiet
from benchmarks.throughput.measure import machine
from benchmarks.throughput.random_checkpoint import NumberTokenizer
from benchmarks.throughput.utterances import spoken_utterances
from translate_svc.assembly import Assembly
from translate_svc.audio.files import write_wav
from translate_svc.cli.backends.local_backend import LocalBackend, LocalTranslator
from translate_svc.cli.batch.arguments import BatchArguments
from translate_svc.cli.batch.crew import Crew, Worker
from translate_svc.cli.batch.file_process import FileProcessConfig
from translate_svc.cli.batch.file_processes import FileProcesses
from translate_svc.cli.batch.file_work import FileWork
from translate_svc.cli.batch.items import BatchItem, batch_items
from translate_svc.cli.batch.journal import FileStatus, Journal
from translate_svc.cli.commands.batch import engine_room
from translate_svc.engine.async_engine import AsyncEngine
from translate_svc.engine.core import EngineCore
from translate_svc.engine.handle import Deliver
from translate_svc.engine.request import Request
from translate_svc.models.tokenizer import Tokenizer
from translate_svc.observability.metrics import Metrics
from translate_svc.remote_engine.front_group import FrontGroup
from translate_svc.service import Service, resume_tokens
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ
from translate_svc.vad.silero import SileroVad

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
        f"{name}, {count} file processes: {figures['ratio']:.2f}"
        for name, result in results.items()
        for count, figures in result["file_processes"].items()
        if count != "0" and figures["ratio"] < _BAR
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
        async with backend.open_engine() as group:
            core: EngineCore = group._engine._core  # type: ignore[attr-defined]
            turns: dict[int, list[Turn]] = {count: [] for count in arguments.file_processes}
            for number in range(arguments.rounds + 1):
                for count in turns:
                    batch = BatchArguments(
                        inputs=(str(sources),),
                        out=str(Path(temporary) / f"out{number}-{count}"),
                        to=("eng",),
                        forms=_FORMS[kind],
                        files_at_once=arguments.files_at_once,
                    )
                    with Journal(batch.out).staging() as staging:
                        config = FileProcessConfig("", backend.settings, batch, table, model, staging)
                        async with _worker(group, config, count) as worker:
                            turns[count].append(await _turn(Crew(worker, batch.files_at_once), batch, core))
    first = turns[arguments.file_processes[0]][0]
    return machine() | {
        "files": arguments.files,
        "files_at_once": arguments.files_at_once,
        "utterances": first.utterances,
        "audio_seconds": round(first.audio_s, 1),
        "slots": arguments.slots,
        # the first turn warms up
        "file_processes": {str(count): figures(counted[1:]) for count, counted in turns.items()},
        "load_average": round(os.getloadavg()[0], 1),
    }


@asynccontextmanager
async def _worker(group: FrontGroup, config: FileProcessConfig, count: int) -> AsyncIterator[Worker]:
    """Who does the files: ``count`` processes, or this one. All have done one file before."""
    if count:
        async with FileProcesses.open(group, config, count) as processes:
            await _warm_up(processes, config, count)
            yield processes
        return
    assembly = Assembly(group._engine, SileroVad(), group._facts)
    tokens = resume_tokens(config.settings)
    async with Service.on_engine(config.settings, assembly, tokens, Metrics()) as service:
        journal = Journal(config.arguments.out)
        translator = LocalTranslator(service)
        yield FileWork(config.arguments, config.table, config.model, translator, journal, config.staging)


async def _warm_up(processes: FileProcesses, config: FileProcessConfig, count: int) -> None:
    items = batch_items(config.arguments.inputs, config.arguments.out)[:count]
    await asyncio.gather(*(processes.translate(replace(item, name=f"warm/{item.name}")) for item in items))


def figures(turns: list[Turn]) -> dict[str, Any]:
    """Of all turns with one number of processes."""
    return {
        "seconds": {
            "batch": round(statistics.median(turn.batch_s for turn in turns), 3),
            "engine": round(statistics.median(turn.engine_s for turn in turns), 3),
        },
        "seconds_without_waits": {
            "batch": round(statistics.median(turn.batch_s - turn.batch_wait_s for turn in turns), 3),
            "engine": round(statistics.median(turn.engine_s - turn.engine_wait_s for turn in turns), 3),
        },
        "engine_process_cpu_s": {
            "batch": round(statistics.median(turn.cpu_s[0] for turn in turns), 3),
            "of it the engine's thread": round(statistics.median(turn.thread_s for turn in turns), 3),
            "engine": round(statistics.median(turn.cpu_s[1] for turn in turns), 3),
        },
        "steps": {"batch": turns[0].steps[0], "engine": turns[0].steps[1]},
        "ratio_of_whole_times": round(statistics.median(turn.engine_s / turn.batch_s for turn in turns), 3),
        "ratios": [round(turn.ratio, 3) for turn in turns],
        "ratio": round(statistics.median(turn.ratio for turn in turns), 3),
    }


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of both. ``batch_wait_s``, ``engine_wait_s``: how long the engine's thread had no processor
    meanwhile. ``cpu_s``: of the engine's process; ``steps``: both of the batch, and of the engine alone.
    ``thread_s``: processor time of the engine's thread during the batch.
    """

    batch_s: float
    engine_s: float
    batch_wait_s: float
    engine_wait_s: float
    cpu_s: tuple[float, float]
    thread_s: float
    utterances: int
    audio_s: float
    steps: tuple[int, int]

    @property
    def ratio(self) -> float:
        """The engine's seconds by the batch's, both without waits."""
        return (self.engine_s - self.engine_wait_s) / (self.batch_s - self.batch_wait_s)


async def _turn(crew: Crew, batch: BatchArguments, core: EngineCore) -> Turn:
    items = batch_items(batch.inputs, batch.out)
    (thread,) = [each for each in threading.enumerate() if each.name == "translate-engine"]
    steps = core.scheduler.totals.steps
    with recorded() as requests:
        ran_s, waited_s = _scheduled_s(thread.native_id)
        cpu_s, began_s = time.process_time(), time.perf_counter()
        audio_s = await _run(crew, items)
        batch_s = time.perf_counter() - began_s
        now_ran_s, now_waited_s = _scheduled_s(thread.native_id)
        batch_cpu_s = time.process_time() - cpu_s
    steps, batch_steps = core.scheduler.totals.steps, core.scheduler.totals.steps - steps
    cpu_s, began_s = time.process_time(), time.perf_counter()
    engine_wait_s = await asyncio.to_thread(_compute, core, requests)
    return Turn(
        batch_s,
        time.perf_counter() - began_s,
        now_waited_s - waited_s,
        engine_wait_s,
        (batch_cpu_s, time.process_time() - cpu_s),
        now_ran_s - ran_s,
        len(requests),
        audio_s,
        (batch_steps, core.scheduler.totals.steps - steps),
    )


def _scheduled_s(thread: int | None) -> tuple[float, float]:
    """How long a thread of this process ran so far, and how long it was ready and had no processor."""
    ran_ns, waited_ns, _ = Path(f"/proc/self/task/{thread}/schedstat").read_text().split()
    return int(ran_ns) / 1e9, int(waited_ns) / 1e9


async def _run(crew: Crew, items: tuple[BatchItem, ...]) -> float:
    """Translates all; returns the seconds of audio."""
    audio_s = 0.0
    async for result in crew.results(items):
        if result.status is not FileStatus.DONE:
            raise RuntimeError(f"{result.source}: {result.reason}")
        audio_s += result.audio_s
    return audio_s


def _compute(core: EngineCore, requests: list[Request]) -> float:
    """Computes the requests on this thread, while the engine's own has nothing to do. Returns the seconds in
    which it was ready and had no processor.
    """
    _, waited_s = _scheduled_s(threading.get_native_id())
    for request in requests:
        core.scheduler.add(request)
        for number in range(len(request.sequences)):
            core.scheduler.grant(request.request_id, number, _CREDIT_PIECES)
    while core.scheduler.has_work:
        core.step()
    return _scheduled_s(threading.get_native_id())[1] - waited_s


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
    parser.add_argument("--file-processes", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--slots", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
