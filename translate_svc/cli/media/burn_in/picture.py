"""How the picture of a film is stored, and its frames as they are shown: upright, in YUV 4:2:0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from translate_svc.cli.exit_codes import UsageError
from translate_svc.cli.media.burn_in.cue_image import Plane
from translate_svc.cli.media.burn_in.fonts import BURN_FLAG

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_FULL_RANGE, _STUDIO_RANGE = 2, 1
_BT709 = 1


@dataclass(frozen=True, slots=True)
class Picture:
    """The picture of a film, as its first frame has it.

    Attributes:
        stored: width and height in which its frames are decoded, both made even.
        matrix: how they are turned to be shown (a, b, c, d of FFmpeg's display matrix).
        pixel_ratio: width of a shown pixel by its height.
        colours: FFmpeg's numbers of range, matrix, transfer and primaries of what is encoded.
        is_rgb: its frames are not stored as light and colour.
    """

    stored: tuple[int, int]
    matrix: tuple[int, int, int, int]
    pixel_ratio: Fraction
    colours: tuple[int, int, int, int]
    is_rgb: bool

    @property
    def size(self) -> tuple[int, int]:
        """Width and height as they are shown."""
        return self.stored[::-1] if self._is_turned else self.stored

    @property
    def full_range(self) -> bool:
        """Whether light goes from 0 to 255."""
        return self.colours[0] == _FULL_RANGE

    @property
    def _is_turned(self) -> bool:
        return abs(self.matrix[1]) > abs(self.matrix[0])

    def upright(self, frame: VideoFrame) -> Plane:
        """A frame as it is shown: a new array ``[3 / 2 * height, width]`` in which Y, U and V follow."""
        width, height = self.stored
        matrix, light = ("ITU709", "MPEG") if self.is_rgb else (None, None)
        stored = frame.reformat(width, height, "yuv420p", dst_colorspace=matrix, dst_color_range=light)
        decoded = np.asarray(stored.to_ndarray(), np.uint8)
        if self.matrix[0] > 0 and self.matrix[3] > 0:
            return decoded
        turned = np.empty((decoded.size // self.size[0], self.size[0]), np.uint8)
        for target, plane in zip(planes_of(turned), planes_of(decoded), strict=True):
            target[...] = self._turned(plane)
        return turned

    def _turned(self, plane: Plane) -> Plane:
        a, b, c, d = self.matrix
        across, down = (c, b) if self._is_turned else (a, d)
        standing = plane.T if self._is_turned else plane
        return standing[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1]


def planes_of(array: Plane) -> Sequence[Plane]:
    """Y, U and V of an array as of ``Picture.upright``, without copying."""
    height, width = array.shape[0] * 2 // 3, array.shape[1]
    u, v = array[height:].reshape(2, height // 2, width // 2)
    return array[:height], u, v


def moving_picture(film: InputContainer) -> VideoStream | None:
    """The first picture of a film that is not its cover; None if there is none."""
    return next((each for each in film.streams.video if not is_cover(each)), None)


def is_cover(stream: Stream) -> bool:
    """Whether it is the cover of a film or record: one picture, which no player plays."""
    import av

    return stream.type == "video" and bool(stream.disposition & av.stream.Disposition.attached_pic)


def picture_of(source: Path) -> Picture:
    """How the picture of a film is stored.

    Raises:
        UsageError: there is none, or it cannot be decoded. Names the option of burning.
    """
    import av

    with av.open(f"file:{source}") as film:
        stream = moving_picture(film)
        if stream is None:
            raise UsageError(f"{source.name} has no picture", field=BURN_FLAG)
        frame = _first_frame(film, stream)
        if frame is None:
            raise UsageError(f"the picture of {source.name} cannot be decoded", field=BURN_FLAG)
        matrix = _display_matrix(frame)
        ratio = stream.sample_aspect_ratio or Fraction(1)
        colours = (frame.color_range, frame.colorspace, frame.color_trc, frame.color_primaries)
        return Picture(
            (max(frame.width & ~1, 2), max(frame.height & ~1, 2)),
            matrix,
            1 / ratio if abs(matrix[1]) > abs(matrix[0]) else ratio,
            (_STUDIO_RANGE, _BT709, *colours[2:]) if frame.format.is_rgb else colours,
            frame.format.is_rgb,
        )


def decoded(stream: VideoStream, packet: object) -> list[VideoFrame]:
    """The frames of a packet, none of one that is damaged, as in players; the last ones if it is None."""
    import av

    try:
        return stream.codec_context.decode(packet)  # type: ignore[arg-type]
    except (av.error.InvalidDataError, EOFError):
        return []


def _first_frame(film: InputContainer, stream: VideoStream) -> VideoFrame | None:
    for packet in film.demux(stream):
        for frame in decoded(stream, packet if packet.size else None):
            return frame
    return None


def _display_matrix(frame: VideoFrame) -> tuple[int, int, int, int]:
    from av.sidedata.sidedata import SideData

    stored = frame.side_data.get("DISPLAYMATRIX")
    if not isinstance(stored, SideData):
        return 1, 0, 0, 1
    a, b, _, c, d = map(int, np.frombuffer(bytes(stored), np.int32)[:5])
    return a, b, c, d
