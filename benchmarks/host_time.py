"""``python -m benchmarks.host_time``: what a decode step costs the host, one thread, by rows.

The scheduler, the runner and the packing of a captured step are real; what the GPU would compute is replaced
by a constant. Processor time of the thread, and the quickest tenth of the steps, so that a busy machine
disturbs it little. ``--against REV`` measures another revision of this repository in turns with this one, and
prints the ratio of the best turns.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import torch
from torch import Tensor

from translate_svc.engine.core import EngineCore
from translate_svc.engine.options import EngineLimits, StepBudgets
from translate_svc.engine.request import Request, SourceText
from translate_svc.engine.runner import model_runner
from translate_svc.engine.runner.model_runner import ModelRunner
from translate_svc.engine.scheduling.scheduler import Scheduler
from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.engine.step_result import StepReport
from translate_svc.garbage_collection import keep_all
from translate_svc.models.checkpoint.checkpoint import Checkpoint
from translate_svc.models.precision import of_dtype
from translate_svc.models.seamless.seamless_model import SeamlessModel
from translate_svc.models.seamless.tokenizer import SentencePieceTokenizer
from translate_svc.types import Stage

_ROOT = Path(__file__).parents[1]
_STARTER = _ROOT / "model_cache" / "starter"
_SOURCE = SourceText("one two three four", "eng")  # it is encoded faster than speech
_STEPS = 32
_TOKENS = range(100, 117)
"""The predictions of one step after another: more of them than the longest phrase that counts as a loop."""


class ConstantReplay:
    """A ``GraphCapturer`` of decode steps. Its graphs compute until ``frozen``, then return constants."""

    def __init__(self) -> None:
        self.frozen = False

    def __call__(self, function: Callable[[], Tensor]) -> Callable[[], Tensor]:
        made = function()
        if made.dtype is not torch.float64:
            raise RuntimeError("only decode steps are measured")
        row = torch.zeros(made.shape[1], dtype=torch.float64)
        row[1:3] = torch.tensor([-0.1, 1.0])  # the log-probability; finite
        constants = []
        for token in _TOKENS:
            row[0] = token
            constants.append(row.repeat(len(made), 1))
        following = itertools.cycle(constants)
        return lambda: next(following) if self.frozen else function()


def step_us(rows: int, rounds: int) -> float:
    """Microseconds of a step that decodes one token of each of ``rows`` texts, and nothing else.

    Of the quickest tenth of the steps: others ran while the machine did something else, too.
    """
    torch.set_num_threads(1)
    logging.getLogger("translate_svc").setLevel(logging.ERROR)
    checkpoint = Checkpoint.open(_STARTER)
    limits = EngineLimits(
        max_slots=rows,
        max_slot_tokens=64,
        max_source_tokens=64,
        max_source_samples=16_000,
        max_waiting_requests=rows,
        budgets=StepBudgets(encode_frames=64 * rows),
    )
    cpu, capturer = torch.device("cpu"), ConstantReplay()
    model = SeamlessModel(checkpoint, limits.model_limits, precision=of_dtype(torch.float32), device=cpu)
    with mock.patch.object(model_runner, "graph_capturer", return_value=capturer):
        runner = ModelRunner(model, limits.model_limits)
    capturer.frozen = True
    tokenizer = SentencePieceTokenizer.from_pretrained(
        checkpoint.path, config=checkpoint.config, languages=checkpoint.maps.text_languages
    )
    scheduler = Scheduler(limits, tokenizer)
    reports: list[StepReport] = []
    core = EngineCore(scheduler, runner, on_step=reports.append)
    times: list[float] = []
    for _ in range(rounds):
        for index in range(rows):
            scheduler.add(Request(str(index), _SOURCE, (SequenceSpec("eng", speech=False),)))
        gc.collect()
        keep_all()  # as a server does
        # what ends a text is not recognised, so that all rows are decoded
        with mock.patch.object(SentencePieceTokenizer, "eos_token_id", -1):
            times += [seconds for _ in range(_STEPS) if (seconds := _step(core, reports, rows)) is not None]
        for index in range(rows):
            scheduler.abort(str(index))
    if len(times) < rounds * _STEPS // 2:
        raise RuntimeError("too few steps decoded all rows: texts end early")
    return statistics.quantiles(times, n=10)[0] * 1e6


def _step(core: EngineCore, reports: list[StepReport], rows: int) -> float | None:
    """Seconds of processor time of a step; None if it did anything but decode all rows."""
    reports.clear()
    started_s = time.thread_time()
    core.step()
    seconds = time.thread_time() - started_s
    stages = [(each.stage, each.batch_size) for report in reports for each in report.stages]
    return seconds if stages == [(Stage.DECODE, rows)] else None


def _measured(tree: Path, rows: int, rounds: int) -> float:
    """In a process of its own, with the package of ``tree``."""
    environment = os.environ | {"PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, "--child", "--rows", str(rows), "--rounds", str(rounds)]
    done = subprocess.run(command, env=environment, cwd=tree, capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout))


def _compare(revision: str, rows: list[int], turns: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder) / "other"
        git = ["git", "-C", str(_ROOT), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", str(other), revision], check=True)
        try:
            for count in rows:
                pairs = [
                    (_measured(_ROOT, count, rounds), _measured(other, count, rounds)) for _ in range(turns)
                ]
                here, there = map(min, zip(*pairs, strict=True))
                print(
                    f"{count:4} rows: {here:7.0f} us, {revision} {there:7.0f} us, ratio {here / there:.2f}",
                    flush=True,
                )
        finally:
            subprocess.run([*git, "remove", "--force", str(other)], check=True)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[16, 64, 256])
    parser.add_argument("--against", metavar="REV", help="another revision, in turns with this one")
    parser.add_argument("--turns", type=int, default=3, help="of each revision")
    parser.add_argument("--rounds", type=int, default=3, help=f"of {_STEPS} steps")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(step_us(arguments.rows[0], arguments.rounds)))
    elif arguments.against:
        _compare(arguments.against, arguments.rows, arguments.turns, arguments.rounds)
    else:
        for rows in arguments.rows:
            print(f"{rows:4} rows: {step_us(rows, arguments.rounds):7.0f} us", flush=True)


if __name__ == "__main__":
    main()
