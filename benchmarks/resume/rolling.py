"""Servers are replaced one after the other under live calls, as a rolling update does it."""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.resume.comparison import Comparison, ResumeResult
from benchmarks.resume.live_call import Received, call
from benchmarks.resume.servers import Server, servers
from translate_svc.access.resume_tokens import new_resume_key
from translate_svc.types import AudioFormat, Encoding, Samples, StreamConfig, StreamSettings, TargetSettings

_RATE_HZ = 16_000
_FORMAT = AudioFormat(Encoding.PCM_S16LE, _RATE_HZ)
_CONFIG = StreamConfig(_FORMAT, _FORMAT, StreamSettings((TargetSettings("spa"), TargetSettings("fra"))))


async def run_rolling(
    *, streams: int, seconds: float, grace_s: float = 10.0
) -> tuple[ResumeResult, list[str]]:
    """Replaces three servers under ``streams`` calls of ``seconds`` each. Their engines follow a script.

    Returns the result, and notes on what was wrong.
    """
    comparison = Comparison()
    with tempfile.TemporaryDirectory() as folder:
        keys = Path(folder) / "resume-keys"
        keys.write_text(new_resume_key() + "\n")
        module = (sys.executable, "-m", "benchmarks.resume.scripted_server", "--resume-keys", str(keys))
        # two servers hold all streams, but not with room to spare: some are full when a stream asks
        command = (*module, "--drain-grace-s", str(grace_s), "--max-streams", str(streams * 2 // 3))
        async with servers(3, command) as three:
            spoken = _speech(seconds)
            wanted = Received()
            await call([three[0].address], _CONFIG, spoken, wanted, speed=50.0)
            calls = [
                asyncio.create_task(_call(number, three, spoken, wanted, comparison))
                for number in range(streams)
            ]
            await asyncio.sleep(seconds / 8)
            for server in three:
                await server.drain()
                await server.start()
            await asyncio.gather(*calls)
    return comparison.result(), comparison.notes


async def _call(
    number: int, three: list[Server], spoken: Samples, wanted: Received, comparison: Comparison
) -> None:
    addresses = [server.address for server in three]
    first = number % len(addresses)
    await asyncio.sleep(random.uniform(0, 2))
    got = Received()
    try:
        gaps_s = await call([*addresses[first:], *addresses[:first]], _CONFIG, spoken, got, speed=1.0)
    except Exception as error:
        comparison.fail(error)
    else:
        comparison.add(got, wanted, gaps_s)


def _speech(seconds: float) -> Samples:
    """Loud and silent parts of many lengths; what is said is what the length says."""
    random_numbers = np.random.default_rng(7)
    parts: list[Samples] = []
    while sum(map(len, parts)) < seconds * _RATE_HZ:
        loud_s, silent_s = random_numbers.uniform(0.8, 4.0), random_numbers.uniform(0.6, 1.5)
        parts.append(random_numbers.uniform(-0.5, 0.5, round(loud_s * _RATE_HZ)).astype(np.float32))
        parts.append(np.zeros(round(silent_s * _RATE_HZ), np.float32))
    return np.concatenate(parts)
