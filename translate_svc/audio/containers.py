"""Decodes any audio or video container to mono samples, with FFmpeg (PyAV, extra ``media``)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from translate_svc.audio.audio_tracks import AudioChoice, AudioTrack, Channel
from translate_svc.audio.damage import Damage
from translate_svc.audio.mixer import SideMixer
from translate_svc.audio.pipes import is_cut_off, readable_pipe
from translate_svc.audio.stated_end import StatedEnd
from translate_svc.errors import InvalidArgument
from translate_svc.types import Samples

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.resampler import AudioResampler
    from av.audio.stream import AudioStream
    from av.container import InputContainer

_MIN_RATE_HZ, _MAX_RATE_HZ = 8_000, 48_000
_CREDIBLE_RATES_HZ = range(1_000, 768_001)
"""The highest rate of a source. For a rate of a gigahertz FFmpeg would compute a filter for half a minute."""
_BLOCK_MS = 100
_TOLERATED_GAP_S = 0.1
_MAX_GAP_S = 3_600.0
_FREE_S = 3_600.0
_LEAST_BYTES_PER_S = 25
"""After its first hour a track must hold this much for each second that it lasts, silence included. This is
200 bit/s; the sparest codecs for speech use 450. Without a limit a few kilobytes could claim months.
"""
_MICROSECONDS_PER_S = 1_000_000
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
    import av

    name = name or str(source)
    if isinstance(source, Path) and (source.is_dir() or not source.exists()):
        raise InvalidArgument("is a directory" if source.is_dir() else "no such file", field=name)
    if isinstance(source, Path) and source.is_file() and not source.stat().st_size:
        raise InvalidArgument("is empty", field=name)
    # without the prefix, FFmpeg takes a name before a colon for a protocol
    target = f"file:{source}" if isinstance(source, Path) else readable_pipe(source, name)
    formats = ",".join(sorted(av.formats_available - _OTHER_FILES))
    try:
        container = av.open(
            target, mode="r", options={"protocol_whitelist": "file", "format_whitelist": formats}
        )
    except PermissionError:
        raise InvalidArgument("may not be read", field=name) from None
    except (av.FFmpegError, ValueError):
        raise InvalidArgument(_cause(source), field=name) from None
    with container:
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
        if stream.rate not in _CREDIBLE_RATES_HZ:
            raise InvalidArgument(f"has {stream.rate} samples a second, which no recording has", field=name)
        yield MediaAudio(container, stream, choice.channel, track if len(tracks) > 1 else None, name=name)


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

    Sample 0 is the container's time zero. If audio starts later, or has gaps (by its timestamps, up to an
    hour), silence fills them, so positions match the video. A packet that cannot be decoded is skipped and
    counted; samples that are no numbers are counted and silent. A track may last an hour, and as long as its
    bytes make credible beyond that.
    """

    def __init__(
        self,
        container: InputContainer,
        stream: AudioStream,
        channel: Channel = Channel.MIX,
        track: AudioTrack | None = None,
        *,
        name: str = "",
    ) -> None:
        """``track``: the chosen track, if there was a choice. ``name``: the source's name in errors."""
        self.track = track
        self._name = name
        self._channel = channel
        self._sides = SideMixer(channel)
        self._container = container
        self._stream = stream
        self._zero_s = (container.start_time or 0) / _MICROSECONDS_PER_S
        self._produced_samples = 0
        self._packet_bytes = 0
        self._damage = Damage()
        self.sample_rate_hz = min(max(stream.rate, _MIN_RATE_HZ), _MAX_RATE_HZ)
        duration = container.duration
        self.duration_ms = None if duration is None else max(duration * 1000 // _MICROSECONDS_PER_S, 0)
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
        return self._damage.description

    def blocks(self) -> Iterator[Samples]:
        """Yields the whole stream, once, in blocks ``[n]`` of about 100 ms. Keeps only a few in memory.

        Raises:
            InvalidArgument: the track claims to last longer than its bytes make credible. Names the source.
        """
        waiting: list[Samples] = []
        count = 0
        for samples in self._samples():
            waiting.append(samples)
            count += len(samples)
            if count * 1000 >= self.sample_rate_hz * _BLOCK_MS:
                yield np.concatenate(waiting)
                waiting, count = [], 0
        if waiting:
            yield np.concatenate(waiting)

    def _samples(self) -> Iterator[Samples]:
        from av import FFmpegError

        mixer: AudioResampler | None = None
        layout: tuple[str, str, int] | None = None
        for frame in self._frames():
            if frame.sample_rate not in _CREDIBLE_RATES_HZ:
                self._count_damage()
                continue
            yield from self._silence_before(frame)
            # a stream may change its layout, as broadcasts do; a mixer cannot
            found = (frame.format.name, frame.layout.name, frame.sample_rate)
            if mixer is None or found != layout:
                yield from self._mixed(mixer, None)
                mixer, layout = self._mixer(frame.layout.nb_channels), found
            try:
                yield from self._mixed(mixer, frame)
            except FFmpegError:
                # a damaged header may claim what no filter takes, such as 73 channels
                self._count_damage()
                mixer = None
        yield from self._mixed(mixer, None)

    def _frames(self) -> Iterator[AudioFrame]:
        from av import FFmpegError

        end = StatedEnd(self._container, self._stream)
        packets = self._container.demux(*end.streams)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                if (cut := end.cut()) is not None:
                    self._damage.add_cut(*cut)
                return
            except FFmpegError:
                # the demuxer cannot find the next packet
                self._count_damage()
                return
            end.add(packet)
            if packet.stream.index != self._stream.index:
                continue
            self._packet_bytes += packet.size
            try:
                yield from packet.decode()
            except FFmpegError:
                self._count_damage()

    def _mixer(self, channels: int) -> AudioResampler:
        from av import AudioResampler

        sided = channels == 2 or self._channel is not Channel.MIX
        return AudioResampler(format="fltp", layout="stereo" if sided else "mono", rate=self.sample_rate_hz)

    def _mixed(self, mixer: AudioResampler | None, frame: AudioFrame | None) -> Iterator[Samples]:
        """Yields ``frame`` as mono samples; None flushes the mixer."""
        for mixed in mixer.resample(frame) if mixer is not None else ():
            planes = self._damage.silenced(np.array(mixed.to_ndarray(), dtype=np.float32), self._produced_s)
            samples: Samples = planes[0] if len(planes) == 1 else self._sides.mix(planes)
            self._produce(len(samples))
            yield samples

    def _silence_before(self, frame: AudioFrame) -> Iterator[Samples]:
        if frame.time is None:
            return
        gap_s = frame.time - self._zero_s - self._produced_s
        if not -_TOLERATED_GAP_S <= gap_s <= _MAX_GAP_S:
            # the timestamps jumped, as in joined recordings: continue from here
            self._zero_s += gap_s
        elif gap_s > _TOLERATED_GAP_S:
            missing = round(gap_s * self.sample_rate_hz)
            self._produce(missing)
            while missing > 0:
                count = min(missing, self.sample_rate_hz)
                yield np.zeros(count, np.float32)
                missing -= count

    def _produce(self, samples: int) -> None:
        """Counts samples that follow. Raises InvalidArgument if there are far more than the file can hold."""
        self._produced_samples += samples
        lasts_s = self._produced_s
        if lasts_s > _FREE_S + self._packet_bytes / _LEAST_BYTES_PER_S:
            hours, kilobytes = lasts_s / 3_600, self._packet_bytes / 1_000
            raise InvalidArgument(
                f"is not credible: by its timestamps {kilobytes:.1f} kB of audio last {hours:.1f} hours",
                field=self._name,
            )

    def _count_damage(self) -> None:
        self._damage.add_packet(self._produced_s)

    @property
    def _produced_s(self) -> float:
        return self._produced_samples / self.sample_rate_hz
