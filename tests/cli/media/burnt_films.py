"""Small films to burn subtitles into, and what is seen in their frames."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from translate_svc.cli.media.burn_in.burning import Burning
from translate_svc.cli.media.film import write_film
from translate_svc.cli.media.part import Part
from translate_svc.cli.output.dub_file import DUB_FORMATS
from translate_svc.subtitles.cues import Cue

Light = npt.NDArray[np.uint8]

GREY, MARK = 90, 230
MARK_PIXELS = 16
_WHITE = 180
_SPEC = find_spec("matplotlib")
assert _SPEC is not None
assert _SPEC.origin is not None
FONT = Path(_SPEC.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
"""A font that every machine has that runs the tests."""


class Shown(NamedTuple):
    """A frame: when it is shown, and its light ``[height, width]``."""

    ms: int
    light: Light


def write_picture(
    path: Path,
    times_ms: Sequence[int],
    *,
    size: tuple[int, int] = (480, 270),
    pix_fmt: str = "yuv420p",
    rotation: tuple[float, bool] | None = None,
    **context: Any,
) -> Path:
    """A grey film whose stored frames have a bright mark at the top left.

    Args:
        path: the file.
        times_ms: of the frames.
        size: width and height.
        pix_fmt: FFmpeg's name of the pixels.
        rotation: degrees against the clock, and whether it is mirrored: how a player turns it.
        context: attributes of the encoder.
    """
    width, height = size
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast", "qp": "1"})
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        stream.codec_context.time_base = Fraction(1, 1000)
        for name, value in context.items():
            setattr(stream.codec_context, name, value)
        if rotation is not None:
            stream.set_display_rotation(rotation[0], hflip=rotation[1])
        array = np.full((height * 3 // 2, width), 128, np.uint8)
        array[:height] = GREY
        array[:MARK_PIXELS, :MARK_PIXELS] = MARK
        for time_ms in times_ms:
            frame = av.VideoFrame.from_ndarray(array, format="yuv420p")
            frame.color_range = stream.codec_context.color_range
            frame.pts, frame.time_base = time_ms, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def burn(film: Path, target: Path, cues: Sequence[Cue], part: Part | None = None) -> Path:
    """Writes the film with cues in Spanish in its picture."""
    burnt = Burning(film, ["spa"], FONT).of([cues])
    write_film(film, target, DUB_FORMATS[target.suffix], [], None, part or Part(), burnt)
    return target


def frames(path: Path) -> list[Shown]:
    """All frames of a film as they are stored."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        return [
            Shown(
                round(float((each.pts or 0) * stream.time_base) * 1000),
                each.to_ndarray()[: each.height].astype(np.uint8),
            )
            for each in container.decode(stream)
        ]


def ink(light: Light) -> Light:
    """What is white below the middle, cut to its borders; empty if nothing is."""
    white = light[len(light) // 2 :] > _WHITE
    rows, columns = np.flatnonzero(white.any(axis=1)), np.flatnonzero(white.any(axis=0))
    if not len(rows):
        return np.zeros((0, 0), np.uint8)
    return white[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.uint8)


def likeness(light: Light, lines: Sequence[str]) -> float:
    """How much the white of a frame looks like lines as Pillow draws them: a correlation, 1 if it is them."""
    found = ink(light)
    if not found.size:
        return 0.0
    drawings = [ink(_drawn(lines, size)) for size in np.arange(20, 32, 0.1)]
    drawn = min(drawings, key=lambda each: abs(each.shape[1] - found.shape[1]))
    same = np.asarray(Image.fromarray(drawn).resize(found.shape[::-1], Image.Resampling.NEAREST))
    return float(np.corrcoef(found.ravel(), same.ravel())[0, 1])


def _drawn(lines: Sequence[str], size: float) -> Light:
    image = Image.new("L", (960, 400))
    font, middle = ImageFont.truetype(str(FONT), size), (480, 300)
    ImageDraw.Draw(image).multiline_text(middle, "\n".join(lines), 255, font, "mm", align="center")
    return np.asarray(image)
