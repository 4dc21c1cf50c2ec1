"""Who translates the files of a batch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from translate_svc.cli.batch.file_work import FileWork
from translate_svc.cli.batch.items import BatchItem
from translate_svc.cli.batch.journal import FileResult


class Crew(Protocol):
    """Translates files, in any order. Results come as files end."""

    def results(self, items: Sequence[BatchItem]) -> AsyncIterator[FileResult]:
        """One result for each item, whose record is in the journal by then.

        Raises:
            TranslateSvcError: nothing can be translated any more.
        """


class LocalCrew:
    """Translates with one translator, several files at once."""

    def __init__(self, work: FileWork, files_at_once: int) -> None:
        self._work = work
        self._files_at_once = files_at_once

    async def results(self, items: Sequence[BatchItem]) -> AsyncIterator[FileResult]:
        """See ``Crew``. The items are begun in their order."""
        waiting = iter(items)
        tasks: set[asyncio.Task[FileResult]] = set()
        try:
            while True:
                while len(tasks) < self._files_at_once and (item := next(waiting, None)) is not None:
                    tasks.add(asyncio.create_task(self._work.translate(item), name=item.name))
                if not tasks:
                    return
                ended, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in ended:
                    yield task.result()
        finally:
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks)


CrewContext = AbstractAsyncContextManager[Crew]
