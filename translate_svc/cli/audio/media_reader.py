"""Reads a media file or standard input, and decodes it in a thread."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from translate_svc.audio.audio_tracks import AudioChoice
from translate_svc.audio.media_files import OpenMedia, open_media_file
from translate_svc.cli.media.part import Part
from translate_svc.types import Samples

STDIN = Path("-")
_MAX_WAITING_BLOCKS = 16

_Item = OpenMedia | Samples | Exception | None
"""Items of the thread, in order: the opened media, the blocks, and None at the end; or the error."""


class MediaReader:
    """``async with`` opens it. Then ``media`` has rate and length, and ``blocks`` yields the audio.

    The thread decodes at most 16 blocks (1.6 s) ahead of the reader and then waits. It is a daemon, because
    nothing can interrupt a read from standard input.
    """

    def __init__(
        self,
        source: Path,
        choice: AudioChoice = AudioChoice(),  # noqa: B008 - frozen
        part: Part = Part(),  # noqa: B008 - frozen
    ) -> None:
        """``source``: the file; ``-`` is standard input. ``choice``: its track and channel, ``part`` the part
        of it.
        """
        self._source = source
        self._choice = choice
        self._part = part
        # a name may hold bytes that are not UTF-8, which cannot be printed
        printable = source.name.encode(errors="backslashreplace").decode()
        self.name = "standard input" if source == STDIN else printable
        self._items = asyncio.Queue[_Item]()
        self._room = threading.Semaphore(_MAX_WAITING_BLOCKS)
        self._stopped = threading.Event()
        self._media: OpenMedia | None = None

    @property
    def media(self) -> OpenMedia:
        """The opened media. Only the thread may read its ``blocks``."""
        if self._media is None:
            raise RuntimeError("not open: use it as `async with`")
        return self._media

    @property
    def duration_ms(self) -> int | None:
        """How long ``blocks`` are, as far as the file says it."""
        return self._part.ms_of(self.media.duration_ms)

    async def __aenter__(self) -> MediaReader:
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._work, args=(loop,), name="media-reader", daemon=True).start()
        try:
            first = await self._items.get()
        except BaseException:
            self._stop()
            raise
        if isinstance(first, Exception):
            raise first
        assert isinstance(first, OpenMedia)
        self._media = first
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    async def blocks(self) -> AsyncIterator[Samples]:
        """All the audio of the part. Call it once.

        Raises:
            Exception: the error that ended the reading.
        """
        while (item := await self._items.get()) is not None:
            if isinstance(item, Exception):
                raise item
            self._room.release()
            assert not isinstance(item, OpenMedia)
            yield item

    def _stop(self) -> None:
        self._stopped.set()
        self._room.release()

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        def put(item: _Item) -> None:
            loop.call_soon_threadsafe(self._items.put_nowait, item)

        try:
            try:
                self._read(put)
            except Exception as error:
                put(error)
        except RuntimeError:
            # the loop is closed: the reader has ended
            return

    def _read(self, put: Callable[[_Item], None]) -> None:
        # unbuffered: a waiting daemon thread would hold a buffer's lock and so crash the interpreter at exit
        source: Path | BinaryIO = io.FileIO(0, closefd=False) if self._source == STDIN else self._source
        name = self.name if self._source == STDIN else ""
        with open_media_file(source, name, self._choice) as media:
            put(media)
            for block in self._part.cut(media.blocks(), media.sample_rate_hz, self.name):
                self._room.acquire()
                if self._stopped.is_set():
                    return
                put(block)
            put(None)
