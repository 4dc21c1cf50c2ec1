"""The measured server: all in one process, or with front processes. The rest is the same in both.

Prints its address. Each line of its input is answered with the processor time of all its processes, in s.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import translate_svc.cli  # noqa: F401 - before grpc, which is set up there
from tests.fakes.engine_script import ScriptedRequest, echo_script
from tests.fakes.fake_vad import EnergyVad
from tests.fakes.fronted_service import COMMAND, BoundedEngine, fronted_service, packaged_facts
from translate_svc.assembly import Assembly
from translate_svc.config import Settings
from translate_svc.engine.request import Request
from translate_svc.observability.metrics import Metrics
from translate_svc.rpc.server import RpcServer
from translate_svc.service import Service, resume_tokens
from translate_svc.vad.frame_vad import FrameVad

_ENCODE_S = 0.02


def _script(request: Request) -> ScriptedRequest:
    return ScriptedRequest(echo_script(request).sequences, encode_s=_ENCODE_S)


@asynccontextmanager
async def serving_in_one(
    settings: Settings, vad: FrameVad
) -> AsyncIterator[tuple[str, Callable[[], list[int]]]]:
    """A server in this process: its address, and the ids of its other processes, none."""
    assembly = Assembly(BoundedEngine(_script), vad, packaged_facts())
    tokens = resume_tokens(settings)
    async with (
        Service.on_engine(settings, assembly, tokens, Metrics()) as service,
        RpcServer(service) as server,
    ):
        gc.collect()
        gc.freeze()
        yield server.target, list


@asynccontextmanager
async def serving_in_front(
    settings: Settings, command: Sequence[str] = COMMAND
) -> AsyncIterator[tuple[str, Callable[[], list[int]]]]:
    """A server with front processes: its address, and their ids. ``command`` starts one."""
    async with fronted_service(settings, _script, command=command) as fronted:
        yield fronted.address, lambda: list(fronted.server.pids.values())


def _cpu_s(pid: int) -> float:
    """Processor time of a process so far (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _serve(front_processes: int, max_streams: int) -> None:
    settings = Settings(
        max_streams=max_streams,
        max_waiting_requests=max_streams,
        front_processes=front_processes,
        measure_capacity=False,
        log_level="error",
    )
    serving = serving_in_front(settings) if front_processes > 1 else serving_in_one(settings, EnergyVad())
    async with serving as (target, pids):
        print(target, flush=True)
        while (await asyncio.to_thread(sys.stdin.readline)).strip():
            print(json.dumps([_cpu_s(pid) for pid in (os.getpid(), *pids())]), flush=True)


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[2])))
