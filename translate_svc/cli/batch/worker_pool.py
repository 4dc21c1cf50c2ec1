"""Who translates the files of a batch: an engine in this process or a server, or engines on a Ray cluster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import Protocol

from translate_svc.cli.batch.items import BatchItem
from translate_svc.cli.batch.journal import FileResult


class Worker(Protocol):
    """Translates files, one for each call. Its calls may overlap."""

    def translate(self, item: BatchItem) -> Coroutine[None, None, FileResult]:
        """Translates a file and writes its record. A fault of the file alone is in the result.

        Raises:
            TranslateSvcError: no file can be translated any more.
            OSError: the outputs cannot be written.
        """


class WorkerPool:
    """Keeps a worker busy with several files at a time."""

    def __init__(self, worker: Worker, files_at_once: int) -> None:
        self._worker = worker
        self._files_at_once = files_at_once

    async def results(self, items: Sequence[BatchItem]) -> AsyncIterator[FileResult]:
        """One result for each item, as files end. They are begun in their order.

        Raises:
            Exception: as ``Worker.translate``.
        """
        waiting = iter(items)
        tasks: set[asyncio.Task[FileResult]] = set()
        try:
            while True:
                while len(tasks) < self._files_at_once and (item := next(waiting, None)) is not None:
                    tasks.add(asyncio.create_task(self._worker.translate(item)))
                if not tasks:
                    return
                ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in ended:
                    yield task.result()
                tasks -= ended
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)  # others may have failed for the same reason
