"""One shape for pieces of many lengths, at any position in their texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from translate_svc.models.seamless.config import ModelConfig
from translate_svc.models.seamless.vocoder.receptive_field import ReceptiveField, UnitSpan, receptive_field

_FAR = 1 << 16
"""Units; larger than any receptive field."""


class _Level(NamedTuple):
    """Positions per unit, the window's first position (from that of its first unit), and their number."""

    rate: int
    first: int
    places: int


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """The receptive field of a piece from the middle of a text. At an end of a text, a part of it is outside.

    Attributes:
        piece_units: the length of the longest piece; a shorter one is at the beginning.
        before: units of context before the piece.
        part: the receptive field, counted from the window's first unit.
    """

    piece_units: int
    before: int
    part: ReceptiveField
    _levels: tuple[_Level, ...]

    @classmethod
    def of(cls, piece_units: int, config: ModelConfig) -> Window:
        """The narrowest window for pieces of up to ``piece_units``."""
        middle = receptive_field(_FAR, _FAR + piece_units, 2 * _FAR + piece_units, config)
        size = middle.units.end - middle.units.start
        levels = [_Level(1, 0, size)]
        for rate, kept in zip(config.upsample_rates, middle.kept, strict=True):
            above = levels[-1]
            first = above.first * rate + kept.start
            levels.append(_Level(above.rate * rate, first, kept.stop - kept.start))
        part = ReceptiveField(UnitSpan(0, size), middle.kept, middle.samples)
        return cls(piece_units, _FAR - middle.units.start, part, tuple(levels))

    @property
    def row_size(self) -> int:
        """How many numbers a row has."""
        return 4 + self.part.units.end

    def row(
        self, units: npt.NDArray[np.int64], start: int, language_id: int, speaker_id: int
    ) -> npt.NDArray[np.int64]:
        """A piece that begins with unit ``start`` of a text's ``units``, as ``Vocoder.windowed`` takes it.

        The row has the position of the window's first unit in the text (negative before its beginning), the
        text's length, the voice, and the units. Units outside the text are 0.
        """
        first = start - self.before
        made = np.zeros(self.row_size, np.int64)
        made[:4] = first, len(units), language_id, speaker_id
        made[4:] = self.excerpt(units, start)
        return made

    def excerpt(self, units: npt.NDArray[np.int64], start: int) -> npt.NDArray[np.int64]:
        """What the window shows of ``units`` if its piece begins with unit ``start``; 0 outside the text."""
        first, size = start - self.before, self.part.units.end
        shown = np.zeros(size, np.int64)
        inside = units[max(first, 0) : first + size]
        skipped = max(-first, 0)
        shown[skipped : skipped + len(inside)] = inside
        return shown

    def hears_only_text(self, start: int, end: int, total: int) -> bool:
        """Whether a piece of units ``[start, end)`` depends on no place outside its text of ``total`` units.
        Then the rest of the window may hold anything.
        """
        after = self.part.units.end - self.before - self.piece_units
        return start >= self.before and end + after <= total

    def outside(self, first: Tensor, total: Tensor) -> Sequence[Tensor]:
        """A mask for each level, ``[B, 1, 1, positions]``, True where rows have no text.

        ``first`` and ``total``: ``[B]``, the first two numbers of each ``row``.
        """
        masks = []
        for rate, offset, places in self._levels:
            stand = torch.arange(offset, offset + places, device=first.device) + first[:, None] * rate
            masks.append(((stand < 0) | (stand >= total[:, None] * rate))[:, None, None])
        return masks
