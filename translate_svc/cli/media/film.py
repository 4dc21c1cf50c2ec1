"""Puts dubs and subtitles into a copy of a film, beside its own tracks, which are not encoded again; but a
picture is that subtitles are burnt into.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from translate_svc.audio.timed_planes import MICROSECONDS_PER_S, Planes, TimedPlanes
from translate_svc.cli.media.burn_in.burnt_track import BurntCues, BurntTrack
from translate_svc.cli.media.burn_in.picture import moving_picture
from translate_svc.cli.media.film_extras import copy_extras
from translate_svc.cli.media.film_times import JoinedTimes, in_order
from translate_svc.cli.media.film_tracks import template_copy, tracks_of
from translate_svc.cli.media.part import Part
from translate_svc.cli.output.dub_audio import dub_blocks
from translate_svc.cli.output.dub_file import DubFormat, DubTrack, written_by_ffmpeg
from translate_svc.subtitles.cues import Cue
from translate_svc.subtitles.text_formats import ass_text
from translate_svc.types import AUTO

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.subtitles.stream import SubtitleStream

_FILM_CHANNELS = 2
_AHEAD_S = 1.0
_LATEST_S = 10.0
"""How much later than others a packet may lie in its film."""

_USUAL_LAYOUTS = {"1 channels": "mono", "2 channels": "stereo", "6 channels": "5.1", "8 channels": "7.1"}
"""Of PCM, of which some containers store the count of channels alone; MP4 takes none without their places."""
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
    source: Path,
    target: Path,
    form: DubFormat,
    dubs: Sequence[Dub],
    kept: KeptOriginal | None,
    part: Part,
    burnt: BurntCues | None = None,
) -> None:
    """Copies ``source`` to ``target`` with a track for each dub, the first of which plays by default. Without
    a dub the film's own sound does.

    Args:
        source: the film.
        target: the new file.
        form: one with subtitles.
        dubs: what to add.
        kept: how the original is heard under the dubs; None: not at all. Its own track stays in any case.
        part: what is copied of the film, with its picture from the key frame before, which players do not
            show in MP4; Matroska has no such mark, and all tracks begin later. A picture that is encoded
            again begins with the part.
        burnt: what is drawn into the picture. The film then has no track of subtitles, which players would
            show above it.

    Raises:
        InvalidArgument: a track of the film cannot be stored in this format, or the film cannot be copied.
            Names the source.
        OSError: the disk is full. Names the target.
    """
    import av

    with (
        written_by_ffmpeg(target, form, source),
        av.open(f"file:{source}") as film,
        av.open(f"file:{target}", "w", format=form.container) as output,
    ):
        copies = _copy_streams(film, output, form, source, part, burnt)
        replaced = {"subtitle", "audio"} if any(each.wav for each in dubs) else {"subtitle"}
        for stream, copy in copies.items():
            if stream.type in replaced:
                copy.stream.disposition &= ~av.stream.Disposition.default
        encoded = {stream: copy for stream, copy in copies.items() if isinstance(copy, BurntTrack)}
        added = _add_streams(output, dubs, form, source, kept, part)
        output.mux(copy_extras(film, source, output, form, part))
        reached_s = 0.0
        for packet in _packets(film, list(copies), part, encoded):
            assert packet.dts is not None
            reached_s = max(reached_s, float(packet.dts * packet.time_base))
            for track in added:
                output.mux(list(track.until(reached_s + _AHEAD_S)))
            output.mux(list(copies[packet.stream].packets(packet)))
        for picture in encoded.values():
            output.mux(list(picture.rest()))
        for track in added:
            output.mux(list(track.until(float("inf"))))


def _packets(
    film: InputContainer, streams: list[Stream], part: Part, encoded: Collection[Stream]
) -> Iterator[Packet[Stream]]:
    """The packets of the part, which begins at time 0, and all those that frames of ``encoded`` depend on."""
    start_s = (film.start_time or 0) / MICROSECONDS_PER_S + part.start_s
    end_s = float("inf") if part.duration_s is None else part.duration_s
    if part.start_s:
        film.seek(round(start_s * MICROSECONDS_PER_S))
    joined = JoinedTimes(next(iter(film.streams.audio), None))
    for packet in in_order(joined.going_on(film.demux(streams) if streams else ())):
        assert packet.dts is not None
        shift = round(start_s / packet.time_base)
        packet.dts -= shift
        shown = packet.dts if packet.pts is None else packet.pts - shift
        is_encoded = packet.stream in encoded
        # a decoder knows better
        packet.pts = None if is_encoded and packet.pts is None else shown
        at_s = float((packet.dts if is_encoded else shown) * packet.time_base)
        if packet.dts * packet.time_base > end_s + _LATEST_S:
            return
        if at_s < end_s and (at_s >= 0 or packet.stream.type == "video"):
            yield packet


def _copy_streams(
    film: InputContainer,
    output: OutputContainer,
    form: DubFormat,
    source: Path,
    part: Part,
    burnt: BurntCues | None,
) -> dict[Stream, _Copy | BurntTrack]:
    """A track of ``output`` for each video, audio and fitting subtitle stream of the film."""
    import av

    copies: dict[Stream, _Copy | BurntTrack] = {}
    picture = moving_picture(film)
    end_s = float("inf") if part.duration_s is None else part.duration_s
    for stream in tracks_of(film):
        if burnt is not None and stream.type == "subtitle":
            continue
        if burnt is not None and stream is picture:
            copies[stream] = BurntTrack(output, stream, form.picture or "", burnt, end_s)
            copies[stream].stream.metadata.update(stream.metadata)
            continue
        copy = template_copy(stream, output, form, source)
        if copy is None:
            continue
        copy.metadata.update(stream.metadata)
        if isinstance(copy, av.AudioStream):
            layout = copy.codec_context.layout.name
            copy.codec_context.layout = _USUAL_LAYOUTS.get(layout, layout)
        if stream.type != "video":
            copy.disposition = stream.disposition
        copies[stream] = _Copy(copy)
    return copies


@dataclass(frozen=True, slots=True)
class _Copy:
    """A track of the new film that is not encoded again."""

    stream: Stream

    def packets(self, packet: Packet[Stream]) -> Iterator[Packet[Stream]]:
        """The packet, as one of the new film."""
        packet.stream = self.stream
        yield packet


def _add_streams(
    output: OutputContainer,
    dubs: Sequence[Dub],
    form: DubFormat,
    source: Path,
    kept: KeptOriginal | None,
    part: Part,
) -> list[DubTrack | _SubtitleTrack]:
    """Tracks for all dubs. Of each kind the first one plays by default."""
    import av

    kinds = av.stream.Disposition
    tracks: list[DubTrack] = []
    for dub in (each for each in dubs if each.wav is not None):
        assert dub.wav is not None
        original = None if kept is None else _original(source, kept.track, form.rate_hz, part)
        duck_db = 0.0 if kept is None else kept.duck_db
        blocks = dub_blocks(dub.wav, form.rate_hz, _FILM_CHANNELS, original, duck_db)
        track = DubTrack(output, form, blocks, _FILM_CHANNELS)
        track.stream.metadata.update({"language": _tag(dub.language), "title": "translate-svc"})
        track.stream.disposition = kinds(0) if tracks else kinds.default
        tracks.append(track)
    titles = [_SubtitleTrack(output, dub, form.subtitles or "") for dub in dubs if dub.cues]
    for number, title in enumerate(titles):
        title.stream.disposition = kinds(0) if number else kinds.default
    return [*tracks, *titles]


class _SubtitleTrack:
    """Encodes cues."""

    def __init__(self, output: OutputContainer, dub: Dub, codec: str) -> None:
        stream: SubtitleStream = output.add_stream(codec)  # type: ignore[assignment]
        stream.metadata["language"] = _tag(dub.language)
        stream.codec_context.subtitle_header = _ASS_HEADER.encode()
        stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        self.stream = stream
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
            packet = self.stream.codec_context.encode_subtitle(subtitle)
            packet.stream, packet.time_base = self.stream, Fraction(1, 1000)
            yield packet


def _original(source: Path, track: int, rate_hz: int, part: Part) -> Iterator[Planes]:
    """One audio track of the film in stereo, from the start of the part on."""
    import av

    with av.open(f"file:{source}") as film:
        planes = TimedPlanes(film, film.streams.audio[track - 1], rate_hz, "stereo", name=str(source))
        for block in part.cut((each.T for each in planes), rate_hz, str(source)):
            yield np.broadcast_to(block.T, (_FILM_CHANNELS, len(block)))


def _tag(language: str) -> str:
    """The three letters that a container stores."""
    return "und" if language == AUTO else language.partition("_")[0]
