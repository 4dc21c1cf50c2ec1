"""The audio of an upload whose client leaves."""

from __future__ import annotations

import asyncio
import gc
import io
import threading
from typing import Any

import pytest

from translate_svc.gateway.files.uploaded_audio import UploadedAudio


class _HeldFile(io.BytesIO):
    """No audio. Reads wait until ``go_on`` is set."""

    def __init__(self) -> None:
        super().__init__(bytes(4_096))
        self.begun, self.go_on = threading.Event(), threading.Event()

    def read(self, size: int | None = -1, /) -> bytes:
        self.begun.set()
        self.go_on.wait()
        return super().read(size)


async def test_a_file_that_is_being_opened_outlives_a_client_that_leaves() -> None:
    """The file was closed under the thread that read it, and its error was logged with a traceback."""
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    file = _HeldFile()

    async def answer() -> None:
        async with UploadedAudio(file, 60.0):
            pass

    answering = asyncio.create_task(answer())
    try:
        assert await asyncio.to_thread(file.begun.wait, 60)
        answering.cancel()
        await asyncio.wait({answering}, timeout=0.1)
        assert not answering.done()
    finally:
        file.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await answering
    del answering
    gc.collect()
    await asyncio.sleep(0)
    assert not told
