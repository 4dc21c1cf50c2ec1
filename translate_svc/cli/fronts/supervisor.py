"""Starts front processes, starts those again that end, and ends them all."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from translate_svc.cli.fronts.front_config import FrontConfig
from translate_svc.cli.guard.doors import Behind
from translate_svc.config import Settings
from translate_svc.errors import Unavailable
from translate_svc.remote_engine.front_group import FrontGroup

COMMAND = (sys.executable, "-m", "translate_svc.cli.fronts.front_process")
_EXIT_GRACE_S = 5.0
"""How long a process may take to end once its connection has. Also after the end of a drain."""
_SETTLED_S = 10.0
"""A process that lived for this time is started again at once."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 30.0
_log = logging.getLogger(__name__)


class Supervisor:
    """Keeps the front processes of a ``FrontGroup`` running.

    A process that ends is started again: at once if it had lived for a while, else after a pause that
    doubles. One that hangs is killed first. One that the system cannot start is tried again, too.
    """

    def __init__(
        self,
        group: FrontGroup,
        settings: Settings,
        folder: Path,
        command: Sequence[str] = COMMAND,
        behind: Behind | None = None,
    ) -> None:
        """``folder``: where the sockets are; only this user may enter it. ``command`` starts a process.
        ``behind``: what stands behind a guard.
        """
        self._group = group
        self._settings = settings
        self._folder = folder
        self._command = command
        self._behind = behind
        self._keeping: list[asyncio.Task[None]] = []
        self._processes: dict[int, asyncio.subprocess.Process] = {}
        self._starts: dict[int, int] = {}
        self._leaving = asyncio.Event()
        self._failed_start: asyncio.Future[None] | None = None

    @property
    def pids(self) -> dict[int, int]:
        """The process ids of those that run."""
        return {index: process.pid for index, process in self._processes.items()}

    async def start(self, count: int) -> None:
        """Starts the processes. Returns when all are ready.

        Raises:
            Unavailable: one of them has ended before. It has said why on standard error.
        """
        self._failed_start = asyncio.get_running_loop().create_future()
        ready = asyncio.Event()
        self._group.on_change = lambda: ready.set() if len(self._group.ready) == count else None
        self._keeping = [asyncio.create_task(self._keep(index)) for index in range(count)]
        waiting = asyncio.ensure_future(ready.wait())
        either: set[asyncio.Future[Any]] = {waiting, self._failed_start}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self._failed_start.done():
            await self.kill()
            self._failed_start.result()
        self._failed_start.cancel()

    async def stop(self, grace_s: float) -> None:
        """Asks all processes to leave, waits, and kills those that are still there. Again: sooner."""
        self._leaving.set()
        self._group.drain(grace_s)
        running = [asyncio.create_task(process.wait()) for process in self._processes.values()]
        if running:
            await asyncio.wait(running, timeout=grace_s + _EXIT_GRACE_S)
        await self.kill()

    async def kill(self) -> None:
        """Ends all processes at once."""
        self._leaving.set()
        processes = list(self._processes.values())
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        for task in self._keeping:
            task.cancel()
        await asyncio.gather(*self._keeping, return_exceptions=True)
        await asyncio.gather(*(process.wait() for process in processes))

    async def _keep(self, index: int) -> None:
        pause_s = 0.0
        while not self._leaving.is_set():
            began_s = time.monotonic()
            try:
                reason, code = await self._run(index)
            except Exception as error:  # the system may have no process, descriptor or memory for a moment
                reason, code = f"it could not be run: {error or type(error).__name__}", None
            if self._leaving.is_set() or self._group.engine_lost:
                return
            _log.error("front process %d has gone (%s, exit code %s)", index, reason, code)
            if self._failed_start is not None and not self._failed_start.done():
                failure = Unavailable(f"front process {index} ended while it was started (exit code {code})")
                self._failed_start.set_exception(failure)
                return
            settled = time.monotonic() - began_s > _SETTLED_S
            pause_s = 0.0 if settled else min(max(2 * pause_s, _FIRST_PAUSE_S), _LONGEST_PAUSE_S)
            await asyncio.sleep(pause_s)

    async def _run(self, index: int) -> tuple[str, int | None]:
        """Runs the process of an index to its end. Returns why it has gone, and its exit code."""
        self._starts[index] = start = self._starts.get(index, 0) + 1
        path = self._folder / f"{index}-{start}.sock"
        serving = asyncio.create_task(self._group.serve(index, str(path)))
        await asyncio.sleep(0)  # it is bound before anybody connects
        try:
            config = FrontConfig(index, str(path), os.getpid(), self._settings, self._behind)
            return await self._follow(index, await self._spawn(config), serving)
        finally:
            serving.cancel()
            path.unlink(missing_ok=True)
            await asyncio.gather(serving, return_exceptions=True)

    async def _follow(
        self, index: int, process: asyncio.subprocess.Process, serving: asyncio.Task[str]
    ) -> tuple[str, int | None]:
        """Waits for the end of the process, or of its connection. It has ended on return."""
        self._processes[index] = process
        exited = asyncio.create_task(process.wait())
        try:
            await asyncio.wait({serving, exited}, return_when=asyncio.FIRST_COMPLETED)
            reason = serving.result() if serving.done() else "it has ended"
            if reason == "it has ended":
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(asyncio.shield(exited), _EXIT_GRACE_S)
            return reason, process.returncode
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            try:
                await exited
            finally:  # also if ``kill`` comes meanwhile
                del self._processes[index]

    async def _spawn(self, config: FrontConfig) -> asyncio.subprocess.Process:
        # a session of its own: Ctrl-C is for the engine's process, which then drains all
        process = await asyncio.create_subprocess_exec(
            *self._command, stdin=asyncio.subprocess.PIPE, stdout=2, start_new_session=True
        )
        assert process.stdin is not None
        with contextlib.suppress(ConnectionError):  # it has ended already, which is noticed elsewhere
            process.stdin.write(config.to_line())
            await process.stdin.drain()
        return process
