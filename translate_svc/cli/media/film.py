"""Puts dubs and subtitles into a copy of a film, beside its own tracks, which are not encoded again."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from translate_svc.cli.media.dub_audio import DUB_RATE_HZ, Stereo, dub_blocks
from translate_svc.errors import InvalidArgument
from translate_svc.subtitles.cues import Cue
from translate_svc.subtitles.text_formats import ass_text

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer, OutputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.subtitles.stream import SubtitleStream

FILM_FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".mka": "matroska"}
"""FFmpeg's formats by the suffix of the film."""

_SUBTITLE_CODECS = {"mp4": "mov_text", "mov": "mov_text", "matroska": "ass"}
_DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_DUB_BIT_RATE = 128_000
_AHEAD_S = 1.0
_ASS_HEADER = "[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\n[Events]\n"


@dataclass(frozen=True, slots=True)
class Dub:
    """A dub to add: its language, its WAV file and its subtitles; only subtitles if ``wav`` is None."""

    language: str
    wav: Path | None
    cues: Sequence[Cue]


@dataclass(frozen=True, slots=True)
class KeptOriginal:
    """The original under the dub: the number of its audio track, and its level while the dub speaks."""

    track: int
    duck_db: float


def write_film(
    source: Path, target: Path, container: str, dubs: Sequence[Dub], kept: KeptOriginal | None = None
) -> None:
    """Copies ``source`` to ``target`` with a track for each dub, the first of which plays by default.

    Args:
        source: the film.
        target: the new file.
        container: a value of ``FILM_FORMATS``.
        dubs: what to add.
        kept: how the original is heard under the dubs; None: not at all. Its own track stays in any case.

    Raises:
        InvalidArgument: a track of the film cannot be stored in this format, or the film cannot be copied.
            Names the source.
        OSError: the disk is full. Names the target.
    """
    import av

    try:
        _write_film(source, target, container, dubs, kept)
    except av.FFmpegError as error:
        if error.errno in _DISK_ERRORS:
            raise OSError(error.errno, error.strerror, str(target)) from None
        raise InvalidArgument(
            f"cannot be copied to {container}: {error.strerror}", field=str(source)
        ) from None


def _write_film(
    source: Path, target: Path, container: str, dubs: Sequence[Dub], kept: KeptOriginal | None
) -> None:
    import av

    with av.open(f"file:{source}") as film, av.open(str(target), "w", format=container) as output:
        copies = _copy_streams(film, output, container, source)
        tracks = [
            _DubTrack(output, dub, source, kept, is_default=number == 0)
            for number, dub in enumerate(each for each in dubs if each.wav is not None)
        ]
        titles = [_SubtitleTrack(output, dub, _SUBTITLE_CODECS[container]) for dub in dubs if dub.cues]
        reached_s = 0.0
        added: list[_DubTrack | _SubtitleTrack] = [*tracks, *titles]
        for packet in film.demux(list(copies)):
            if packet.dts is None:
                continue
            reached_s = max(reached_s, float(packet.dts * packet.time_base))
            for track in added:
                output.mux(list(track.until(reached_s + _AHEAD_S)))
            packet.stream = copies[packet.stream]
            output.mux(packet)
        for track in added:
            output.mux(list(track.until(float("inf"))))


def _copy_streams(
    film: InputContainer, output: OutputContainer, container: str, source: Path
) -> dict[Stream, Stream]:
    """A stream of ``output`` for each video, audio and fitting subtitle stream of the film."""
    import av

    copies: dict[Stream, Stream] = {}
    for stream in film.streams:
        if stream.type not in ("video", "audio", "subtitle") or stream.codec_context is None:
            continue
        fits = container == "matroska" or stream.codec_context.name == _SUBTITLE_CODECS[container]
        if stream.type == "subtitle" and not fits:
            continue
        try:
            copy = output.add_stream_from_template(stream)
        except (ValueError, av.FFmpegError):
            name = stream.codec_context.name
            raise InvalidArgument(
                f"its {name} track cannot be stored in {container}; try .mkv", field=str(source)
            ) from None
        copy.metadata.update(stream.metadata)
        if stream.type == "audio":
            copy.disposition = stream.disposition & ~av.stream.Disposition.default
        copies[stream] = copy
    return copies


