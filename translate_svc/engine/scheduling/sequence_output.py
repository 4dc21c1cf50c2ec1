"""Delivers the text of a sequence and chooses the units to voice. Pure; no queues."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from translate_svc.engine.plan import DecodeResult
from translate_svc.engine.request import EngineEvent, FinishStatus, TextFinished, TokenDecoded
from translate_svc.engine.scheduling.sequence import RequestState, SequenceState
from translate_svc.engine.text.scripts import written_in_foreign_script

NO_UNITS: npt.NDArray[np.int64] = np.empty(0, np.int64)


class SequenceOutput(Protocol):
    """Handles the decoded tokens and predicted units of a sequence.

    Methods append to ``events`` in the order of delivery.
    """

    def push_token(self, sequence: SequenceState, decoded: DecodeResult, events: list[EngineEvent]) -> None:
        """Adds the next token of the text.

        Raises:
            EngineError: the tokenizer failed on it.
        """

    def finish_text(self, sequence: SequenceState, state: RequestState, events: list[EngineEvent]) -> bool:
        """Ends the text. Returns whether T2U makes units of ``speech_token_ids``, which are then set.

        Raises:
            EngineError: the tokenizer failed on a token.
        """

    def add_units(
        self,
        sequence: SequenceState,
        state: RequestState,
        units: npt.NDArray[np.int64],
        token_durations: tuple[int, ...],
    ) -> None:
        """Sets the units that the vocoder gets, and chooses which of them are voiced.

        ``units``: ``[n]``, those of the text; ``NO_UNITS`` for a text that is not spoken.
        ``token_durations``: number of units of each token.
        """

    def finish_speech(
        self, sequence: SequenceState, state: RequestState, events: list[EngineEvent]
    ) -> FinishStatus:
        """Ends the speech, after all units to voice were delivered. Returns how the sequence ends."""


class WholeOutput:
    """The output of a complete request: delivers each token as it comes, and speaks all of the text."""

    def push_token(self, sequence: SequenceState, decoded: DecodeResult, events: list[EngineEvent]) -> None:
        """Delivers the token at once."""
        text = sequence.detokenizer.push(decoded.token_id)
        sequence.token_ids.append(decoded.token_id)
        events.append(
            TokenDecoded(*sequence.key, decoded.token_id, text, decoded.log_probability, decoded.source_ms)
        )

    def finish_text(self, sequence: SequenceState, state: RequestState, events: list[EngineEvent]) -> bool:
        """Delivers the end of the text. A text in a foreign script is not spoken."""
        del state
        spec = sequence.spec
        tail = sequence.detokenizer.finish()
        text = sequence.detokenizer.text
        foreign = spec.guards.script_check and written_in_foreign_script(text, spec.language)
        events.append(
            TextFinished(*sequence.key, text, tail, sequence.text_tokens, sequence.stop_reason, foreign)
        )
        sequence.speech_token_ids = tuple(sequence.token_ids)
        return bool(spec.speech and not foreign and text.strip())

    def add_units(
        self,
        sequence: SequenceState,
        state: RequestState,
        units: npt.NDArray[np.int64],
        token_durations: tuple[int, ...],
    ) -> None:
        """Chooses all units."""
        del state, token_durations
        sequence.units, sequence.piece_end_unit = units, len(units)

    def finish_speech(
        self, sequence: SequenceState, state: RequestState, events: list[EngineEvent]
    ) -> FinishStatus:
        """Returns EMPTY for a text of white space alone."""
        del state, events
        return sequence.finish_status if sequence.detokenizer.text.strip() else FinishStatus.EMPTY
