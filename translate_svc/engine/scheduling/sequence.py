"""One target language of a request: the state that all stages work on. Mutable; the scheduler owns it."""

from __future__ import annotations

import abc
import enum
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from translate_svc.engine.constraint import LANGUAGE_MASK, Constraint
from translate_svc.engine.events import EngineEvent, FinishStatus, StopReason
from translate_svc.engine.options import EngineLimits
from translate_svc.engine.plan import (
    BeamItem,
    DecodeItem,
    SequenceKey,
    TextToUnitItem,
    VocodeItem,
)
from translate_svc.engine.scheduling.guides.guide import Guide
from translate_svc.engine.scheduling.text_state import TextState
from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.engine.step_result import BeamResult, DecodeResult
from translate_svc.errors import InvariantViolation
from translate_svc.models.text_rules import LanguageTokens
from translate_svc.types import Stage

NO_UNITS: npt.NDArray[np.int64] = np.empty(0, np.int64)

LONGEST_FROM_PIECE = 32
"""A waveform piece after so many others has the longest length."""


class Phase(enum.Enum):
    """The phase of a sequence outside every stage: before its first one or after its last one."""

    WAITING = "waiting"
    FINISHED = "finished"
    FAILED = "failed"
    ABORTED = "aborted"

    __hash__ = object.__hash__  # as that of ``Stage``


_A_LANGUAGE = Constraint(masks=(LANGUAGE_MASK,))

TERMINAL_PHASES = frozenset({Phase.FINISHED, Phase.FAILED, Phase.ABORTED})


@dataclass(frozen=True, slots=True)
class SpokenTokens:
    """The input of text-to-unit.

    Attributes:
        token_ids: prompt, history and text, or their beginning.
        context_tokens: how many tokens at the beginning get no units, the prompt included.
        lookahead_tokens: how many tokens at the end get no units.
        dropped_context_tokens: how many tokens after the prompt text-to-unit leaves out.
    """

    token_ids: tuple[int, ...] = ()
    context_tokens: int = 0
    lookahead_tokens: int = 0
    dropped_context_tokens: int = 0


@dataclass(slots=True, eq=False)
class SpeechState:
    """The units of a sequence, and how far they were voiced.

    Attributes:
        credit_pieces: how many waveform pieces may still be made.
        units: ``[n]``, what the vocoder gets.
        first_unit: place of ``units[0]`` in the speech of the utterance.
        voiced_before: how many of ``units`` an earlier request has voiced.
        piece_start_unit: the first unit of the next waveform piece.
        piece_end_unit: the end of the last waveform piece, in units.
        word_starts: indices in ``units`` at which words begin that were not voiced before.
    """

    credit_pieces: int
    units: npt.NDArray[np.int64] = field(default_factory=NO_UNITS.copy)
    first_unit: int = 0
    voiced_before: int = 0
    piece_start_unit: int = 0
    piece_end_unit: int = 0
    pieces_made: int = 0
    word_starts: tuple[int, ...] = ()

    @property
    def voiced_units(self) -> int:
        """Number of units that this request has voiced."""
        return self.piece_start_unit - self.voiced_before

    def next_piece_units(self, limits: EngineLimits) -> int:
        """Length of the next piece in units.

        It depends on the units alone and never on the load, so that results do not depend on the load either.
        Lengths double up to the limit. A remainder that is too short for a piece joins the last piece.
        """
        remaining = self.piece_end_unit - self.piece_start_unit
        piece = min(
            limits.max_piece_units, limits.first_piece_units << min(self.pieces_made, LONGEST_FROM_PIECE)
        )
        return remaining if remaining - piece < limits.first_piece_units else piece


