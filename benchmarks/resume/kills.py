"""Servers with the starter checkpoint are killed in the middle of live calls, in turns."""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from benchmarks.resume.comparison import Comparison, ResumeResult
from benchmarks.resume.live_call import Received, call
from benchmarks.resume.servers import Server, servers, starter_command
from translate_svc.access.resume_tokens import new_resume_key
from translate_svc.types import (
    AudioFormat,
    Encoding,
    Inspect,
    Samples,
    SimultaneousSettings,
    StreamConfig,
    StreamSettings,
    TargetSettings,
)

_DATA = Path(__file__).resolve().parents[2] / "tests" / "data"
_UNDISTURBED_SPEED = 50.0
_START_WITHIN_S = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class _Speaker:
    """A kind of call: its configuration and its audio."""

    config: StreamConfig
    samples: Samples


async def run_kills(*, points: int, calls: int, log: bool = False) -> tuple[ResumeResult, list[str]]:
    """Kills one of two servers, starts it again and kills the other one, until ``points`` calls were hit.

    ``calls`` calls run at a time, each in real time. Returns the result, and notes on the differences.
    """
    comparison = Comparison()
    with tempfile.TemporaryDirectory() as folder:
        keys = Path(folder) / "resume-keys"
        keys.write_text(new_resume_key() + "\n")
        async with servers(2, starter_command(keys, "--max-streams", str(calls + 4))) as pair:
            speakers = _speakers()
            wanted = [await _undisturbed(pair[1], speaker) for speaker in speakers]
            over = asyncio.Event()
            live: dict[int, Received] = {}
            victim, hit = 0, 0
            slots = [
                asyncio.create_task(
                    _slot(slot, pair, speakers, wanted, comparison, live, over, lambda: victim)
                )
                for slot in range(calls)
            ]
            while hit < points:
                await asyncio.sleep(_START_WITHIN_S + random.uniform(0, 3))
                hit += sum(each.is_live for each in live.values())
                killed, victim = pair[victim], 1 - victim
                await killed.kill()
                if log:
                    print(f"{hit} calls hit", comparison.notes, flush=True)
                await killed.start()
            over.set()
            await asyncio.gather(*slots)
    return comparison.result(), comparison.notes


async def _slot(
    slot: int,
    pair: list[Server],
    speakers: list[_Speaker],
    wanted: list[Received],
    comparison: Comparison,
    live: dict[int, Received],
    over: asyncio.Event,
    victim: Callable[[], int],
) -> None:
    """One call after the other. They begin at the server that is killed next, and move to the other one."""
    await asyncio.sleep(random.uniform(0, _START_WITHIN_S))
    turn = slot
    while not over.is_set():
        kind, turn = turn % len(speakers), turn + 1
        got = live[slot] = Received()
        try:
            addresses = [pair[victim()].address, pair[1 - victim()].address]
            gaps_s = await call(addresses, speakers[kind].config, speakers[kind].samples, got, speed=1.0)
        except Exception as error:
            comparison.fail(error)
        else:
            comparison.add(got, wanted[kind], gaps_s)


async def _undisturbed(server: Server, speaker: _Speaker) -> Received:
    received = Received()
    await call([server.address], speaker.config, speaker.samples, received, speed=_UNDISTURBED_SPEED)
    assert not received.faults, received.faults
    assert received.texts, "somebody speaks"
    return received


def _speakers() -> list[_Speaker]:
    english, rate_hz = soundfile.read(_DATA / "eng_three.flac", dtype="float32")
    spanish, _ = soundfile.read(_DATA / "spa_two.flac", dtype="float32")
    pause = np.zeros(rate_hz * 7 // 10, np.float32)
    long = np.concatenate([english, pause, english[: 4 * rate_hz]])
    wide = AudioFormat(Encoding.PCM_S16LE, rate_hz)
    telephone = AudioFormat(Encoding.MULAW, 8_000)
    one = (TargetSettings("spa"),)
    two = (TargetSettings("eng"), TargetSettings("fra", speech=False))
    transcript = frozenset({Inspect.TRANSCRIPT})
    simultaneous = SimultaneousSettings()
    narrow = soxr.resample(np.concatenate([spanish, pause, spanish]), rate_hz, 8_000)
    return [
        _Speaker(StreamConfig(wide, wide, StreamSettings(one, "eng", transcript)), long),
        _Speaker(StreamConfig(wide, wide, StreamSettings(one, "eng", simultaneous=simultaneous)), long),
        _Speaker(StreamConfig(telephone, telephone, StreamSettings(two, "spa")), narrow.astype(np.float32)),
    ]
