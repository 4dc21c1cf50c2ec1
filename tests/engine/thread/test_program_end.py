"""A program that ends without stopping its engine ends as any other does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_PROGRAM = """
import asyncio
import numpy as np
from translate_svc.assembly import load_engine
from translate_svc.config import Settings
from translate_svc.engine.request import Request
from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.observability.metrics import Metrics

async def run():
    engine, _ = load_engine(Settings(max_slots=64), Metrics(), None)
    engine.start()
    await engine.warmed_up()
    noise = np.random.default_rng(1).standard_normal(160_000).astype(np.float32)
    for number in range(8):
        engine.submit(Request(str(number), noise, (SequenceSpec("fra"),)), lambda event: None)
    while engine.last_step_started is None:
        await asyncio.sleep(0)

asyncio.run(run())
"""


def test_a_program_may_end_while_its_engine_computes() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
