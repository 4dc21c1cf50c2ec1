"""Opens any audio or video file: by FFmpeg if PyAV is there, else by libsndfile where that suffices."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile

from translate_svc.audio import containers
from translate_svc.audio.audio_tracks import AudioChoice, AudioTrack, Channel
from translate_svc.audio.containers import MediaAudio, check_readable, open_media
from translate_svc.audio.damage import Damage
from translate_svc.audio.mixer import SideMixer
from translate_svc.audio.resampler import Resampler
from translate_svc.audio.stated_end import cut_off
from translate_svc.audio.streamed.wav_header import stated_wav
from translate_svc.types import Samples

_MIN_RATE_HZ, _MAX_RATE_HZ = 8_000, 48_000
_BLOCKS_PER_S = 10


class SoundFileAudio:
    """One channel of the file, or all mixed; it has the attributes of ``containers.MediaAudio``."""

    track: AudioTrack | None = None

    def __init__(self, file: soundfile.SoundFile, channel: Channel) -> None:
        self._file = file
        self._channel = channel
        self._sides = SideMixer(channel)
        self._damage = Damage()
        self.sample_rate_hz = min(max(file.samplerate, _MIN_RATE_HZ), _MAX_RATE_HZ)
        self.duration_ms: int | None = file.frames * 1000 // file.samplerate

    @property
    def speakers_are_apart(self) -> bool:
        """Implements ``MediaAudio.speakers_are_apart``."""
        return self._channel is Channel.MIX and self._sides.speakers_are_apart

    @property
    def sides_are_alike(self) -> bool:
        """Implements ``MediaAudio.sides_are_alike``."""
        return self._sides.sides_are_alike

    @property
    def damage(self) -> str | None:
        """Implements ``MediaAudio.damage``."""
        return self._damage.description

    def blocks(self) -> Iterator[Samples]:
        """Yields the whole file, once, in blocks ``[n]`` of about 100 ms."""
        resampler = Resampler(self._file.samplerate, self.sample_rate_hz)
        read_samples = 0
        for block in self._file.blocks(
            self._file.samplerate // _BLOCKS_PER_S, dtype="float32", always_2d=True
        ):
            block = self._damage.silenced(block.T, read_samples / self._file.samplerate)
            read_samples += block.shape[1]
            if len(resampled := resampler.push(self._mono(block))):
                yield resampled
        if len(rest := resampler.flush()):
            yield rest
        with Path(self._file.name).open("rb") as file:
            stated = stated_wav(file)
        if stated is None or stated.length_s is None:
            return
        if found := cut_off(read_samples / self._file.samplerate, stated.length_s):
            self._damage.add_cut(*found)

    def _mono(self, block: Samples) -> Samples:
        if len(block) == 2 or self._channel is not Channel.MIX:
            return self._sides.mix(np.ascontiguousarray(block[:2]))
        mixed: Samples = block.mean(axis=0, dtype=np.float32)
        return mixed


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
        if isinstance(source, Path):
            # a name that was mistyped is not mended by a package
            check_readable(source, name or str(source))
            if is_sound_file(source):
                return open_sound_file(source, choice)
        raise
    return open_media(source, name, choice)


def silent_film_ms(source: Path) -> int | None:
    """As ``containers.silent_film_ms``. Without PyAV (extra ``media``) no film is known: None."""
    try:
        import av  # noqa: F401
    except ModuleNotFoundError:
        return None
    return containers.silent_film_ms(source)


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


def is_sound_file(path: Path) -> bool:
    """Whether libsndfile can read the file."""
    try:
        soundfile.info(path)
    except (soundfile.LibsndfileError, OSError):
        return False
    return True


@contextmanager
def open_sound_file(
    path: Path,
    choice: AudioChoice = AudioChoice(),  # noqa: B008 - frozen
) -> Iterator[SoundFileAudio]:
    """Opens an audio file. ``choice.track`` can only be 1.

    Raises:
        InvalidArgument: the file has not the chosen track or channel. Names the file.
        soundfile.LibsndfileError: ``is_sound_file`` is not true of it.
    """
    with soundfile.SoundFile(path) as file:
        choice.choose([AudioTrack(1, channels=file.channels)], name=str(path))
        yield SoundFileAudio(file, choice.channel)
