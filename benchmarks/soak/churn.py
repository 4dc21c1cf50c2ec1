"""Streams that come and go, and must leave nothing behind."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import grpc

from benchmarks.soak.server import ServerSetup, ServerState
from benchmarks.soak.server_process import server_process
from benchmarks.soak.speaker import CONFIG, SPEECH, Ledger, end, open_channel, responses, start_call

_SPEECH_FRAMES = 20
_CONNECTIONS = 4
_AT_ONCE = 40


@dataclass(frozen=True, slots=True)
class ChurnResult:
    """Growth between the end of the warm-up and the end of the run, with no stream open at either time."""

    streams: int
    warm_up_streams: int
    streams_per_s: float
    grown_bytes_each: float
    grown_descriptors: int
    grown_threads: int
    grown_tasks: int


async def run_churn(streams: int, warm_up: int) -> ChurnResult:
    """``streams`` of 0.4 s of speech each, sent in one burst and translated, over a few connections.

    Raises:
        AssertionError: an event is not accounted for.
    """
    async with server_process(ServerSetup(max_streams=_AT_ONCE, encode_ms=0)) as server:
        channels = [open_channel(server.target) for _ in range(_CONNECTIONS)]
        await _converse(channels, warm_up)
        before = await server.at_rest()
        began_s = time.monotonic()
        await _converse(channels, streams)
        took_s = time.monotonic() - began_s
        after = await server.at_rest(before.tasks)
        for channel in channels:
            await channel.close(None)
    return _result(streams, warm_up, took_s, before, after)


def _result(
    streams: int, warm_up: int, took_s: float, before: ServerState, after: ServerState
) -> ChurnResult:
    return ChurnResult(
        streams=streams,
        warm_up_streams=warm_up,
        streams_per_s=round(streams / took_s, 1),
        grown_bytes_each=round((after.resident_bytes - before.resident_bytes) / streams, 1),
        grown_descriptors=after.descriptors - before.descriptors,
        grown_threads=after.threads - before.threads,
        grown_tasks=after.tasks - before.tasks,
    )


async def _converse(channels: list[grpc.aio.Channel], streams: int) -> None:
    numbers = iter(range(streams))

    async def worker(channel: grpc.aio.Channel) -> None:
        for _ in numbers:
            await _one(channel)

    await asyncio.gather(*(worker(channels[index % len(channels)]) for index in range(_AT_ONCE)))


async def _one(channel: grpc.aio.Channel) -> None:
    call, ledger = start_call(channel), Ledger()
    await call.write(CONFIG)
    for _ in range(_SPEECH_FRAMES):
        await call.write(SPEECH)
    await call.write(end(_SPEECH_FRAMES))
    await call.done_writing()
    async for response in responses(call):
        ledger.take(response)
    ledger.settle(utterances=1)
