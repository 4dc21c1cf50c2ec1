"""Live streams at the pace of speech: nothing may be lost, and no frame may wait."""

from __future__ import annotations

import asyncio
import os
import time
from array import array
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import grpc
import numpy as np

from benchmarks.soak.server import ServerSetup
from benchmarks.soak.server_process import ServerProcess, server_process
from benchmarks.soak.speaker import (
    CONFIG,
    FRAME_S,
    PAUSE,
    PAUSE_FRAMES,
    SPEECH,
    SPEECH_FRAMES,
    Ledger,
    end,
    open_channel,
    responses,
    start_call,
)

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


@dataclass(slots=True)
class _Speaker:
    """One stream: says ``utterances`` times the same, each frame when it is due."""

    utterances: int
    ledger: Ledger = field(default_factory=Ledger)
    sent_s: array[float] = field(default_factory=lambda: array("d"))
    late_s: array[float] = field(default_factory=lambda: array("d"))

    async def run(self, channel: grpc.aio.Channel, start_s: float) -> None:
        call = start_call(channel)
        await call.write(CONFIG)
        self.ledger.take(await call.read())
        reading = asyncio.create_task(self._read(call))
        frames = chain.from_iterable(
            (SPEECH,) * SPEECH_FRAMES + (PAUSE,) * PAUSE_FRAMES for _ in range(self.utterances)
        )
        for index, frame in enumerate(frames):
            due_s = start_s + index * FRAME_S
            if (early_s := due_s - time.monotonic()) > 0:
                await asyncio.sleep(early_s)
            now_s = time.monotonic()
            self.sent_s.append(now_s)
            self.late_s.append(now_s - due_s)
            await call.write(frame)
        await call.write(end(len(self.sent_s)))
        await call.done_writing()
        await reading
        assert await call.code() == grpc.StatusCode.OK

    async def _read(self, call: Any) -> None:
        async for response in responses(call):
            self.ledger.take(response)


async def run_paced(streams: int, seconds: float) -> PacedResult:
    """``streams`` speak for ``seconds``, in frames of 20 ms, each at its own phase.

    Raises:
        AssertionError: a sample or an event is not accounted for. (The server itself counts the samples,
            and fails a stream whose ``end`` has another number.)
    """
    async with server_process(ServerSetup(max_streams=streams, timed=True)) as server:
        return await _measure(server, streams, seconds)


async def _measure(server: ServerProcess, streams: int, seconds: float) -> PacedResult:
    utterances = max(1, round(seconds / ((SPEECH_FRAMES + PAUSE_FRAMES) * FRAME_S)))
    speakers = [_Speaker(utterances) for _ in range(streams)]
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
    for speaker in speakers:
        speaker.ledger.settle(utterances=utterances)
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
