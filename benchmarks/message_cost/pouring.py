"""Messages for a server that drops them."""

from __future__ import annotations

import asyncio
import time

import numpy as np

from benchmarks.soak.speaker import FRAME_S, SPEECH, open_channel, start_call

_STREAMS_A_CONNECTION = 4


async def pour(target: str, streams: int, seconds: float) -> int:
    """As ``fronts.streams.speak``, but nothing is answered. Returns the number of messages."""
    channels = [open_channel(target) for _ in range(-(-streams // _STREAMS_A_CONNECTION))]
    start_s = time.monotonic() + 1.0
    phases = np.random.default_rng(0).uniform(0, 2.0, streams)
    frames = round(seconds / FRAME_S)

    async def stream(index: int) -> None:
        call = start_call(channels[index // _STREAMS_A_CONNECTION])
        for number in range(frames):
            early_s = start_s + phases[index] + number * FRAME_S - time.monotonic()
            if early_s > 0:
                await asyncio.sleep(early_s)
            await call.write(SPEECH)
        await call.done_writing()
        await call.read()

    async with asyncio.TaskGroup() as tasks:
        for index in range(streams):
            tasks.create_task(stream(index))
    for channel in channels:
        await channel.close(None)
    return frames * streams
