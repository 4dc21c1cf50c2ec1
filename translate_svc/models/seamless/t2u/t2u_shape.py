"""The layout of texts to speak in one tensor, which is copied to the device in one go."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from translate_svc.models.seamless.t2u.characters import CharacterSequence
from translate_svc.models.seamless.t2u.t2u import TextBatch

_HEAD = 4  # slot, tokens, duration factor, tokens that are left out


class T2uShape(NamedTuple):
    """How many tokens and characters each row has room for."""

    tokens: int
    characters: int

    @property
    def row_size(self) -> int:
        """How many numbers a row has."""
        return _HEAD + self.tokens + self.characters

    def row(
        self,
        slot: int,
        characters: CharacterSequence,
        duration_factor: float,
        dropped_context_tokens: int = 0,
    ) -> npt.NDArray[np.float64]:
        """A text whose states are in ``slot``: slot, tokens, factor, tokens left out, characters per token,
        character ids.

        ``dropped_context_tokens`` states after the first one are left out: the state before the first token
        that is heard takes the place of the language's. All are float64, which holds each of them exactly.
        """
        counts, ids = characters.counts_per_token, characters.character_ids
        made = np.zeros(self.row_size)
        made[:_HEAD] = slot, len(counts), duration_factor, dropped_context_tokens
        made[_HEAD : _HEAD + len(counts)] = counts
        made[_HEAD + self.tokens :][: len(ids)] = ids
        return made

    def batch(self, rows: Tensor, states: Tensor, *, padded: bool) -> TextBatch:
        """The batch that ``rows`` (``[B, row_size]``) describe, with their tokens' states.

        ``states`` is ``[slots, columns, hidden]``, on the same device as ``rows``.
        """
        whole = rows.long()
        ids = _HEAD + self.tokens
        places = torch.arange(self.tokens, device=rows.device)
        columns = (places + whole[:, 3:4] * (places > 0)).clamp_(max=states.shape[1] - 1)
        return TextBatch(
            states=states[whole[:, :1], columns],
            lengths=whole[:, 1],
            character_ids=whole[:, ids:],
            counts=whole[:, _HEAD:ids],
            duration_factors=rows[:, 2].float(),
            padded=padded,
        )
