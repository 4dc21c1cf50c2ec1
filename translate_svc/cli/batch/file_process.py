"""A process that does all for files of a batch but compute: it reads, finds utterances, and writes outputs.

It is to the engine's process what a front process is to a server: its sessions have a remote engine. Files
come on standard input and results go to standard output, as frames: a length, and a pickled object. Both ends
are processes of one command, so the unpickled objects are trusted.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import pickle
import signal
import struct
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from translate_svc.cli.batch.arguments import BatchArguments
from translate_svc.cli.batch.items import BatchItem
from translate_svc.cli.exit_codes import EXIT_LOST
from translate_svc.cli.fronts.remote_service import remote_service
from translate_svc.cli.logs import configure_logs
from translate_svc.config import Settings
from translate_svc.languages import LanguageTable
from translate_svc.types import ModelInfo

if TYPE_CHECKING:
    from translate_svc.cli.batch.file_work import FileWork

READY = -1
"""The number of the first frame that is sent: files can come."""

_LENGTH = struct.Struct("!Q")
_log = logging.getLogger(__name__)


def frame(value: object) -> bytes:
    """``value`` as one frame."""
    data = pickle.dumps(value)
    return _LENGTH.pack(len(data)) + data


def write_frame(file: BinaryIO, value: object) -> None:
    """Writes one frame, and waits until it has gone."""
    file.write(frame(value))
    file.flush()


def read_frame(file: BinaryIO) -> Any:
    """The next frame; None at the end, also in the middle of a frame."""
    head = file.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    data = file.read(length)
    return pickle.loads(data) if len(data) == length else None


async def receive_frame(stream: asyncio.StreamReader) -> Any:
    """The next frame; None at the end, also in the middle of a frame."""
    with contextlib.suppress(asyncio.IncompleteReadError):
        (length,) = _LENGTH.unpack(await stream.readexactly(_LENGTH.size))
        return pickle.loads(await stream.readexactly(length))
    return None


@dataclass(frozen=True, slots=True)
class FileProcessConfig:
    """The first frame that comes. ``path``: the socket of the engine's process; others as of ``FileWork``."""

    path: str
    settings: Settings
    arguments: BatchArguments
    table: LanguageTable
    model: ModelInfo
    staging: Path


def main() -> None:
    """Runs until the engine's process closes its standard input, or has gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    results = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever libraries print
    configure_logs("error")
    config = read_frame(sys.stdin.buffer)
    assert isinstance(config, FileProcessConfig)
    try:
        asyncio.run(_run(config, results))
    except Exception as error:
        _log.critical("the process that reads files failed", exc_info=error)
    os._exit(EXIT_LOST)


async def _run(config: FileProcessConfig, results: BinaryIO) -> None:
    from translate_svc.cli.backends.local_backend import LocalTranslator
    from translate_svc.cli.batch.file_work import FileWork
    from translate_svc.cli.batch.journal import Journal
    from translate_svc.observability.metrics import Metrics
    from translate_svc.remote_engine.messages import Report

    async with remote_service(config.path, config.settings, Metrics()) as (connection, service):
        connection.report_with(lambda: Report(ready=True))
        translator, journal = LocalTranslator(service), Journal(config.arguments.out)
        work = FileWork(config.arguments, config.table, config.model, translator, journal, config.staging)
        loop = asyncio.get_running_loop()
        items: asyncio.Queue[tuple[int, BatchItem]] = asyncio.Queue()  # as many as the crew has files at once
        threading.Thread(target=_read_items, args=(loop, items), daemon=True).start()
        answers = _Answers(results)
        await answers.send(READY, None)
        async with asyncio.TaskGroup() as tasks:
            while True:
                tasks.create_task(_translate(work, *(await items.get()), answers))


def _read_items(loop: asyncio.AbstractEventLoop, items: asyncio.Queue[tuple[int, BatchItem]]) -> None:
    """Ends the process with its input: the engine's process has nothing more for it, or has gone."""
    while (frame := read_frame(sys.stdin.buffer)) is not None:
        loop.call_soon_threadsafe(items.put_nowait, frame)
    os._exit(0)


async def _translate(work: FileWork, number: int, item: BatchItem, answers: _Answers) -> None:
    try:
        await answers.send(number, await work.translate(item))
    except Exception as error:
        await answers.send(number, error)


class _Answers:
    """Sends results, one after another."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._sending = asyncio.Lock()

    async def send(self, number: int, answer: object) -> None:
        """Returns when the pipe has taken it."""
        async with self._sending:
            await asyncio.to_thread(write_frame, self._file, (number, answer))


if __name__ == "__main__":
    # by its name, so that unpickled objects have the classes of this file
    from translate_svc.cli.batch import file_process

    file_process.main()
