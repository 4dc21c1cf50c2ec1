"""Files of a batch in processes of their own, in front of the engine in this process.

Reading, voice activity detection, segmentation and outputs cost a core some milliseconds for each second of
audio, most of it in Python. Beside the engine's thread in one process they would take that time from it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from translate_svc.cli.batch.file_process import READY, FileProcessConfig, frame, receive_frame
from translate_svc.cli.batch.items import BatchItem
from translate_svc.cli.batch.journal import FileResult
from translate_svc.cli.interrupts import at_leave, temporary_folder
from translate_svc.errors import Unavailable
from translate_svc.remote_engine.front_group import FrontGroup

_COMMAND = (sys.executable, "-m", "translate_svc.cli.batch.file_process")
_CORES_A_PROCESS = 4


def default_file_processes() -> int:
    """How many processes read files where nobody says so: one for every four cores, none on a single core."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return 0 if cores < 2 else max(1, cores // _CORES_A_PROCESS)


@dataclass(slots=True, eq=False)
class _FileProcess:
    """``answers``: of the files that it has, by their numbers."""

    process: asyncio.subprocess.Process
    ready: asyncio.Future[None]
    answers: dict[int, asyncio.Future[FileResult]] = field(default_factory=dict)
    ended: str = ""


class FileProcesses:
    """A ``crew.Worker`` that gives each file to the process with the fewest. ``open`` makes it."""

    def __init__(self) -> None:
        self._processes: list[_FileProcess] = []
        self._next_number = 0

    @classmethod
    @asynccontextmanager
    async def open(
        cls, group: FrontGroup, config: FileProcessConfig, count: int
    ) -> AsyncIterator[FileProcesses]:
        """Starts ``count`` processes in front of the engine of ``group``, and ends them on exit.

        ``config``: their settings; its path is left out.

        Raises:
            Unavailable: one of them could not be started. It has said why on standard error.
        """
        opened = cls()
        tasks: list[asyncio.Task[None]] = []
        with (
            temporary_folder("translate-svc-files-") as folder,
            at_leave(opened._kill),
        ):
            try:
                for index in range(count):
                    path = str(folder / f"{index}.sock")
                    serving = asyncio.create_task(group.serve(index, path))
                    await asyncio.sleep(0)  # it is bound before anybody connects
                    each = await _started(replace(config, path=path))
                    opened._processes.append(each)
                    tasks.append(asyncio.create_task(_watch(each, serving)))
                await asyncio.gather(*(each.ready for each in opened._processes))
                yield opened
            finally:
                opened._kill()  # what is done is in the journal
                await asyncio.gather(*tasks, return_exceptions=True)

    def _kill(self) -> None:
        for each in self._processes:
            _kill(each.process)

    async def translate(self, item: BatchItem) -> FileResult:
        """Implements ``crew.Worker.translate``.

        Raises:
            Unavailable: the process has ended.
            Exception: as ``FileWork.translate``.
        """
        chosen = min(self._processes, key=lambda each: len(each.answers))
        if chosen.ended:
            raise Unavailable(chosen.ended)
        number, self._next_number = self._next_number, self._next_number + 1
        answer: asyncio.Future[FileResult] = asyncio.get_running_loop().create_future()
        chosen.answers[number] = answer
        assert chosen.process.stdin is not None
        chosen.process.stdin.write(frame((number, item)))
        try:
            return await answer
        finally:
            chosen.answers.pop(number, None)


async def _started(config: FileProcessConfig) -> _FileProcess:
    # a session of its own: Ctrl-C is for the process of the command, which then ends all
    process = await asyncio.create_subprocess_exec(
        *_COMMAND, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, start_new_session=True
    )
    assert process.stdin is not None
    process.stdin.write(frame(config))
    return _FileProcess(process, asyncio.get_running_loop().create_future())


def _kill(process: asyncio.subprocess.Process) -> None:
    """Ends a process that may have ended. ``Process.kill`` would take its exit code from asyncio then."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)


async def _watch(each: _FileProcess, serving: asyncio.Task[str]) -> None:
    """Passes answers on until the process has ended, or hangs. Then its files fail."""
    answering = asyncio.create_task(_answer(each))
    try:
        await asyncio.wait({answering, serving}, return_when=asyncio.FIRST_COMPLETED)
        _kill(each.process)
        code = await each.process.wait()
        each.ended = f"a process that reads files has ended (exit code {code})"
        waiting: list[asyncio.Future[Any]] = [each.ready, *each.answers.values()]
        for answer in waiting:
            if not answer.done():
                answer.set_exception(Unavailable(each.ended))
    finally:
        answering.cancel()
        serving.cancel()
        await asyncio.gather(answering, serving, return_exceptions=True)


async def _answer(each: _FileProcess) -> None:
    assert each.process.stdout is not None
    while (received := await receive_frame(each.process.stdout)) is not None:
        number, result = received
        if number == READY:
            each.ready.set_result(None)
        elif (answer := each.answers.get(number)) is None or answer.done():
            continue
        elif isinstance(result, Exception):
            answer.set_exception(result)
        else:
            answer.set_result(result)