@dataclass(slots=True, eq=False)
class SequenceState(abc.ABC):
    """Base class of all kinds of sequences. A kind decides which part of its text and units it delivers.

    Methods with ``events`` append to them in the order of delivery.

    Attributes:
        phase: the stage that works for the sequence, or a ``Phase`` while no stage does. ENCODE, DECODE and
            TEXT_TO_UNIT hold slots; VOCODE does not.
        slots: one, or one for each beam.
        speculative_token_ids: tokens that may follow those that are fed next.
        spoken: the input of text-to-unit, set by ``finish_text``.
        guide: of a sequence whose text does not end by itself, for terms or for its transcript.
        withheld: events of a text that may be revised, in place of those that are delivered.
    """

    key: SequenceKey
    spec: SequenceSpec
    caller: str
    text: TextState
    speech: SpeechState
    speculative_token_ids: tuple[int, ...]
    phase: Phase | Stage = field(default=Phase.WAITING, init=False)
    slots: tuple[int, ...] = field(default=(), init=False)
    spoken: SpokenTokens = field(default=SpokenTokens(), init=False)
    guide: Guide | None = field(default=None, init=False)
    withheld: list[EngineEvent] | None = field(default=None, init=False)

    @property
    def attention(self) -> npt.NDArray[np.float32] | None:
        """``[fed tokens, states]``, if it is kept as tokens are decoded."""
        return None

    def source_times(self) -> list[int | None]:
        """Of the text's tokens, if they are known before it ends."""
        return []

    @abc.abstractmethod
    def rewind(self, tokens: int) -> None:
        """Gives up the text but for its first ``tokens`` tokens, history included. None was delivered."""

    def detection_item(self, tokens: LanguageTokens) -> DecodeItem:
        """The item that asks the model which language it hears, and whether anybody speaks."""
        rule = self.text.rules.inventions
        return DecodeItem(
            self.key,
            self.held_slot,
            0,
            tokens.prompt,
            constraint=_A_LANGUAGE,
            probed_token=None if rule is None else rule.no_speech_token,
        )

    def set_prompt(self, prompt: Sequence[int], decoded: DecodeResult) -> None:
        """Takes the prompt of the language that was heard, which begins with what ``decoded`` was fed."""
        text, rule = self.text, self.text.rules.inventions
        if rule is not None and decoded.probed is not None and self.spec.guards.length_stop:
            text.may_be_silence = math.exp(decoded.probed) > rule.no_speech
        text.detection = None
        text.token_ids[: text.prompt_tokens] = prompt
        text.prompt_tokens = len(prompt)

    def next_decode_item(self) -> DecodeItem | BeamItem:
        """The next work of DECODE."""
        detection = self.text.detection
        return self.decode_item() if detection is None else self.detection_item(detection)

    @property
    @abc.abstractmethod
    def delivered_tokens(self) -> int:
        """Number of tokens that were delivered."""

    @property
    @abc.abstractmethod
    def is_final(self) -> bool:
        """Whether the speech of the utterance ends with this sequence."""

    @abc.abstractmethod
    def decode_item(self) -> DecodeItem | BeamItem:
        """The item that feeds all known tokens that were not fed yet."""

    def advance_beams(self, decoded: BeamResult, events: list[EngineEvent]) -> bool:
        """Takes the result of a ``BeamItem``, if ``decode_item`` makes such.

        Returns whether the text has ended.

        Raises:
            EngineError: the tokenizer failed on a token.
        """
        raise InvariantViolation("a sequence without beams got a result of beams")

    def begin_run(self, decoded: DecodeResult) -> None:
        """Takes what a pass says of its whole run. Its tokens follow, one by one."""
        self.speculative_token_ids = ()

    def push_token(self, decoded: DecodeResult, events: list[EngineEvent]) -> None:
        """Adds the next token of the text, if ``decode_item`` makes a ``DecodeItem``.

        Raises:
            EngineError: the tokenizer failed on it.
        """
        raise InvariantViolation("a sequence with beams got a single token")

    @abc.abstractmethod
    def finish_text(self, events: list[EngineEvent]) -> bool:
        """Ends the text. Returns whether text-to-unit makes units of ``spoken``, which is then set.

        Raises:
            EngineError: the tokenizer failed on a token.
        """

    @abc.abstractmethod
    def add_units(self, units: npt.NDArray[np.int64], token_durations: tuple[int, ...]) -> None:
        """Adds the units of the text and chooses which units are voiced.

        ``units``: ``[n]``; ``NO_UNITS`` for a text that is not spoken. ``token_durations``: number of units
        of each token.
        """

    @abc.abstractmethod
    def finish_speech(self, events: list[EngineEvent]) -> FinishStatus:
        """Ends the speech, after all units to voice were delivered. Returns how the sequence ends."""

    @property
    def terminal(self) -> bool:
        """The sequence has ended; no event of it will follow."""
        return self.phase in TERMINAL_PHASES

    @property
    def finish_status(self) -> FinishStatus:
        """The status of a sequence that has text and did not fail."""
        ended = self.text.stop_reason is StopReason.END_OF_TEXT
        return FinishStatus.OK if ended else FinishStatus.TRUNCATED

    @property
    def held_slot(self) -> int:
        """The first slot. Only ENCODE, DECODE and TEXT_TO_UNIT have one."""
        assert self.slots, "ENCODE, DECODE and TEXT_TO_UNIT hold a slot"
        return self.slots[0]

    def text_to_unit_item(self) -> TextToUnitItem:
        """The item that predicts the units of ``spoken``."""
        spec, spoken = self.spec, self.spoken
        return TextToUnitItem(
            self.key,
            self.held_slot,
            spoken.token_ids,
            spec.language,
            spec.duration_factor,
            spoken.context_tokens,
            spoken.lookahead_tokens,
            spec.pause_factor,
            spoken.dropped_context_tokens,
        )

    def vocode_item(self, limits: EngineLimits) -> VocodeItem:
        """The item of the next waveform piece."""
        spec, speech = self.spec, self.speech
        end = speech.piece_start_unit + speech.next_piece_units(limits)
        return VocodeItem(
            self.key, speech.units, speech.piece_start_unit, end, spec.language, spec.speaker_id
        )
