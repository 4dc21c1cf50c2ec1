"""The cost of streams that are open and send nothing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import grpc

from benchmarks.soak.server import ServerSetup
from benchmarks.soak.server_process import server_process
from benchmarks.soak.speaker import CONFIG, Ledger, end, open_channel, responses, start_call

_STREAMS_A_CONNECTION = 100
_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class IdleResult:
    """Resident memory of the server a stream, in kilobytes of 1,000: while all are open, and after."""

    streams: int
    kilobytes_each: float
    kept_kilobytes_each: float
    threads_before: int
    threads_during: int


async def run_idle(streams: int) -> IdleResult:
    """Opens ``streams``, measures, and ends each as the contract says."""
    async with server_process(ServerSetup(max_streams=streams)) as server:
        channels = [open_channel(server.target) for _ in range(-(-streams // _STREAMS_A_CONNECTION))]
        for channel in channels:  # connections are no streams
            await _end(await _open(channel))
        before = await server.at_rest()
        calls: list[Any] = []
        for start in range(0, streams, _AT_ONCE):
            channel = channels[start // _STREAMS_A_CONNECTION]
            calls += await asyncio.gather(*(_open(channel) for _ in range(min(_AT_ONCE, streams - start))))
        during = await server.state()
        assert during.streams == during.admitted == during.vad_places == streams
        for start in range(0, streams, _AT_ONCE):
            await asyncio.gather(*(_end(call) for call in calls[start : start + _AT_ONCE]))
        after = await server.at_rest()
        for channel in channels:
            await channel.close(None)
    return IdleResult(
        streams=streams,
        kilobytes_each=round((during.resident_bytes - before.resident_bytes) / streams / 1000, 1),
        kept_kilobytes_each=round((after.resident_bytes - before.resident_bytes) / streams / 1000, 1),
        threads_before=before.threads,
        threads_during=during.threads,
    )


async def _open(channel: grpc.aio.Channel) -> Any:
    call = start_call(channel)
    await call.write(CONFIG)
    assert (await call.read()).WhichOneof("event") == "opened"
    return call


async def _end(call: Any) -> None:
    await call.write(end(0))
    await call.done_writing()
    ledger = Ledger(seq=1)
    async for response in responses(call):
        ledger.take(response)
    ledger.settle(utterances=0)
