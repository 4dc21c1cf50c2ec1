"""Several files at a time, and what ends all of them."""

from __future__ import annotations

import asyncio
import errno
import gc
from typing import Any

import pytest

from translate_svc.cli.batch.items import BatchItem
from translate_svc.cli.batch.journal import FileResult
from translate_svc.cli.batch.worker_pool import WorkerPool


class FullDisk:
    """All files find at the same moment that the disk is full."""

    def __init__(self, files: int) -> None:
        self._barrier = asyncio.Barrier(files)

    async def translate(self, item: BatchItem) -> FileResult:
        try:
            await self._barrier.wait()
        finally:
            raise OSError(errno.ENOSPC, "No space left on device", item.source)


async def test_what_ends_several_files_is_raised_once_and_asyncio_reports_no_other() -> None:
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    items = [BatchItem(f"/talks/{name}.wav", name) for name in "abcde"]
    with pytest.raises(OSError, match="No space left"):
        async for _ in WorkerPool(FullDisk(3), 4).results(items):
            pass
    gc.collect()
    await asyncio.sleep(0)
    assert reported == []