class _DubTrack:
    """Encodes a dub little by little, so that its packets lie beside those of the picture."""

    def __init__(
        self, output: OutputContainer, dub: Dub, source: Path, kept: KeptOriginal | None, *, is_default: bool
    ) -> None:
        import av

        assert dub.wav is not None
        stream = output.add_stream("aac", rate=DUB_RATE_HZ, layout="stereo")
        assert isinstance(stream, av.AudioStream)
        stream.bit_rate = _DUB_BIT_RATE
        stream.metadata["language"] = _tag(dub.language)
        stream.metadata["title"] = "translate-svc"
        stream.disposition = av.stream.Disposition.default if is_default else av.stream.Disposition(0)
        self._stream = stream
        original = None if kept is None else _stereo(source, kept.track)
        self._blocks = dub_blocks(dub.wav, original, 0.0 if kept is None else kept.duck_db)
        self._written_samples = 0
        self._ended = False

    def until(self, time_s: float) -> Iterator[Packet[Stream]]:
        """The packets up to ``time_s``."""
        import av

        while not self._ended and self._written_samples < time_s * DUB_RATE_HZ:
            block = next(self._blocks, None)
            if block is None:
                self._ended = True
                yield from self._stream.encode(None)
                return
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout="stereo")
            frame.sample_rate, frame.time_base = DUB_RATE_HZ, Fraction(1, DUB_RATE_HZ)
            frame.pts = self._written_samples
            self._written_samples += block.shape[1]
            yield from self._stream.encode(frame)


class _SubtitleTrack:
    """Encodes cues."""

    def __init__(self, output: OutputContainer, dub: Dub, codec: str) -> None:
        stream: SubtitleStream = output.add_stream(codec)  # type: ignore[assignment]
        stream.metadata["language"] = _tag(dub.language)
        stream.codec_context.subtitle_header = _ASS_HEADER.encode()
        stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        self._stream = stream
        self._cues = iter(dub.cues)
        self._next = next(self._cues, None)
        self._number = 0

    def until(self, time_s: float) -> Iterator[Packet[Stream]]:
        """The packets of all cues that start before ``time_s``."""
        from av.subtitles.subtitle import SubtitleSet

        while self._next is not None and self._next.start_ms < time_s * 1000:
            cue, self._next = self._next, next(self._cues, None)
            line = f"{self._number},0,Default,,0,0,0,,{ass_text(cue.lines)}"
            self._number += 1
            subtitle = SubtitleSet.create(line.encode(), 0, cue.end_ms - cue.start_ms, pts=cue.start_ms)
            packet = self._stream.codec_context.encode_subtitle(subtitle)
            packet.stream, packet.time_base = self._stream, Fraction(1, 1000)
            yield packet


def _stereo(source: Path, track: int) -> Iterator[Stereo]:
    """One audio track of the film at ``DUB_RATE_HZ``, from the film's time zero on."""
    import av

    resampler = av.AudioResampler(format="fltp", layout="stereo", rate=DUB_RATE_HZ)
    with av.open(f"file:{source}") as film:
        stream: AudioStream = film.streams.audio[track - 1]
        missing_s = None
        zero_s = (film.start_time or 0) / 1_000_000
        for frame in film.decode(stream):
            if missing_s is None:
                missing_s = max(0.0, (frame.time or 0.0) - zero_s)
                yield np.zeros((2, round(missing_s * DUB_RATE_HZ)), np.float32)
            for stereo in resampler.resample(frame):
                yield np.array(stereo.to_ndarray(), np.float32)


def _tag(language: str) -> str:
    """The three letters that a container stores."""
    return language.partition("_")[0]
