"""Where a request and its sequences stand. Mutable state, owned by the scheduler alone."""

from __future__ import annotations

import enum
from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from translate_svc.engine.options import PROMPT_TOKENS, EngineLimits
from translate_svc.engine.plan import (
    DecodeItem,
    EncodeItem,
    SequenceKey,
    StageReport,
    TextToUnitItem,
    VocodeItem,
)
from translate_svc.engine.request import (
    FinishStatus,
    Request,
    RequestFinished,
    SequenceSpec,
    SourceText,
    StageSpan,
    StopReason,
)
from translate_svc.engine.text.detokenize import Detokenizer, Tokenizer
from translate_svc.engine.text.guards import is_loop, max_text_tokens
from translate_svc.types import EncoderSource, Stage, StageTiming


class Phase(enum.Enum):
    """Where a sequence stands while no stage works for it: before the first, or after its last."""

    WAITING = "waiting"
    FINISHED = "finished"
    FAILED = "failed"
    ABORTED = "aborted"


TERMINAL_PHASES = frozenset({Phase.FINISHED, Phase.FAILED, Phase.ABORTED})


@dataclass(slots=True, eq=False)
class SequenceState:
    """One target language of a request.

    ``token_ids``: all that is to be fed, in order: ``</s>``, language, then every token decoded.
    ``fed_tokens``: how many of them were. ``length_stop_tokens``: text that the length guard lets through.
    ``piece_start_unit``: where the next waveform piece begins. ``phase``: the stage that works for it, or why
    none does. ENCODE, DECODE and TEXT_TO_UNIT hold a slot, VOCODE no longer.
    """

    key: SequenceKey
    spec: SequenceSpec
    token_ids: list[int]
    detokenizer: Detokenizer
    credit_pieces: int
    attention: bool
    length_stop_tokens: int
    phase: Phase | Stage = Phase.WAITING
    slot: int | None = None
    fed_tokens: int = 0
    stop: StopReason = StopReason.END_OF_TEXT
    units: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    piece_start_unit: int = 0
    pieces_made: int = 0

    @property
    def terminal(self) -> bool:
        """Nothing more will come of this sequence."""
        return self.phase in TERMINAL_PHASES

    @property
    def text_tokens(self) -> int:
        """Tokens of the text so far."""
        return len(self.token_ids) - PROMPT_TOKENS

    @property
    def spoken_status(self) -> FinishStatus:
        """How a sequence that has text ends when nothing fails."""
        return FinishStatus.OK if self.stop is StopReason.END_OF_TEXT else FinishStatus.TRUNCATED

    def stop_before(self, token_id: int, eos_token_id: int, max_slot_tokens: int) -> StopReason | None:
        """Why the text ends before ``token_id``, which was predicted to follow; None when it goes on."""
        if token_id == eos_token_id:
            return StopReason.END_OF_TEXT
        if self.fed_tokens == max_slot_tokens:
            return StopReason.TOKEN_LIMIT
        guards = self.spec.guards
        if guards.length_stop and self.text_tokens >= self.length_stop_tokens:
            return StopReason.LENGTH
        if guards.repetition_stop and is_loop(self.token_ids, token_id):
            return StopReason.REPETITION
        return None

    @property
    def held_slot(self) -> int:
        """The slot, in the phases that hold one."""
        assert self.slot is not None, "phases that decode or read hidden states hold a slot"
        return self.slot

    def decode_item(self) -> DecodeItem:
        """Feeds the next token. Attention is not asked of position 0, whose prediction is not used."""
        position = self.fed_tokens
        attention = self.attention and position > 0
        return DecodeItem(self.key, self.held_slot, position, self.token_ids[position], attention)

    def text_to_unit_item(self) -> TextToUnitItem:
        """Units of the whole text."""
        spec = self.spec
        return TextToUnitItem(
            self.key, self.held_slot, tuple(self.token_ids), spec.language, spec.duration_factor
        )

    def vocode_item(self, limits: EngineLimits) -> VocodeItem:
        """The next piece. Cuts depend on the units alone, never on load, so that results do not either."""
        spec = self.spec
        end = self.piece_start_unit + self.next_piece_units(limits)
        return VocodeItem(self.key, self.units, self.piece_start_unit, end, spec.language, spec.speaker_id)

    def next_piece_units(self, limits: EngineLimits) -> int:
        """Short at first, doubling up to the limit; a remainder too short for a piece joins the last one."""
        remaining = len(self.units) - self.piece_start_unit
        piece = min(limits.max_piece_units, limits.first_piece_units << min(self.pieces_made, 32))
        return remaining if remaining - piece < limits.first_piece_units else piece


