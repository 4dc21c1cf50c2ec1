"""The state of a request and its sequences. Mutable, and owned by the scheduler alone.

This file is longer than most: a sequence has the state of every stage, and makes the items of each stage.
"""

from __future__ import annotations

import enum
from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from translate_svc.engine.options import EngineLimits
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
from translate_svc.engine.simultaneous.hypothesis import SequenceHypothesis
from translate_svc.engine.simultaneous.words import is_spaced
from translate_svc.engine.text.detokenize import Detokenizer, Tokenizer
from translate_svc.engine.text.guards import is_loop, max_text_tokens
from translate_svc.models.limits import PROMPT_TOKENS
from translate_svc.models.log_mel import LogMelFrames
from translate_svc.types import EncoderSource, Stage, StageTiming


class Phase(enum.Enum):
    """The phase of a sequence outside every stage: before its first one or after its last one."""

    WAITING = "waiting"
    FINISHED = "finished"
    FAILED = "failed"
    ABORTED = "aborted"


TERMINAL_PHASES = frozenset({Phase.FINISHED, Phase.FAILED, Phase.ABORTED})


@dataclass(slots=True, eq=False)
class SequenceState:
    """One target language of a request. Only hypotheses use the attributes from ``attention_rows`` on.

    Attributes:
        token_ids: all tokens to feed, in order: ``</s>``, language, then every decoded token.
        fed_tokens: how many of ``token_ids`` were fed.
        length_stop_tokens: the longest text that the length guard allows, in tokens.
        piece_start_unit: the first unit of the next waveform piece.
        piece_end_unit: the end of the last waveform piece, in units.
        phase: the stage that works for the sequence, or a ``Phase`` while no stage does. ENCODE, DECODE and
            TEXT_TO_UNIT hold a slot; VOCODE does not.
        speech_token_ids: the input of T2U: prompt, history and text. T2U leaves out
            ``dropped_context_tokens`` behind the prompt. The last ``lookahead_tokens`` are context only and
            are not spoken.
        attention_rows: ``[run, frames]`` of each pass.
        log_probabilities: natural, of the new tokens.
        committed_tokens: how many of the new tokens were committed.
        speculative_token_ids: the tokens that the hypothesis before held; they may follow the tokens that
            are fed next.
        suppress_continuation: the history ends with a whole word.
        word_starts: indices in ``units`` at which words begin, of units that were not voiced before.
        unspoken_tokens: how many committed tokens have no units yet.
    """

    key: SequenceKey
    spec: SequenceSpec
    token_ids: list[int]
    detokenizer: Detokenizer
    credit_pieces: int
    return_source_ms: bool
    length_stop_tokens: int
    phase: Phase | Stage = Phase.WAITING
    slot: int | None = None
    fed_tokens: int = 0
    stop_reason: StopReason = StopReason.END_OF_TEXT
    units: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    piece_start_unit: int = 0
    piece_end_unit: int = 0
    pieces_made: int = 0
    hypothesis: SequenceHypothesis | None = None
    attention_rows: list[npt.NDArray[np.float32]] = field(default_factory=list)
    log_probabilities: list[float] = field(default_factory=list)
    speech_token_ids: tuple[int, ...] = ()
    lookahead_tokens: int = 0
    dropped_context_tokens: int = 0
    unspoken_tokens: int = 0
    word_starts: tuple[int, ...] = ()
    committed_tokens: int = 0
    speculative_token_ids: tuple[int, ...] = ()
    suppress_continuation: bool = False
    caller: str = ""

    @property
    def terminal(self) -> bool:
        """The sequence has ended; no event of it will follow."""
        return self.phase in TERMINAL_PHASES

    @property
    def text_tokens(self) -> int:
        """Number of tokens of the text so far."""
        return len(self.token_ids) - PROMPT_TOKENS

    @property
    def delivered_tokens(self) -> int:
        """Number of tokens that were delivered. A hypothesis delivers only the committed ones."""
        return self.text_tokens if self.hypothesis is None else self.committed_tokens

    @property
    def first_unit(self) -> int:
        """Place of ``units[0]`` in the speech of the utterance."""
        return 0 if self.hypothesis is None else self.hypothesis.speech.first_unit

    @property
    def voiced_units(self) -> int:
        """Units whose waveform was delivered."""
        return self.piece_start_unit - (0 if self.hypothesis is None else self.hypothesis.speech.voiced_units)

    @property
    def finish_status(self) -> FinishStatus:
        """The status of a sequence that has text and did not fail."""
        return FinishStatus.OK if self.stop_reason is StopReason.END_OF_TEXT else FinishStatus.TRUNCATED

    def check_stop(self, token_id: int, eos_token_id: int, max_slot_tokens: int) -> StopReason | None:
        """Why the text stops before the predicted ``token_id``; None when it continues."""
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
        """The slot. Only ENCODE, DECODE and TEXT_TO_UNIT have one."""
        assert self.slot is not None, "ENCODE, DECODE and TEXT_TO_UNIT hold a slot"
        return self.slot

    def decode_item(self) -> DecodeItem:
        """The item that feeds all known tokens that were not fed yet."""
        position = self.fed_tokens
        run = tuple(self.token_ids[position:])
        return DecodeItem(
            self.key,
            self.held_slot,
            position,
            run,
            self.return_source_ms,
            return_attention=self.hypothesis is not None,
            speculative_token_ids=self.speculative_token_ids,
            suppress_continuation=position == 0 and self.suppress_continuation,
            scores_given_text=bool(self.spec.given_token_ids),
        )

    def text_to_unit_item(self) -> TextToUnitItem:
        """The item that predicts the units of ``speech_token_ids``, except for a hypothesis's spoken
        history.
        """
        spec = self.spec
        context = 0 if self.hypothesis is None else PROMPT_TOKENS + self.hypothesis.spoken_history_tokens
        return TextToUnitItem(
            self.key,
            self.held_slot,
            self.speech_token_ids,
            spec.language,
            spec.duration_factor,
            context,
            self.lookahead_tokens,
            spec.pause_factor,
            self.dropped_context_tokens,
        )

    def vocode_item(self, limits: EngineLimits) -> VocodeItem:
        """The item of the next piece.

        The length of a piece depends on the units alone and never on the load, so that results do not depend
        on the load either.
        """
        spec = self.spec
        end = self.piece_start_unit + self.next_piece_units(limits)
        return VocodeItem(self.key, self.units, self.piece_start_unit, end, spec.language, spec.speaker_id)

    def next_piece_units(self, limits: EngineLimits) -> int:
        """Length of the next piece in units.

        Lengths double up to the limit. Hypotheses have little to voice, so they begin with the longest
        length. A remainder that is too short for a piece joins the last piece.
        """
        remaining = self.piece_end_unit - self.piece_start_unit
        made = self.pieces_made if self.hypothesis is None else 32
        piece = min(limits.max_piece_units, limits.first_piece_units << min(made, 32))
        return remaining if remaining - piece < limits.first_piece_units else piece


