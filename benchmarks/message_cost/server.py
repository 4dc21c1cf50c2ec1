"""The measured servers, each a process: ``drop``, ``one`` or the number of front processes.

``drop`` is gRPC alone: it reads messages as bytes and drops them. The others serve with a scripted engine.
Each prints its address, then answers each line of its input with the ids of its processes in front of the
engine.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import translate_svc.cli  # noqa: F401 - before grpc, which is set up there

import grpc  # isort: skip

from benchmarks.fronts.server import serving_in_front, serving_in_one
from benchmarks.message_cost.heard_vad import HeardVad
from benchmarks.message_cost.probes import count_loop
from benchmarks.message_cost.process_cost import probed_clock, tell
from translate_svc.config import Settings
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.server import channel_options
from translate_svc.rpc.servicer import SERVICE_NAME

FRONT_COMMAND = (sys.executable, "-m", "benchmarks.message_cost.front_process")


@asynccontextmanager
async def _dropping() -> AsyncIterator[tuple[str, Callable[[], Sequence[int]]]]:
    async def drop(requests: Any, context: Any) -> None:
        del requests
        while await context.read() is not grpc.aio.EOF:  # type: ignore[attr-defined]
            pass

    server = grpc.aio.server(options=channel_options(RpcOptions()))
    methods = {"StreamingTranslate": grpc.stream_stream_rpc_method_handler(drop)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE_NAME, methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}", lambda: [os.getpid()]
    await server.stop(0)


@asynccontextmanager
async def _serving(kind: str) -> AsyncIterator[tuple[str, Callable[[], Sequence[int]]]]:
    if kind == "drop":
        async with _dropping() as served:
            yield served
        return
    fronts = 1 if kind == "one" else int(kind)
    settings = Settings(
        max_streams=1_000,
        max_waiting_requests=1_000,
        front_processes=fronts,
        measure_capacity=False,
        log_level="error",
    )
    if fronts == 1:
        async with serving_in_one(settings, HeardVad()) as (target, _):
            yield target, lambda: [os.getpid()]
        return
    async with serving_in_front(settings, FRONT_COMMAND) as served:
        yield served


async def _serve(kind: str) -> None:
    clock = probed_clock()
    if clock is not None:
        count_loop(clock)
    telling = asyncio.create_task(tell(clock))
    async with _serving(kind) as (target, pids):
        gc.collect()
        gc.freeze()
        print(target, flush=True)
        while (await asyncio.to_thread(sys.stdin.readline)).strip():
            print(json.dumps(pids()), flush=True)
    telling.cancel()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
