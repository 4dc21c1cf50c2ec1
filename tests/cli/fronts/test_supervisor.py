"""The supervisor of front processes, with a group that serves nobody and processes that only sleep."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from tests.waiting import until
from translate_svc.cli.fronts.supervisor import Supervisor
from translate_svc.config import Settings
from translate_svc.remote_engine.front_group import FrontGroup

_SLEEPS = (sys.executable, "-c", "import time; time.sleep(300)")


def _bind(path: str) -> None:
    Path(path).touch()


async def test_a_kill_while_a_process_is_being_ended_leaves_nothing_of_it(tmp_path: Path) -> None:
    """The engine is lost: the connection of the process ends, and then the server is told to stop."""
    serving, lost = asyncio.Event(), asyncio.Event()

    async def serve(index: int, path: str) -> str:
        _bind(path)
        serving.set()
        await lost.wait()
        return "the engine was lost"

    group = SimpleNamespace(serve=serve, engine_lost=True, ready=set(), on_change=None)
    supervisor = Supervisor(cast(FrontGroup, group), Settings(), tmp_path, _SLEEPS)
    starting = asyncio.create_task(supervisor.start(1))
    await serving.wait()
    while not supervisor.pids:  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0.01)
    (process,) = supervisor._processes.values()
    (keeping,) = supervisor._keeping
    kill = process.kill

    def kill_and_be_cancelled() -> None:
        kill()
        asyncio.get_running_loop().call_soon(keeping.cancel)  # before the end of the process is noticed

    process.kill = kill_and_be_cancelled  # type: ignore[method-assign]
    lost.set()
    await asyncio.wait({keeping})
    assert supervisor.pids == {}
    assert os.listdir(tmp_path) == []
    await supervisor.kill()
    await process.wait()
    starting.cancel()


async def test_a_process_that_could_not_be_started_for_a_moment_is_tried_again(tmp_path: Path) -> None:
    """The system had no process for it."""
    command = tmp_path / "front"
    command.symlink_to(sys.executable)
    ready: set[int] = set()
    group = SimpleNamespace(engine_lost=False, ready=ready, on_change=lambda: None)

    async def serve(index: int, path: str) -> str:
        ready.add(index)
        group.on_change()
        await asyncio.Event().wait()
        return "never"

    group.serve = serve
    folder = tmp_path / "sockets"
    supervisor = Supervisor(cast(FrontGroup, group), Settings(), folder, (str(command), *_SLEEPS[1:]))
    await supervisor.start(1)
    await until(lambda: bool(supervisor.pids))
    first = supervisor.pids[0]
    command.unlink()
    os.kill(first, signal.SIGKILL)
    await until(lambda: not supervisor.pids)
    await asyncio.sleep(1.0)  # long enough for a start that fails
    command.symlink_to(sys.executable)
    await until(lambda: bool(supervisor.pids))
    assert supervisor.pids[0] != first
    await supervisor.kill()