@dataclass(slots=True, eq=False)
class RequestState:
    """A request and its sequences.

    ``source``: the input of the encoder. ``job_id``: a number that no other request of this scheduler ever
    has. ``timings``: for each stage the milliseconds of its steps and the largest batch. ``spans``: for each
    stage the first start and the last end, in seconds. ``log_mel``: the log-mel frames
    of a hypothesis's buffer, for the next hypothesis.
    """

    request: Request
    source: EncoderSource
    sequences: tuple[SequenceState, ...]
    job_id: int
    error: str = ""
    statuses: list[FinishStatus] = field(default_factory=list)
    timings: dict[Stage, tuple[float, int]] = field(default_factory=dict)
    spans: dict[Stage, tuple[float, float]] = field(default_factory=dict)
    log_mel: LogMelFrames | None = None

    @classmethod
    def create(
        cls, request: Request, tokenizer: Tokenizer, limits: EngineLimits, job_id: int
    ) -> RequestState:
        """The state of a new request, in WAITING.

        Raises:
            KeyError: the tokenizer does not know a language.
        """
        is_text = isinstance(request.source, SourceText)
        source = encoder_source(request, tokenizer)
        hypotheses = request.hypothesis.sequences if request.hypothesis else [None] * len(request.sequences)
        most_tokens = limits.max_slot_tokens - PROMPT_TOKENS - 1  # the slot is not full before the last step
        return cls(
            request,
            source,
            tuple(
                SequenceState(
                    SequenceKey(request.request_id, index),
                    spec,
                    [
                        tokenizer.eos_token_id,
                        tokenizer.language_token(spec.language),
                        *(() if hypothesis is None else hypothesis.history_token_ids),
                    ],
                    Detokenizer(
                        tokenizer, goes_on=hypothesis is not None and hypothesis.committed_tokens > 0
                    ),
                    limits.initial_credit_pieces,
                    request.source_times
                    and not is_text
                    and hypothesis is None,  # a hypothesis reads its attention
                    max_text_tokens(source),
                    hypothesis=hypothesis,
                    speculative_token_ids=given_text(spec, tokenizer)
                    if hypothesis is None
                    else hypothesis.speculative_token_ids(most_tokens),
                    caller=request.caller,
                    suppress_continuation=hypothesis is not None
                    and hypothesis.ends_in_word
                    and is_spaced(spec.language),
                )
                for index, (spec, hypothesis) in enumerate(zip(request.sequences, hypotheses, strict=True))
            ),
            job_id,
        )

    @property
    def terminal(self) -> bool:
        """All its sequences have ended."""
        return all(sequence.terminal for sequence in self.sequences)

    @property
    def is_final(self) -> bool:
        """Whether no later hypothesis follows. True for a request that is not a hypothesis."""
        return self.request.hypothesis is None or self.request.hypothesis.is_final

    def encode_item(self) -> EncodeItem:
        """The item that encodes the source for all sequences. Its job id is the same in every step."""
        slots = tuple(sequence.held_slot for sequence in self.sequences)
        hypothesis = self.request.hypothesis
        return EncodeItem(
            self.request.request_id,
            self.source,
            slots,
            self.job_id,
            None if hypothesis is None else hypothesis.log_mel,
            keeps_log_mel=hypothesis is not None,
        )

    def add_timing(self, report: StageReport) -> None:
        """Adds the time that a stage took in one step."""
        duration_ms, batch_size = self.timings.get(report.stage, (0.0, 0))
        self.timings[report.stage] = duration_ms + report.duration_ms, max(batch_size, report.batch_size)
        first_s, _ = self.spans.get(report.stage, (report.started_s, 0.0))
        self.spans[report.stage] = first_s, report.started_s + report.duration_ms / 1000

    def finished(self, status: FinishStatus) -> RequestFinished:
        """The last event of the request."""
        return RequestFinished(
            self.request.request_id,
            status,
            tuple(StageTiming(stage.value, *total) for stage, total in self.timings.items()),
            self.error,
            tuple(StageSpan(stage.value, *span) for stage, span in self.spans.items()),
            None if self.is_final else self.log_mel,
        )


def given_text(spec: SequenceSpec, tokenizer: Tokenizer) -> tuple[int, ...]:
    """The tokens of a text that is given, its end included; empty without one."""
    return (*spec.given_token_ids, tokenizer.eos_token_id) if spec.given_token_ids else ()


def encoder_source(request: Request, tokenizer: Tokenizer) -> EncoderSource:
    """The encoder's input: the samples of speech, or the tokens of a text.

    Raises:
        KeyError: the tokenizer does not know the source language.
    """
    source = request.source
    return tokenizer.source_tokens(source.text, source.language) if isinstance(source, SourceText) else source


def combined_status(statuses: Collection[FinishStatus]) -> FinishStatus:
    """A request's status: FAILED or TRUNCATED when any sequence is, EMPTY when all are, otherwise OK."""
    for status in (FinishStatus.FAILED, FinishStatus.TRUNCATED, FinishStatus.OK):
        if status in statuses:
            return status
    return FinishStatus.EMPTY
