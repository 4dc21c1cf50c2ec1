"""The audio of an uploaded file, as the messages of a stream."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import BinaryIO, Self, TypeVar

import numpy as np

from translate_svc.audio.containers import MediaAudio, open_media
from translate_svc.gateway.failures import RequestTooLarge
from translate_svc.types import SAMPLES_ENCODING, AudioFormat, AudioInput, ClientMessage, EndInput, Samples

T = TypeVar("T")

_BLOCKS = 10
"""Blocks of 100 ms or more that are decoded together."""

_PART_SAMPLES = 8_192
"""Samples of one message: half of the bytes that a stream takes in one."""


class UploadedAudio:
    """The ``MessageSource`` of a file. FFmpeg works in threads, one call at a time.

    Use it as a context manager: entering opens the file, leaving waits for the thread.
    """

    def __init__(self, file: BinaryIO, max_duration_s: float) -> None:
        self._file = file
        self._max_duration_s = max_duration_s
        self._stack = ExitStack()
        self._call: asyncio.Future[object] | None = None
        self._waiting = np.empty(0, np.float32)
        self._samples = 0
        self._ended = False
        self._media: MediaAudio
        self._blocks: Iterator[Samples]

    async def __aenter__(self) -> Self:
        """Opens the file.

        Raises:
            InvalidArgument: FFmpeg cannot read it. Names ``file``.
            RequestTooLarge: it states that it is longer than files may be. Names ``file``.
        """
        try:
            self._media = await self._in_thread(
                lambda: self._stack.enter_context(open_media(self._file, "file"))
            )
            self._blocks = self._media.blocks()
            self._check_duration(self.stated_s)
        except BaseException:  # also a client that leaves
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def _close(self) -> None:
        """Waits for the thread, which reads the file and its container, and closes the container."""
        if self._call is not None:
            await asyncio.shield(asyncio.wait({self._call}))
            self._call.exception()  # where the client has left, nobody else asks for it
        self._stack.close()

    @property
    def format(self) -> AudioFormat:
        """What the messages hold."""
        return AudioFormat(SAMPLES_ENCODING, self._media.sample_rate_hz)

    @property
    def stated_s(self) -> float:
        """Duration that the file states; 0 if it states none."""
        return (self._media.duration_ms or 0) / 1000

    @property
    def duration_s(self) -> float:
        """Duration of the audio decoded so far."""
        return self._samples / self._media.sample_rate_hz

    @property
    def damage(self) -> str | None:
        """What could not be read so far; None if all could."""
        return self._media.damage

    async def receive(self) -> ClientMessage | None:
        """The next samples, ``EndInput`` after the last ones, and then nothing.

        Raises:
            RequestTooLarge: the file is longer than files may be, whatever it states.
        """
        if self._ended:
            return None
        if not len(self._waiting):
            self._waiting = await self._in_thread(self._next_blocks)
        samples, self._waiting = self._waiting[:_PART_SAMPLES], self._waiting[_PART_SAMPLES:]
        if not len(samples):
            self._ended = True
            return EndInput(self._samples)
        self._samples += len(samples)
        self._check_duration(self.duration_s)
        return AudioInput(np.clip(samples, -1, 1).astype("<f4").tobytes())

    def _check_duration(self, seconds: float) -> None:
        if seconds > self._max_duration_s:
            raise RequestTooLarge(f"holds more than {self._max_duration_s:g} s of audio", field="file")

    def _next_blocks(self) -> Samples:
        blocks = [block for _, block in zip(range(_BLOCKS), self._blocks, strict=False)]
        return np.concatenate(blocks) if blocks else np.empty(0, np.float32)

    async def _in_thread(self, function: Callable[[], T]) -> T:
        call = asyncio.get_running_loop().run_in_executor(None, function)
        self._call = call  # type: ignore[assignment]  # only waited for
        return await asyncio.shield(call)
