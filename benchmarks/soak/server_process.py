"""The measured server, seen from the process that measures."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.soak.server import ServerSetup, ServerState

_ROOT = Path(__file__).parents[2]
_MAX_LINE_BYTES = 1 << 30
_REST_DEADLINE_S = 30.0


class ServerProcess:
    """A running server; ``target`` is its address, ``http`` that of ``ServerSetup.http``."""

    def __init__(self, process: asyncio.subprocess.Process, target: str, http: str = "") -> None:
        self._process = process
        self.pid = process.pid
        self.target = target
        self.http = http

    def pin(self, core: int) -> None:
        """Lets it run on one core alone."""
        os.sched_setaffinity(self.pid, {core})

    async def state(self) -> ServerState:
        """What it holds now."""
        return ServerState(**await self._ask("state"))

    async def at_rest(self, tasks: int | None = None) -> ServerState:
        """What it holds when every stream has ended and at most ``tasks`` tasks are left.

        Raises:
            TimeoutError: some never end.
        """
        async with asyncio.timeout(_REST_DEADLINE_S):
            while True:
                state = await self.state()
                held = state.streams or state.admitted or state.requests or state.vad_places
                if not held and (tasks is None or state.tasks <= tasks):
                    return state
                await asyncio.sleep(0.1)

    async def take_times(self) -> dict[str, list[float]]:
        """When each chunk of each session was handled; needs ``ServerSetup.timed``."""
        return dict(await self._ask("times"))

    async def _ask(self, command: str) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{command}\n".encode())
        return json.loads(await self._process.stdout.readline())


@asynccontextmanager
async def server_process(setup: ServerSetup) -> AsyncIterator[ServerProcess]:
    """Starts a server, and ends it on leaving."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.soak.server", json.dumps(asdict(setup))),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=_ROOT,
        limit=_MAX_LINE_BYTES,
    )
    try:
        assert process.stdout is not None
        yield ServerProcess(process, *(await process.stdout.readline()).decode().split())
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
