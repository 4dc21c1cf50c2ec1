"""One shape for pieces of many lengths, wherever they stand in their texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from translate_svc.models.config import ModelConfig
from translate_svc.models.vocoder.receptive_field import ReceptiveField, UnitSpan, receptive_field

_FAR = 1 << 16
"""Units; further than any piece hears."""


class _Level(NamedTuple):
    """Places for a unit, where the window's first one stands (from that of its first unit), and how many."""

    rate: int
    first: int
    places: int


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """What a piece from the midst of a text would hear. At an end of a text a part of it is outside.

    Attributes:
        piece_units: the longest piece; a shorter one lies at the beginning.
        before: units heard before the piece.
        part: what is computed of the window's units.
    """

    piece_units: int
    before: int
    part: ReceptiveField
    _levels: tuple[_Level, ...]

    @classmethod
    def of(cls, piece_units: int, config: ModelConfig) -> Window:
        """The narrowest one for pieces of up to ``piece_units``."""
        midst = receptive_field(_FAR, _FAR + piece_units, 2 * _FAR + piece_units, config)
        size = midst.units.end - midst.units.start
        levels = [_Level(1, 0, size)]
        for rate, kept in zip(config.upsample_rates, midst.kept, strict=True):
            above = levels[-1]
            first = above.first * rate + kept.start
            levels.append(_Level(above.rate * rate, first, kept.stop - kept.start))
        part = ReceptiveField(UnitSpan(0, size), midst.kept, midst.samples)
        return cls(piece_units, _FAR - midst.units.start, part, tuple(levels))

    @property
    def row_size(self) -> int:
        """Numbers of a row."""
        return 4 + self.part.units.end

    def row(
        self, units: npt.NDArray[np.int64], start: int, language_id: int, speaker_id: int
    ) -> npt.NDArray[np.int64]:
        """A piece that begins with unit ``start`` of a text's ``units``, as ``Vocoder.windowed`` takes it:
        the place of the window's first unit in the text (negative before its beginning), the text's length,
        the voice, the units; 0 where the text has none.
        """
        first = start - self.before
        made = np.zeros(self.row_size, np.int64)
        made[:4] = first, len(units), language_id, speaker_id
        heard = units[max(first, 0) : first + self.part.units.end]
        skipped = 4 + max(-first, 0)
        made[skipped : skipped + len(heard)] = heard
        return made

    def outside(self, first: Tensor, total: Tensor) -> Sequence[Tensor]:
        """By level, True where rows (``first``, ``total``: ``[B]``, see ``row``) have no text:
        ``[B, 1, 1, places]``.
        """
        masks = []
        for rate, offset, places in self._levels:
            stand = torch.arange(offset, offset + places, device=first.device) + first[:, None] * rate
            masks.append(((stand < 0) | (stand >= total[:, None] * rate))[:, None, None])
        return masks
