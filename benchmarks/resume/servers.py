"""Servers as processes of their own, which can be killed and started again at their ports."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from translate_svc.cli.commands.serve import READY_PREFIX

_ROOT = Path(__file__).resolve().parents[2]


class Server:
    """One server. ``start`` and ``kill`` may take turns as often as one likes."""

    def __init__(self, port: int, command: Sequence[str]) -> None:
        self.address = f"127.0.0.1:{port}"
        self._command = (*command, "--port", str(port))
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """The id of its process."""
        if self._process is None:
            raise RuntimeError("it was never started")
        return self._process.pid

    async def start(self) -> None:
        """Returns when the server is ready."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TRANSLATE_SVC_")}
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=_ROOT,
            env=kept | {"OMP_NUM_THREADS": "1", "TRANSLATE_SVC_ADMIN": "false"},
        )
        assert self._process.stdout is not None
        line = (await self._process.stdout.readline()).decode()
        if not line.startswith(READY_PREFIX):
            raise RuntimeError(f"the server at {self.address} did not start: {line!r}")

    async def kill(self) -> None:
        """As the kernel does it when memory has run out: at once, with nothing said."""
        await self._end(signal.SIGKILL)

    async def drain(self) -> None:
        """As a rolling update does it: SIGTERM, and its end."""
        await self._end(signal.SIGTERM)

    async def ended(self) -> int:
        """Waits until the server has ended by itself; its exit code."""
        if self._process is None:
            raise RuntimeError("it was never started")
        return await self._process.wait()

    async def _end(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)
            await self._process.wait()


@asynccontextmanager
async def servers(count: int, command: Sequence[str]) -> AsyncIterator[list[Server]]:
    """``count`` servers that are ready; at the end they are killed."""
    running = [Server(port, command) for port in free_ports(count)]
    try:
        await asyncio.gather(*(server.start() for server in running))
        yield running
    finally:
        await asyncio.gather(*(server.kill() for server in running))


def starter_command(keys: Path, *flags: str) -> tuple[str, ...]:
    """``translate-svc serve`` with the starter checkpoint and the resume keys in ``keys``."""
    serve = (
        sys.executable,
        "-m",
        "translate_svc",
        "serve",
        "--model",
        str(_ROOT / "model_cache" / "starter"),
    )
    return (*serve, "--no-measure-capacity", "--resume-keys", str(keys), *flags)


def free_ports(count: int) -> list[int]:
    """None that the kernel gives away by itself: a server that was killed needs its own again."""
    free: list[int] = []
    while len(free) < count:
        port = random.randrange(20_000, 32_768)
        with socket.socket() as tried, contextlib.suppress(OSError):
            tried.bind(("127.0.0.1", port))
            free.append(port)
    return free
