"""Decodes any audio or video container to mono samples, with FFmpeg (PyAV, extra ``media``)."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from translate_svc.audio.audio_tracks import AudioChoice, AudioTrack, Channel
from translate_svc.audio.mixer import SideMixer
from translate_svc.audio.pipes import RejoinedPipe, is_cut_off, readable_pipe
from translate_svc.audio.stated_end import stated_microseconds
from translate_svc.audio.streamed.wav_header import StatedWav, stated_wav
from translate_svc.audio.timed_planes import CREDIBLE_RATES_HZ, MICROSECONDS_PER_S, TimedPlanes
from translate_svc.errors import InvalidArgument
from translate_svc.types import Samples

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer

_MIN_RATE_HZ, _MAX_RATE_HZ = 8_000, 48_000
_BLOCK_MS = 100
_FOREIGN = "is not an audio or video file that FFmpeg can read"
_OTHER_FILES = frozenset(
    {"concat", "dash", "hls", "image2", "imf", "lavfi", "rtp", "rtsp", "sap", "sdp", "webm_dash_manifest"}
)
"""Formats that name other files or addresses to read. They are refused: all speech must be in the file."""


@contextmanager
def open_media(
    source: Path | BinaryIO,
    name: str = "",
    choice: AudioChoice = AudioChoice(),  # noqa: B008 - frozen
) -> Iterator[MediaAudio]:
    """Opens one audio track of a file, or of a byte stream, seekable or not.

    Playlists are refused, because they lead to other files. ``name`` is the source's name in errors.

    Raises:
        InvalidArgument: the source does not exist, is not a container that FFmpeg reads, has no audio, has
            not the chosen track or channel, or has an unknown codec; or it is an MP4 file in a pipe with its
            index at the end. Names the source.
    """
    name = name or str(source)
    with ExitStack() as opened:
        if isinstance(source, Path):
            check_readable(source, name)
            if source.is_fifo():
                # FFmpeg would read it, too, but not tell what it holds to anybody else
                source = opened.enter_context(source.open("rb", buffering=0))
        pipe = source if isinstance(source, Path) else readable_pipe(source, name)
        wav = _stated_wav(pipe)
        container = opened.enter_context(_opened(pipe, name))
        stream, track = _chosen(container, choice, name)
        yield MediaAudio(container, stream, choice.channel, track, name=name, wav=wav)


def silent_film_ms(source: Path) -> int | None:
    """How long a film without sound is, 0 if it states no length; None if it has sound, or is no film.

    Raises:
        InvalidArgument: as ``open_media``.
    """
    check_readable(source, str(source))
    with _opened(source, str(source)) as container:
        if container.streams.audio or not container.streams.video:
            return None
        return _stated_ms(container) or 0


def check_readable(path: Path, name: str) -> None:
    """Raises InvalidArgument, with ``name``, if the file is not there, is empty or may not be read."""
    if path.is_dir() or not path.exists():
        raise InvalidArgument("is a directory" if path.is_dir() else "no such file", field=name)
    if path.is_file() and not path.stat().st_size:
        raise InvalidArgument("is empty", field=name)
    if not os.access(path, os.R_OK):
        raise InvalidArgument("may not be read", field=name)


def _opened(source: Path | BinaryIO, name: str) -> InputContainer:
    import av

    # without the prefix, FFmpeg takes a name before a colon for a protocol
    target = f"file:{source}" if isinstance(source, Path) else source
    formats = ",".join(sorted(av.formats_available - _OTHER_FILES))
    options = {"protocol_whitelist": "file", "format_whitelist": formats}
    try:
        return av.open(target, mode="r", options=options)
    except (av.FFmpegError, ValueError):
        raise InvalidArgument(_cause(source), field=name) from None


def _chosen(
    container: InputContainer, choice: AudioChoice, name: str
) -> tuple[AudioStream, AudioTrack | None]:
    """The track that ``choice`` says, and what it is, if there was a choice."""
    if not container.streams.audio:
        # FFmpeg takes some unrelated files for a raw format without streams
        problem = "has no audio stream" if container.streams.video else _FOREIGN
        raise InvalidArgument(problem, field=name)
    tracks = [_describe(stream, number) for number, stream in enumerate(container.streams.audio, 1)]
    track = choice.choose(tracks, name=name)
    stream = container.streams.audio[track.number - 1]
    # codec_context is None if this FFmpeg lacks the codec
    if stream.codec_context is None or not stream.rate:
        raise InvalidArgument("has audio in a codec that FFmpeg does not know", field=name)
    if stream.rate not in CREDIBLE_RATES_HZ:
        raise InvalidArgument(f"has {stream.rate} samples a second, which no recording has", field=name)
    return stream, track if len(tracks) > 1 else None


def _stated_ms(container: InputContainer) -> int | None:
    length = stated_microseconds(container)
    return None if length is None else max(length * 1000 // MICROSECONDS_PER_S, 0)


def _stated_wav(source: Path | BinaryIO) -> StatedWav | None:
    """What the header of a WAV file states; None if it is none."""
    if isinstance(source, Path):
        with source.open("rb") as file:
            return stated_wav(file)
    if isinstance(source, RejoinedPipe):
        return stated_wav(io.BytesIO(source.head))
    if source.tell():
        return None
    stated = stated_wav(source)
    source.seek(0)
    return stated


def _cause(source: Path | BinaryIO) -> str:
    """Why FFmpeg could not open a file."""
    if isinstance(source, Path):
        with source.open("rb") as file:
            if is_cut_off(file):
                return "is an MP4 file that was cut off: its index (moov) is missing, so nobody can read it"
    return _FOREIGN


def _describe(stream: AudioStream, number: int) -> AudioTrack:
    import av

    kinds = av.stream.Disposition
    extras = kinds.comment | kinds.hearing_impaired | kinds.visual_impaired
    return AudioTrack(
        number,
        language=stream.metadata.get("language", "").replace("und", ""),
        channels=0 if stream.codec_context is None else stream.codec_context.channels,
        is_default=bool(stream.disposition & kinds.default),
        is_extra=bool(stream.disposition & extras),
        title=stream.metadata.get("title", ""),
    )


class MediaAudio:
    """One channel of an audio track, or all of them mixed, at the source's own rate limited to 8 to 48 kHz.

    Positions are those of ``TimedPlanes``.
    """

    def __init__(
        self,
        container: InputContainer,
        stream: AudioStream,
        channel: Channel = Channel.MIX,
        track: AudioTrack | None = None,
        *,
        name: str = "",
        wav: StatedWav | None = None,
    ) -> None:
        """``track``: the chosen track, if there was a choice. ``name``: the source's name in errors.
        ``wav``: as of ``TimedPlanes``.
        """
        self.track = track
        self._channel = channel
        self._sides = SideMixer(channel)
        self.sample_rate_hz = min(max(stream.rate, _MIN_RATE_HZ), _MAX_RATE_HZ)
        layout = "" if channel is Channel.MIX else "stereo"
        self._planes = TimedPlanes(container, stream, self.sample_rate_hz, layout, name=name, wav=wav)
        self.duration_ms = _stated_ms(container)
        """The duration that the container states; None if it states none."""

    @property
    def speakers_are_apart(self) -> bool:
        """Whether so far each side of a mixed stereo track was often heard alone."""
        return self._channel is Channel.MIX and self._sides.speakers_are_apart

    @property
    def sides_are_alike(self) -> bool:
        """Whether so far hardly anything was heard on one side of a stereo track alone."""
        return self._sides.sides_are_alike

    @property
    def damage(self) -> str | None:
        """What could not be read so far; None if all could."""
        return self._planes.damage.description

    def blocks(self) -> Iterator[Samples]:
        """Yields the whole stream, once, in blocks ``[n]`` of about 100 ms. Keeps only a few in memory.

        Raises:
            InvalidArgument: the track claims to last longer than its bytes make credible. Names the source.
        """
        waiting: list[Samples] = []
        count = 0
        for planes in self._planes:
            samples: Samples = planes[0] if len(planes) == 1 else self._sides.mix(planes)
            waiting.append(samples)
            count += len(samples)
            if count * 1000 >= self.sample_rate_hz * _BLOCK_MS:
                yield np.concatenate(waiting)
                waiting, count = [], 0
        if waiting:
            yield np.concatenate(waiting)
