"""Opens any audio or video file: by FFmpeg if PyAV is there, else by libsndfile where that suffices."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

from translate_svc.audio.audio_tracks import AudioChoice
from translate_svc.audio.containers import MediaAudio, open_media
from translate_svc.audio.sound_files import SoundFileAudio, is_sound_file, open_sound_file
from translate_svc.types import Samples

OpenMedia = MediaAudio | SoundFileAudio


def open_media_file(
    source: Path | BinaryIO,
    name: str = "",
    choice: AudioChoice = AudioChoice(),  # noqa: B008 - frozen
) -> AbstractContextManager[OpenMedia]:
    """Opens the audio that ``choice`` says. ``name`` is the source's name in errors.

    Raises:
        InvalidArgument: as ``containers.open_media``.
        ModuleNotFoundError: only PyAV (extra ``media``) could read it.
    """
    try:
        import av  # noqa: F401
    except ModuleNotFoundError:
        if isinstance(source, Path) and is_sound_file(source):
            return open_sound_file(source, choice)
        raise
    return open_media(source, name, choice)


class GuardedBlocks:
    """The blocks of a media file for another thread. ``stop`` waits until that thread is not reading.

    A file that is closed while it is read would crash the process.
    """

    def __init__(self, media: OpenMedia) -> None:
        self._blocks = media.blocks()
        self._lock = threading.Lock()
        self._stopped = False

    def __iter__(self) -> Iterator[Samples]:
        while (block := self.next()) is not None:
            yield block

    def next(self) -> Samples | None:
        """The next block ``[n]``; None at the end, and after ``stop``."""
        with self._lock:
            return None if self._stopped else next(self._blocks, None)

    def stop(self) -> None:
        """From now on no block is read."""
        with self._lock:
            self._stopped = True


async def read_in_thread(blocks: GuardedBlocks) -> AsyncIterator[Samples]:
    """Yields the blocks; each is read and decoded in a thread, so that the loop does not wait for a disk."""
    while (block := await asyncio.to_thread(blocks.next)) is not None:
        yield block
