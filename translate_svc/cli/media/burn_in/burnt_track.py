"""Encodes the picture of a film again, with cues drawn into it."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from translate_svc.cli.media.burn_in.cue_image import CueDrawer, CueImage
from translate_svc.cli.media.burn_in.picture import Picture, decoded, planes_of
from translate_svc.subtitles.cues import Cue

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream
    from PIL.ImageFont import FreeTypeFont

_LONG_FRAME_MS = 250
_USUAL_RATE_HZ = 25
ENCODERS = {
    "libx264": {"preset": "veryfast", "crf": "20"},
    "libvpx-vp9": {"crf": "31", "deadline": "realtime", "cpu-used": "6", "row-mt": "1"},
}
"""FFmpeg's encoders of pictures, and what they are told: quality, not size."""


@dataclass(frozen=True, slots=True)
class BurntCues:
    """What is drawn into which picture: cues in order of time, and their font."""

    picture: Picture
    font: FreeTypeFont
    cues: Sequence[Cue]


class BurntTrack:
    """A picture with cues. Frames keep their times; one that stands longer than a quarter of a second comes
    again where a cue begins or ends meanwhile, as in films that are made of slides.
    """

    def __init__(
        self, output: OutputContainer, source: VideoStream, encoder: str, burnt: BurntCues, end_s: float
    ) -> None:
        """
        Args:
            output: the new film.
            source: the stream that is decoded.
            encoder: a key of ``ENCODERS``.
            burnt: what is drawn.
            end_s: frames from here on are left out, and those before time 0, of which the last one is shown
                at 0.
        """
        assert source.time_base is not None
        self._source, self._burnt, self._end_s = source, burnt, end_s
        source.codec_context.thread_type = "AUTO"
        self._tick_ms = source.time_base * 1000
        self._drawer = CueDrawer(burnt.font, *burnt.picture.size, burnt.picture.pixel_ratio)
        times = sorted({time_ms for cue in burnt.cues for time_ms in (cue.start_ms, cue.end_ms)})
        self._changes = [math.ceil(time_ms / self._tick_ms) for time_ms in times]
        self._waiting: tuple[int, VideoFrame] | None = None
        self._drawn: tuple[tuple[str, ...], CueImage | None] = ((), None)
        self._first_open = 0
        rate = source.average_rate or Fraction(_USUAL_RATE_HZ)
        self.stream: VideoStream = output.add_stream(encoder, rate, dict(ENCODERS[encoder]))  # type: ignore[assignment]
        self._set_up(self.stream, source.time_base)

    def _set_up(self, stream: VideoStream, time_base: Fraction) -> None:
        context, picture = stream.codec_context, self._burnt.picture
        context.width, context.height = picture.size
        context.pix_fmt = "yuv420p"
        context.time_base = time_base
        context.sample_aspect_ratio = picture.pixel_ratio
        context.color_range, context.colorspace = picture.colours[:2]
        context.color_trc, context.color_primaries = picture.colours[2:]

    def packets(self, packet: Packet[Stream]) -> Iterator[Packet[Stream]]:
        """The packets of the new film that the next one of the source gives."""
        for frame in decoded(self._source, packet):
            yield from self._next(frame)

    def rest(self) -> Iterator[Packet[Stream]]:
        """The last packets."""
        for frame in decoded(self._source, None):
            yield from self._next(frame)
        if self._waiting is not None:
            pts, frame = self._waiting
            yield from self._shown(pts + frame.duration)
        yield from self.stream.encode(None)

    def _next(self, frame: VideoFrame) -> Iterator[Packet[Stream]]:
        pts = frame.dts if frame.pts is None else frame.pts
        is_late = self._waiting is not None and pts is not None and pts <= self._waiting[0]
        if pts is None or is_late or pts * self._tick_ms >= self._end_s * 1000:
            return
        if self._waiting is not None and pts > 0:
            yield from self._shown(pts)
        self._waiting = pts, frame

    def _shown(self, end: int) -> Iterator[Packet[Stream]]:
        """Encodes the frame that was waiting, which is shown until ``end``."""
        assert self._waiting is not None
        start, frame = max(self._waiting[0], 0), self._waiting[1]
        times = [start]
        if (end - start) * self._tick_ms > _LONG_FRAME_MS:
            inside = slice(bisect_right(self._changes, start), bisect_left(self._changes, end))
            times += self._changes[inside]
        for pts, following in zip(times, [*times[1:], end], strict=True):
            yield from self._encoded(frame, pts, following - pts)

    def _encoded(self, frame: VideoFrame, pts: int, duration: int) -> Iterator[Packet[Stream]]:
        import av

        picture = self._burnt.picture
        array = picture.upright(frame)
        if image := self._image(pts):
            image.lay_on(planes_of(array), full_range=picture.full_range)
        made = av.VideoFrame.from_ndarray(array, format="yuv420p")
        made.pts, made.duration, made.time_base = pts, duration, self._source.time_base
        yield from self.stream.encode(made)

    def _image(self, pts: int) -> CueImage | None:
        """What is shown at ``pts``; the last image is kept."""
        time_ms, cues = pts * self._tick_ms, self._burnt.cues
        while self._first_open < len(cues) and cues[self._first_open].end_ms <= time_ms:
            self._first_open += 1
        lines: list[str] = []
        for cue in cues[self._first_open :]:
            if cue.start_ms > time_ms:
                break
            lines += cue.named_lines if cue.end_ms > time_ms else ()
        if tuple(lines) != self._drawn[0]:
            self._drawn = tuple(lines), self._drawer.draw(lines) if lines else None
        return self._drawn[1]
