"""Moves sequences on by the results of a step, and collects its events.

The file is a little long: one short method for each kind of result, and for each way a text may end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import assert_never

import numpy as np
import numpy.typing as npt

from translate_svc.engine.events import (
    EngineEvent,
    FinishStatus,
    LanguageDetected,
    LanguageHeard,
    TextScored,
    TokenDecoded,
    UnitsPredicted,
    WaveformPiece,
)
from translate_svc.engine.options import EngineLimits
from translate_svc.engine.plan import (
    BeamItem,
    DecodeItem,
    TextToUnitItem,
    VocodeItem,
)
from translate_svc.engine.scheduling.guides.cascade import Cascade
from translate_svc.engine.scheduling.guides.guide import Ended, Guide
from translate_svc.engine.scheduling.guides.retry import Retry
from translate_svc.engine.scheduling.in_flight import Encoded, InFlight
from translate_svc.engine.scheduling.phase_queues import PhaseQueues
from translate_svc.engine.scheduling.request_state import RequestState
from translate_svc.engine.scheduling.request_states import RequestStates
from translate_svc.engine.scheduling.sequence import NO_UNITS, SequenceState
from translate_svc.engine.step_result import (
    BeamResult,
    DecodeResult,
    EncodeResult,
    EncodeUnfinished,
    ItemFailure,
    StageResult,
    TextToUnitResult,
    VocodeResult,
)
from translate_svc.engine.text.constraints import text_prompt
from translate_svc.errors import EngineError, InvariantViolation
from translate_svc.heard_language import decide
from translate_svc.models.text_rules import LanguageTokens
from translate_svc.models.tokenizer import Tokenizer
from translate_svc.types import SAMPLES_PER_UNIT, Stage

Finish = Callable[[SequenceState, FinishStatus, str], None]


class StageResults:
    """Applies results to sequences: each gets its result and moves to the queue of its next stage.

    ``finish`` ends a sequence with a status and an error. ``events``: those of this step, in order.
    ``detected_languages``: those of the probabilities in ``EncodeResult``.
    """

    def __init__(
        self,
        queues: PhaseQueues,
        limits: EngineLimits,
        states: RequestStates,
        tokenizer: Tokenizer,
        finish: Finish,
        detected_languages: Sequence[str] = (),
    ) -> None:
        self._queues = queues
        self._limits = limits
        self._states = states
        self._detected_languages = detected_languages
        self._tokenizer = tokenizer
        self._finish = finish
        self.events: list[EngineEvent] = []

    def take_events(self) -> list[EngineEvent]:
        """Removes and returns the events."""
        events, self.events = self.events, []
        return events

    def apply(self, in_flight: InFlight, result: StageResult) -> None:
        """Settles one item. The result of an aborted sequence is dropped."""
        match result:
            case DecodeResult():  # first, as there are most of them
                item, sequence = in_flight.settle(result.key, DecodeItem)
                if sequence.phase is Stage.DECODE:  # or it is terminal
                    self._apply_decoded(sequence, item, result)
            case EncodeResult() | EncodeUnfinished():
                self._apply_encoded(in_flight.settle_request(result.request_id), result)
            case BeamResult():
                _, sequence = in_flight.settle(result.key, BeamItem)
                if not sequence.terminal:
                    self._apply_beams(sequence, result)
            case TextToUnitResult():
                _, sequence = in_flight.settle(result.key, TextToUnitItem)
                if not sequence.terminal:
                    self._apply_units(sequence, result)
            case VocodeResult():
                piece, sequence = in_flight.settle(result.key, VocodeItem)
                if not sequence.terminal:
                    self._apply_piece(sequence, piece, result)
            case _:
                assert_never(result)

    def fail(self, in_flight: InFlight, failure: ItemFailure) -> None:
        """Settles one item that failed, and ends its sequences."""
        failed = in_flight.settle_failed(failure.key)
        if isinstance(failed, Cascade):
            self._go_on(failed.end())
            return
        if isinstance(failed, Retry):
            failed.has_failed = True
            self._go_on((failed.sequence,))
            return
        for sequence in failed:
            if not sequence.terminal:
                self._end(sequence, FinishStatus.FAILED, f"{failure.stage.value}: {failure.error}")

    def _apply_encoded(self, state: Encoded, encoded: EncodeResult | EncodeUnfinished) -> None:
        if isinstance(state, Retry):
            if isinstance(encoded, EncodeResult):
                self._go_on((state.sequence,))
            elif not state.terminal:
                self._queues.resume_encoding(state)
            return
        if isinstance(state, Cascade):
            if state.reader is not None:
                state.is_encoded = True
                self._go_on((state.reader,))
            return
        live = [sequence for sequence in state.sequences if not sequence.terminal]
        if isinstance(encoded, EncodeResult):
            unmade = self._hear(state, encoded) if live and state.request.question is not None else []
            for sequence in live:
                if sequence not in unmade:
                    self._queues.start_decoding(sequence)
            for sequence in unmade:
                self._end(sequence, FinishStatus.EMPTY, "")
        elif live:
            self._queues.resume_encoding(state)

    def _hear(self, state: RequestState, encoded: EncodeResult) -> list[SequenceState]:
        """Answers the request's question. Returns the sequences that are not for the language."""
        assert state.request.question is not None, "it asks"
        heard = decide(state.request.question, self._detected_languages, encoded.languages)
        self.events.append(LanguageHeard(state.request.request_id, heard))
        return self._states.resolve(state, heard)

    def _apply_decoded(self, sequence: SequenceState, item: DecodeItem, decoded: DecodeResult) -> None:
        sequence.text.fed_tokens = item.position + len(item.token_ids) + len(decoded.accepted)
        if item.is_given and sequence.spec.is_scored:
            self.events.append(TextScored(*sequence.key, decoded.accepted))
            self._end(sequence, FinishStatus.OK, "")
            return
        if sequence.text.detection is not None:
            self._apply_language(sequence, sequence.text.detection, decoded)
            return
        sequence.begin_run(decoded)
        guide = sequence.guide
        if guide is not None and guide.begin_run(decoded):
            self._end_text(sequence)
            return
        if decoded.accepted:
            accepted = zip(item.speculative_token_ids, decoded.accepted, strict=False)
            for place, (token_id, log_probability) in enumerate(accepted):
                times = decoded.accepted_source_ms
                source_ms = guide.source_ms(place) if guide is not None else times[place] if times else None
                token = DecodeResult(decoded.key, token_id, log_probability, source_ms)
                if self._apply_token(sequence, token):
                    return
                if guide is not None:
                    guide.mark(place, sequence)
        if guide is None or not guide.continues:
            self._apply_token(sequence, decoded)

    def _apply_language(self, sequence: SequenceState, tokens: LanguageTokens, decoded: DecodeResult) -> None:
        heard, target = sequence.spec.source_language, sequence.spec.language
        if heard is None:
            heard, probability = tokens.codes[decoded.token_id], math.exp(decoded.log_probability)
            self.events.append(LanguageDetected(*sequence.key, heard, probability))
        try:
            prompt = text_prompt(self._tokenizer, sequence.spec, heard)
        except KeyError:
            message = f"decode: {heard} is spoken, of which the model writes no {target}"
            self._end(sequence, FinishStatus.FAILED, message)
            return
        sequence.set_prompt(prompt, decoded)

    def _apply_beams(self, sequence: SequenceState, decoded: BeamResult) -> None:
        try:
            has_ended = sequence.advance_beams(decoded, self._events_of(sequence))
        except EngineError as error:
            self._end(sequence, FinishStatus.FAILED, error.description)
            return
        if has_ended:
            self._end_text(sequence)

    def _events_of(self, sequence: SequenceState) -> list[EngineEvent]:
        return self.events if sequence.withheld is None else sequence.withheld

    def _apply_token(self, sequence: SequenceState, decoded: DecodeResult) -> bool:
        """Returns whether the text has ended."""
        stop = sequence.text.check_stop(
            decoded.token_id,
            sequence.spec.guards,
            self._tokenizer.eos_token_id,
            self._limits.max_slot_tokens,
        )
        if stop is not None:
            # The predicted token is dropped: T2U speaks only fed tokens, and text and speech must be equal.
            sequence.text.stop_reason = stop
            self._end_text(sequence)
            return True
        try:
            sequence.push_token(decoded, self._events_of(sequence))
        except EngineError as error:
            self._end(sequence, FinishStatus.FAILED, error.description)
            return True
        return False

    def _end_text(self, sequence: SequenceState) -> None:
        """Finishes a text that has ended, unless its guide revises it, or waits for another text first."""
        guide = sequence.guide
        if guide is not None:
            try:
                ended = guide.ended(sequence)
            except Exception as error:  # any error fails this text alone
                self._end(sequence, FinishStatus.FAILED, f"text: {type(error).__name__}")
                return
            if ended is Ended.WAITS:
                self._queues.hold_decoding(sequence)
                self._read_next(guide.cascade)
            elif ended is Ended.RETRIES:
                self._queues.hold_decoding(sequence)
                assert guide.retry is not None, "it says what is encoded"
                self._queues.further.add_retry(guide.retry)
            if ended is not Ended.FINISHED:
                return
            self._release(sequence, guide)
        self._finish_text(sequence)

    def _release(self, sequence: SequenceState, guide: Guide) -> None:
        """Those that waited for the text of ``sequence`` go on, or read it one after another."""
        self._go_on(guide.close())
        cascade = guide.cascade
        if cascade is None or cascade.source is None:
            return
        if sequence is cascade.reader:
            cascade.reader, cascade.is_encoded = None, False
        if sequence is (cascade.holder or cascade.transcript) and sequence.slots:
            heir = cascade.heir(sequence)
            if heir is not None:
                self._queues.pass_on_slot(sequence, heir)
            cascade.holder = heir
        self._read_next(cascade)

    def _read_next(self, cascade: Cascade | None) -> None:
        """Begins the next turn, if there is none, and somebody waits for it."""
        if cascade is None or cascade.source is None or cascade.reader is not None or not cascade.waiting:
            return
        if cascade.holder is None:  # the transcript still has the slot: terms are looked for in it
            return
        reader = cascade.waiting.pop(0)
        if reader is not cascade.holder:
            self._queues.pass_on_slot(cascade.holder, reader)
        cascade.holder = cascade.reader = reader
        self._queues.further.add_cascade(cascade)

    def _go_on(self, waiting: Sequence[SequenceState]) -> None:
        for sequence in waiting:
            if not sequence.terminal:
                self._queues.start_decoding(sequence)
                self._end_text(sequence)

    def _end(self, sequence: SequenceState, status: FinishStatus, error: str) -> None:
        if sequence.guide is not None:
            self._release(sequence, sequence.guide)
        self._finish(sequence, status, error)

    def _finish_text(self, sequence: SequenceState) -> None:
        if sequence.withheld is not None:
            self.events += sorted(sequence.withheld, key=lambda event: not isinstance(event, TokenDecoded))
        try:
            is_spoken = sequence.finish_text(self.events)
        except EngineError as error:
            self._end(sequence, FinishStatus.FAILED, error.description)
            return
        if is_spoken:
            self._queues.start_text_to_unit(sequence)
        else:
            self._start_speech(sequence, NO_UNITS, ())

    def _apply_units(self, sequence: SequenceState, made: TextToUnitResult) -> None:
        units = tuple(made.units.tolist())
        self.events.append(UnitsPredicted(*sequence.key, units, made.character_durations))
        self._start_speech(sequence, made.units, made.token_durations)

    def _start_speech(
        self, sequence: SequenceState, units: npt.NDArray[np.int64], token_durations: tuple[int, ...]
    ) -> None:
        """Queues the units that can be voiced now, if there are any."""
        sequence.add_units(units, token_durations)
        if sequence.speech.piece_end_unit > sequence.speech.piece_start_unit:
            self._queues.start_vocoding(sequence)
        else:
            self._finish(sequence, sequence.finish_speech(self.events), "")

    def _apply_piece(self, sequence: SequenceState, item: VocodeItem, vocoded: VocodeResult) -> None:
        if len(vocoded.samples) != (item.end_unit - item.start_unit) * SAMPLES_PER_UNIT:
            raise InvariantViolation("the runner made a waveform piece of the wrong length")
        speech = sequence.speech
        last = item.end_unit == speech.piece_end_unit
        start_samples = (speech.first_unit + item.start_unit) * SAMPLES_PER_UNIT
        final = last and sequence.is_final
        self.events.append(WaveformPiece(*sequence.key, start_samples, vocoded.samples, final))
        speech.piece_start_unit = item.end_unit
        speech.pieces_made += 1
        if last:
            self._finish(sequence, sequence.finish_speech(self.events), "")
        else:
            self._queues.enqueue_vocoding(sequence)