@dataclass(slots=True, eq=False)
class RequestState:
    """A request and its sequences.

    ``source``: what is encoded. ``ticket``: a number that no other request of this scheduler ever has.
    ``timings``: per stage, milliseconds shared and the largest batch; ``spans``: its first start and its last
    end, in seconds.
    """

    request: Request
    source: EncoderSource
    sequences: tuple[SequenceState, ...]
    ticket: int
    error: str = ""
    statuses: list[FinishStatus] = field(default_factory=list)
    timings: dict[Stage, tuple[float, int]] = field(default_factory=dict)
    spans: dict[Stage, tuple[float, float]] = field(default_factory=dict)

    @classmethod
    def create(
        cls, request: Request, tokenizer: Tokenizer, limits: EngineLimits, ticket: int
    ) -> RequestState:
        """A request as it arrives, waiting.

        Raises:
            KeyError: the tokenizer does not know a language.
        """
        is_text = isinstance(request.source, SourceText)
        source = encoder_source(request, tokenizer)
        return cls(
            request,
            source,
            tuple(
                SequenceState(
                    SequenceKey(request.request_id, index),
                    spec,
                    [tokenizer.eos_token_id, tokenizer.language_token(spec.language)],
                    Detokenizer(tokenizer),
                    limits.initial_credit_pieces,
                    request.source_times and not is_text,
                    max_text_tokens(source),
                )
                for index, spec in enumerate(request.sequences)
            ),
            ticket,
        )

    @property
    def terminal(self) -> bool:
        """Nothing more will come of any of its sequences."""
        return all(sequence.terminal for sequence in self.sequences)

    def encode_item(self) -> EncodeItem:
        """Encodes the source into the slots of all sequences; the same job in every step that it takes."""
        slots = tuple(sequence.held_slot for sequence in self.sequences)
        return EncodeItem(self.request.request_id, self.source, slots, self.ticket)

    def add_timing(self, report: StageReport) -> None:
        """Adds one step's share of a stage."""
        duration_ms, batch_size = self.timings.get(report.stage, (0.0, 0))
        self.timings[report.stage] = duration_ms + report.duration_ms, max(batch_size, report.batch_size)
        first_s, _ = self.spans.get(report.stage, (report.started_s, 0.0))
        self.spans[report.stage] = first_s, report.started_s + report.duration_ms / 1000

    def finished(self, status: FinishStatus) -> RequestFinished:
        """Its last event."""
        return RequestFinished(
            self.request.request_id,
            status,
            tuple(StageTiming(stage.value, *total) for stage, total in self.timings.items()),
            self.error,
            tuple(StageSpan(stage.value, *span) for stage, span in self.spans.items()),
        )


def encoder_source(request: Request, tokenizer: Tokenizer) -> EncoderSource:
    """What the encoder of a request's modality is fed.

    Raises:
        KeyError: the tokenizer does not know the source language.
    """
    source = request.source
    return tokenizer.source_tokens(source.text, source.language) if isinstance(source, SourceText) else source


def combined_status(statuses: Collection[FinishStatus]) -> FinishStatus:
    """A request's status from its sequences': FAILED or TRUNCATED where any is, EMPTY where all are."""
    for status in (FinishStatus.FAILED, FinishStatus.TRUNCATED, FinishStatus.OK):
        if status in statuses:
            return status
    return FinishStatus.EMPTY
