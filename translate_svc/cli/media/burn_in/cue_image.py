"""Draws cues: white letters with a black outline, at the bottom of a picture, as far as they cover it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from translate_svc.subtitles.line_breaks import LINE_CELLS

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

Plane = npt.NDArray[np.uint8]
Weights = npt.NDArray[np.uint16]

_SIZE_OF_HEIGHT = 0.055
_MARGIN = 0.05
_EM_PER_CELL = 0.5
_OUTLINE_OF_SIZE = 0.08
_OPAQUE = 255
_STUDIO_BLACK, _STUDIO_WHITE, _FULL_BLACK, _FULL_WHITE, _GREY = 16, 235, 0, 255, 128


@dataclass(frozen=True, slots=True)
class CueImage:
    """A drawn cue. ``top`` and ``left`` are even.

    Attributes:
        top: row of the picture where it begins.
        left: column of the picture where it begins.
        cover: uint16 ``[height, width]``, how much of the picture it covers, to 255. Both are even.
        white: like ``cover``: how much of that is white; the rest is black.
    """

    top: int
    left: int
    cover: Weights
    white: Weights

    def lay_on(self, planes: Sequence[Plane], *, full_range: bool) -> None:
        """Draws it into a picture in YUV 4:2:0.

        Args:
            planes: Y ``[height, width]``, and U and V of half the height and width. They are changed.
            full_range: Y goes from 0 to 255, not from 16 to 235.
        """
        black, white = (_FULL_BLACK, _FULL_WHITE) if full_range else (_STUDIO_BLACK, _STUDIO_WHITE)
        height, width = self.cover.shape
        light = black * (self.cover - self.white) + white * self.white
        _blend(planes[0][self.top : self.top + height, self.left : self.left + width], self.cover, light)
        quarter = self.cover.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3)).astype(np.uint16)
        top, left = self.top // 2, self.left // 2
        for plane in planes[1:]:
            part = plane[top : top + height // 2, left : left + width // 2]
            _blend(part, quarter, _GREY * quarter)


def _blend(part: Plane, cover: Weights, added: Weights) -> None:
    # at most 255 * 255 + 127, which 16 bits hold
    part[...] = (part * (_OPAQUE - cover) + added + _OPAQUE // 2) // _OPAQUE


class CueDrawer:
    """Draws the cues of one picture, all in one size of letters but for lines that would be too wide."""

    def __init__(self, font: FreeTypeFont, width: int, height: int, pixel_ratio: Fraction) -> None:
        """``width`` and ``height``: of the picture, even. ``pixel_ratio``: how wide a pixel is shown; its
        height is 1.
        """
        self._font = font
        self._width, self._height = width, height
        self._shown_width = max(round(width * pixel_ratio), 1)
        self._widest = (1 - 2 * _MARGIN) * self._shown_width
        self._highest = (1 - 2 * _MARGIN) * height
        # a line of LINE_CELLS fits a narrow picture, too
        self._size = min(_SIZE_OF_HEIGHT * height, self._widest / (LINE_CELLS * _EM_PER_CELL))

    def draw(self, lines: Sequence[str]) -> CueImage:
        """The image of a cue, whose lines stand centred above one another."""
        font = self._fitting(lines)
        step = _line_height(font)
        strip = min(round(step * len(lines) + 2 * _outline(font)), self._height)
        masks = [self._mask(lines, font, strip, outline) for outline in (_outline(font), 0)]
        top = max(round(self._height * (1 - _MARGIN)) - strip, 0) & ~1
        canvas = np.zeros((2, self._height, self._width), np.uint16)
        canvas[:, top : top + strip] = [mask[: self._height - top] for mask in masks]
        rows, columns = (np.flatnonzero(canvas[0].any(axis=axis)) for axis in (1, 0))
        if not len(rows):
            return CueImage(0, 0, *np.zeros((2, 0, 0), np.uint16))
        box = [slice(each[0] & ~1, (each[-1] + 2) & ~1) for each in (rows, columns)]
        cover, white = canvas[:, box[0], box[1]]
        return CueImage(box[0].start, box[1].start, cover, np.minimum(white, cover))

    def _fitting(self, lines: Sequence[str]) -> FreeTypeFont:
        """The font in its size, or in the largest one in which all lines fit."""
        font = self._font.font_variant(size=max(self._size, 1))
        width = max(map(font.getlength, lines)) + 2 * _outline(font)
        scale = min(1, self._widest / width, self._highest / (_line_height(font) * len(lines)))
        return font if scale == 1 else font.font_variant(size=max(scale * font.size - 0.5, 1))

    def _mask(self, lines: Sequence[str], font: FreeTypeFont, height: int, outline: int) -> Plane:
        from PIL import Image, ImageDraw

        image = Image.new("L", (self._shown_width, height))
        draw = ImageDraw.Draw(image)
        for number, line in enumerate(lines):
            base = (number * _line_height(font)) + font.getmetrics()[0] + _outline(font)
            place = (self._shown_width / 2, base)
            draw.text(place, line, _OPAQUE, font, anchor="ms", stroke_width=outline)
        return np.asarray(image.resize((self._width, height)))


def _line_height(font: FreeTypeFont) -> int:
    return sum(font.getmetrics())


def _outline(font: FreeTypeFont) -> int:
    return max(round(_OUTLINE_OF_SIZE * font.size), 1)
