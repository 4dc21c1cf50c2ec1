"""Turns finished texts into units: makes batches for both halves of text-to-unit, and finds failed rows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from translate_svc.errors import EngineError
from translate_svc.models.graphs.capture_count import CaptureCount
from translate_svc.models.graphs.cuda_graphs import GraphCapturer
from translate_svc.models.seamless.t2u.characters import CharacterSequence, CharacterTable
from translate_svc.models.seamless.t2u.t2u import TextToUnit
from translate_svc.models.seamless.t2u.t2u_backend import EagerT2u, T2uBackend, silent
from translate_svc.models.seamless.t2u.t2u_graphs import T2uGraphs
from translate_svc.models.seamless.t2u.t2u_shape import T2uShape
from translate_svc.models.seamless.tokenizer import PROMPT_TOKENS
from translate_svc.models.speech_model import NOT_FINITE, SpeechUnits, T2uInput

MIN_PAUSE_UNITS = 3
"""A shortened pause keeps 60 ms, or its length if it was shorter: words do not run into each other."""


class T2uRunner:
    """Runs batches of texts through text-to-unit.

    Args:
        text_to_unit: the loaded model.
        states: the text decoder's states, ``[slots, columns, hidden]``, on the same device.
        characters: the checkpoint's character table.
    """

    def __init__(self, text_to_unit: TextToUnit, states: Tensor, characters: CharacterTable) -> None:
        self._text_to_unit = text_to_unit
        self._states = states
        self._characters = characters
        self._halves: T2uBackend = EagerT2u(text_to_unit, states)

    def capture(self, capturer: GraphCapturer, count: CaptureCount) -> None:
        """Captures both halves for a few batch shapes.

        Raises:
            DeviceLost: the device's context is lost.
        """
        self._halves = T2uGraphs(self._text_to_unit, self._states, capturer, count)

    def speeches(self, texts: Sequence[T2uInput]) -> list[SpeechUnits | EngineError]:
        """One result for each text. A text without characters has no units."""
        characters = [self._characters.characters(_spoken_ids(text)) for text in texts]
        outcomes: dict[int, SpeechUnits | EngineError] = {}
        for index, sequence in enumerate(characters):
            if not sequence.character_ids:
                outcomes[index] = _spoken(texts[index], sequence, (), np.empty(0, np.int64))
            elif len(sequence.character_ids) > self._text_to_unit.max_units:
                outcomes[index] = self._too_long("characters")
        left = [index for index in range(len(texts)) if index not in outcomes]
        if left:
            made = self._speak([texts[i] for i in left], [characters[i] for i in left])
            outcomes |= dict(zip(left, made, strict=True))
        return [outcomes[index] for index in range(len(texts))]

    def _speak(
        self, texts: Sequence[T2uInput], characters: Sequence[CharacterSequence]
    ) -> list[SpeechUnits | EngineError]:
        lengths = [len(sequence.character_ids) for sequence in characters]
        shape = T2uShape(max(len(each.counts_per_token) for each in characters), max(lengths))
        shape = self._halves.room(len(texts), shape)
        rows = [
            shape.row(text.slot, sequence, text.duration_factor, text.dropped_context_tokens)
            for text, sequence in zip(texts, characters, strict=True)
        ]
        packed, states = self._halves.characters(torch.from_numpy(np.stack(rows)), shape)
        finite, durations = packed[:, 0].bool(), packed[:, 1:]
        for row, (text, sequence) in enumerate(zip(texts, characters, strict=True)):
            if text.pause_factor != 1.0:
                _shorten(durations[row], sequence.pauses, text.pause_factor)
            if text.sentence_pause_units and sequence.sentence_ends:
                ends = list(sequence.sentence_ends)
                durations[row, ends] = durations[row, ends].clamp(min=text.sentence_pause_units)
        short = durations.sum(dim=1) <= self._text_to_unit.max_units
        good = (finite & short)[:, None]
        durations = torch.where(good, durations, silent(*durations.shape))
        made = self._halves.units(states, durations, int(durations.sum(dim=1).max())).numpy()
        outcomes: list[SpeechUnits | EngineError] = []
        for row, length in enumerate(lengths):
            spread = tuple(durations[row, :length].tolist())
            if not (finite[row] and made[row, 0]):
                outcomes.append(EngineError(NOT_FINITE))
            elif not short[row]:
                outcomes.append(self._too_long("units"))
            else:
                outcomes.append(_spoken(texts[row], characters[row], spread, made[row, 1:]))
        return outcomes

    def _too_long(self, what: str) -> EngineError:
        return EngineError(f"the text has more than {self._text_to_unit.max_units} {what}")


def _spoken_ids(text: T2uInput) -> Sequence[int]:
    """``</s>``, language, and the tokens that are not dropped."""
    first = PROMPT_TOKENS + text.dropped_context_tokens
    return [*text.token_ids[:PROMPT_TOKENS], *text.token_ids[first:]]


def _shorten(durations: Tensor, places: Sequence[int], factor: float) -> None:
    """Multiplies the durations at ``places`` of one row (``[C]``) in place."""
    pauses = durations[list(places)]
    shorter = (pauses * factor).round().long().clamp(min=MIN_PAUSE_UNITS)
    durations[list(places)] = torch.minimum(pauses, shorter)


def _spoken(
    text: T2uInput, characters: CharacterSequence, durations: Sequence[int], units: npt.NDArray[np.int64]
) -> SpeechUnits:
    """The part that is not context. ``durations`` of all characters; ``units`` from the text's first."""
    starts = [0, *accumulate(characters.lengths)]
    first, end = text.context_tokens - text.dropped_context_tokens, len(starts) - 1 - text.lookahead_tokens
    places = [sum(durations[:start]) for start in starts[first : end + 1]]
    return SpeechUnits(
        units[places[0] : places[-1]].copy(),
        tuple(durations[starts[first] : starts[end]]),
        tuple(after - before for before, after in pairwise(places)),
    )
