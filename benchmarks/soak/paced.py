"""Live streams at the pace of speech: nothing may be lost, and no frame may wait."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass

import numpy as np

from benchmarks.soak.server import ServerSetup
from benchmarks.soak.server_process import ServerProcess, server_process
from benchmarks.soak.speaker import FRAME_S, PAUSE_FRAMES, SPEECH_FRAMES, Speaker, open_channel

_CONNECTIONS = 8


@dataclass(frozen=True, slots=True)
class PacedResult:
    """``handling_ms``: from the client's write until the session has taken the frame: p50, p99, largest."""

    streams: int
    seconds: float
    frames: int
    utterances: int
    events: int
    handling_p50_ms: float
    handling_p99_ms: float
    handling_max_ms: float
    client_late_p99_ms: float
    server_cpu_share: float
    client_cpu_share: float
    load_average: float


async def run_paced(streams: int, seconds: float) -> PacedResult:
    """``streams`` speak for ``seconds``, in frames of 20 ms, each at its own phase.

    Raises:
        AssertionError: a sample or an event is not accounted for.
    """
    async with server_process(ServerSetup(max_streams=streams, timed=True)) as server:
        return await _measure(server, streams, seconds)


async def _measure(server: ServerProcess, streams: int, seconds: float) -> PacedResult:
    utterances = max(1, round(seconds / ((SPEECH_FRAMES + PAUSE_FRAMES) * FRAME_S)))
    speakers = [Speaker(utterances) for _ in range(streams)]
    channels = [open_channel(server.target) for _ in range(_CONNECTIONS)]
    before, own_before, began_s = await server.state(), _own_cpu_s(), time.monotonic()
    start_s = began_s + 1.0
    phases = np.random.default_rng(0).uniform(0, 2.0, streams)
    await asyncio.gather(
        *(
            speaker.run(channels[index % _CONNECTIONS], start_s + phases[index])
            for index, speaker in enumerate(speakers)
        )
    )
    wall_s = time.monotonic() - began_s
    after, own_after = await server.at_rest(), _own_cpu_s()
    times = await server.take_times()
    for channel in channels:
        await channel.close(None)
    handling_ms = np.concatenate(
        [1000 * (np.array(times[each.ledger.session_id]) - np.array(each.sent_s)) for each in speakers]
    )
    return PacedResult(
        streams=streams,
        seconds=round(wall_s, 1),
        frames=len(handling_ms),
        utterances=utterances * streams,
        events=sum(speaker.ledger.seq for speaker in speakers),
        handling_p50_ms=round(float(np.percentile(handling_ms, 50)), 2),
        handling_p99_ms=round(float(np.percentile(handling_ms, 99)), 2),
        handling_max_ms=round(float(handling_ms.max()), 1),
        client_late_p99_ms=round(
            1000 * float(np.percentile(np.concatenate([np.array(each.late_s) for each in speakers]), 99)), 2
        ),
        server_cpu_share=round((after.cpu_s - before.cpu_s) / wall_s, 3),
        client_cpu_share=round((own_after - own_before) / wall_s, 3),
        load_average=round(os.getloadavg()[0], 1),
    )


def _own_cpu_s() -> float:
    cpu = os.times()
    return cpu.user + cpu.system
