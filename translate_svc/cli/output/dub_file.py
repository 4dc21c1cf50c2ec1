"""Dubs as files: which containers there are, and what FFmpeg puts into them."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from translate_svc.audio.timed_planes import Planes
from translate_svc.cli.exit_codes import UsageError
from translate_svc.cli.output.dub_audio import dub_blocks
from translate_svc.errors import InvalidArgument

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.packet import Packet
    from av.stream import Stream

_SPEECH_HZ, _FULL_HZ = 16_000, 48_000
_BITS_A_CHANNEL = 64_000
_DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True, slots=True)
class DubFormat:
    """A container in FFmpeg's words: its format, the codec of a dub in it and the dub's rate. ``subtitles``:
    the codec of subtitles; None if no film is made of it. ``picture``: the encoder of a picture that is
    encoded again; None if it holds none.
    """

    container: str
    codec: str
    rate_hz: int = _FULL_HZ
    subtitles: str | None = None
    picture: str | None = None


DUB_FORMATS = {
    ".wav": DubFormat("wav", "pcm_s16le", _SPEECH_HZ),
    ".flac": DubFormat("flac", "flac", _SPEECH_HZ),
    ".mp3": DubFormat("mp3", "libmp3lame"),
    ".m4a": DubFormat("ipod", "aac"),
    ".aac": DubFormat("adts", "aac"),
    ".opus": DubFormat("ogg", "libopus"),
    ".ogg": DubFormat("ogg", "libopus"),
    ".oga": DubFormat("ogg", "libopus"),
    ".mp4": DubFormat("mp4", "aac", subtitles="mov_text", picture="libx264"),
    ".m4v": DubFormat("mp4", "aac", subtitles="mov_text", picture="libx264"),
    ".mov": DubFormat("mov", "aac", subtitles="mov_text", picture="libx264"),
    ".mkv": DubFormat("matroska", "aac", subtitles="ass", picture="libx264"),
    ".mka": DubFormat("matroska", "aac", subtitles="ass"),
    ".webm": DubFormat("webm", "libopus", subtitles="webvtt", picture="libvpx-vp9"),
}
"""By the suffix of the file."""


def check_output(output: Path | None) -> None:
    """Checks ``--output``, if it is given.

    Raises:
        UsageError: no dub can be written to such a file.
        ModuleNotFoundError: none without PyAV (extra ``media``).
    """
    suffix = ".wav" if output is None else output.suffix.lower()
    if suffix not in DUB_FORMATS:
        raise UsageError(f"must end in {', '.join(DUB_FORMATS)}", field="--output")
    if suffix != ".wav":
        import av  # noqa: F401


class DubTrack:
    """Encodes a dub little by little, so that its packets can lie beside those of a picture."""

    def __init__(
        self, output: OutputContainer, form: DubFormat, blocks: Iterator[Planes], channels: int
    ) -> None:
        """``blocks``: at the rate of ``form``."""
        import av

        self._layout = "mono" if channels == 1 else "stereo"
        stream = output.add_stream(form.codec, rate=form.rate_hz, layout=self._layout)
        assert isinstance(stream, av.AudioStream)
        if form.rate_hz == _FULL_HZ:
            stream.bit_rate = _BITS_A_CHANNEL * channels
        self.stream = stream
        self._blocks = blocks
        self._rate_hz = form.rate_hz
        self._written_samples = 0
        self._ended = False

    def until(self, time_s: float) -> Iterator[Packet[Stream]]:
        """The packets up to ``time_s``."""
        import av

        while not self._ended and self._written_samples < time_s * self._rate_hz:
            block = next(self._blocks, None)
            if block is None and not self._written_samples:
                # a track without a packet is one that no player opens, and a file of it has no bytes
                block = np.zeros((1 if self._layout == "mono" else 2, 1), np.float32)
            if block is None:
                self._ended = True
                yield from self.stream.encode(None)
                return
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(block), format="fltp", layout=self._layout
            )
            frame.sample_rate, frame.time_base = self._rate_hz, Fraction(1, self._rate_hz)
            frame.pts = self._written_samples
            self._written_samples += block.shape[1]
            yield from self.stream.encode(frame)


def write_dub(speech: Path, target: Path, suffix: str) -> None:
    """Writes the WAV file ``speech`` to ``target``, at EBU R 128's loudness.

    A client without PyAV can write WAV alone, as loud as the model speaks.

    Args:
        speech: the file.
        target: the new file, under any name.
        suffix: a key of ``DUB_FORMATS``.

    Raises:
        OSError: the disk is full. Names the target.
        ModuleNotFoundError: PyAV (extra ``media``) is missing.
    """
    try:
        import av
    except ModuleNotFoundError:
        if suffix != ".wav":
            raise
        shutil.copyfile(speech, target)
        return
    form = DUB_FORMATS[suffix]
    channels = soundfile.info(speech).channels
    with (
        written_by_ffmpeg(target, form, target),
        av.open(f"file:{target}", "w", format=form.container) as output,
    ):
        track = DubTrack(output, form, dub_blocks(speech, form.rate_hz, channels), channels)
        for packet in track.until(float("inf")):
            output.mux(packet)


@contextmanager
def written_by_ffmpeg(target: Path, form: DubFormat, source: Path) -> Iterator[None]:
    """In the block, FFmpeg writes ``target``.

    Raises:
        OSError: the disk is full. Names the target.
        InvalidArgument: it cannot be written for another reason. Names ``source``.
    """
    import av

    try:
        yield
    except av.FFmpegError as error:
        if error.errno in _DISK_ERRORS:
            raise OSError(error.errno, error.strerror, str(target)) from None
        message = f"cannot be copied to {form.container}: {error.strerror}"
        raise InvalidArgument(message, field=str(source)) from None
