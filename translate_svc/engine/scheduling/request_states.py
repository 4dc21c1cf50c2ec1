"""Makes the states of new requests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from translate_svc.engine.events import StopReason
from translate_svc.engine.options import EngineLimits
from translate_svc.engine.plan import SequenceKey
from translate_svc.engine.request import HypothesisRequest, Request, SourceText
from translate_svc.engine.scheduling.beam_sequence import BeamSequence
from translate_svc.engine.scheduling.greedy_sequence import GreedySequence
from translate_svc.engine.scheduling.guides.cascade_guide import guide_through_transcript
from translate_svc.engine.scheduling.guides.guide import chained
from translate_svc.engine.scheduling.guides.retry_guide import RetryGuide
from translate_svc.engine.scheduling.guides.term_guide import TermSource, TranscriptGuide, TranslationGuide
from translate_svc.engine.scheduling.request_state import RequestState
from translate_svc.engine.scheduling.sequence import LONGEST_FROM_PIECE, SequenceState, SpeechState
from translate_svc.engine.scheduling.text_state import TextState, guard_stop
from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.engine.simultaneous.growing_sequence import GrowingContext, GrowingSequence
from translate_svc.engine.simultaneous.hypothesis import HypothesisTraits, SequenceHypothesis, SpeechContext
from translate_svc.engine.terms.alignment import said_in_text
from translate_svc.engine.text.beam_search import BeamSearch
from translate_svc.engine.text.constraints import text_prompt
from translate_svc.engine.text.detokenize import Detokenizer, TokenTexts
from translate_svc.engine.text.guards import max_text_tokens
from translate_svc.heard_language import HeardLanguage
from translate_svc.models.checkpoint.cascade_options import MAX_TRANSCRIPT_RETRIES
from translate_svc.models.tokenizer import Tokenizer
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ, EncoderSource


class RequestStates:
    """Makes the states of new requests. The only place that asks of which kind a request is."""

    def __init__(self, tokenizer: Tokenizer, limits: EngineLimits, traits: HypothesisTraits) -> None:
        self._tokenizer = tokenizer
        self._texts = TokenTexts(tokenizer)
        self._limits = limits
        self._traits = traits

    def create(self, request: Request, job_id: int) -> RequestState:
        """The state of a new request, in WAITING.

        Raises:
            KeyError: the tokenizer does not know a language.
        """
        source = encoder_source(request, self._tokenizer)
        sequences = (
            self._growing(request, source)
            if isinstance(request, HypothesisRequest)
            else self._whole(request, source)
        )
        job_ids = _further_job_ids(job_id)
        for sequence in sequences:
            if sequence.spec.retries:
                eos = self._tokenizer.eos_token_id
                sequence.guide = RetryGuide(request, sequence, job_ids, self._limits, eos)
                sequence.withheld = []
        if any(spec.cascade_weight for spec in request.sequences):
            guide_through_transcript(request, sequences, next(job_ids), self._tokenizer, self._limits)
        if request.terms:
            self._guide(request, source, sequences)
        return RequestState(request, source, sequences, job_id)

    def resolve(self, state: RequestState, heard: HeardLanguage) -> list[SequenceState]:
        """Settles what its sequences are made in, now that a language was heard.

        Returns those that are not made.
        """
        unmade = []
        for sequence in state.sequences:
            spec = sequence.spec.resolved(heard)
            if spec is None:
                unmade.append(sequence)
                continue
            sequence.spec, text = spec, sequence.text
            if text.detection is None:  # else the step that detects brings the prompt
                text.token_ids[: text.prompt_tokens] = text_prompt(self._tokenizer, spec, heard.language)
        return unmade

    def _guide(self, request: Request, source: EncoderSource, sequences: tuple[SequenceState, ...]) -> None:
        """Gives each sequence that terms concern its guide."""
        heard = TermSource(request.terms)
        if isinstance(request.source, SourceText):
            assert isinstance(source, tuple)
            pieces = [*map(self._tokenizer.id_to_piece, source)]
            heard.said = said_in_text(request.source.text, pieces, request.terms)
        predicting_row = self._traits.predicting_row
        frame_ms = 1000 * self._traits.frame_samples / INTERNAL_SAMPLE_RATE_HZ
        for index, sequence in enumerate(sequences):
            if index == request.transcript:
                guide = TranscriptGuide(heard, self._tokenizer, predicting_row=predicting_row)
                sequence.guide = chained(sequence.guide, guide)
                continue
            if sequence.spec.is_given or not heard.may_be_said(sequence.spec.language):
                continue
            grows = isinstance(request, HypothesisRequest)
            translation = TranslationGuide(
                heard,
                self._tokenizer,
                language=sequence.spec.language,
                predicting_row=predicting_row,
                max_slot_tokens=self._limits.max_slot_tokens,
                frame_ms=frame_ms if request.source_times and heard.said is None else 0.0,
                delivered_tokens=sequence.text.tokens,
                optional=grows,
            )
            sequence.guide = chained(sequence.guide, translation)
            sequence.withheld = None if grows else []

    def _whole(self, request: Request, source: EncoderSource) -> tuple[SequenceState, ...]:
        times = request.source_times and not isinstance(request.source, SourceText)
        sequences: list[SequenceState] = []
        for index, spec in enumerate(request.sequences):
            key, text = SequenceKey(request.request_id, index), self._text(request, spec, source)
            speech, given = SpeechState(self._limits.initial_credit_pieces), given_text(spec, self._tokenizer)
            if spec.slots > 1:
                search = self._search(spec, text)
                each: SequenceState = BeamSequence(
                    key, spec, request.caller, text, speech, given, times, search, self._texts
                )
            else:
                each = GreedySequence(key, spec, request.caller, text, speech, given, times)
            sequences.append(each)
        return tuple(sequences)

    def _search(self, spec: SequenceSpec, text: TextState) -> BeamSearch:
        prompt, guards, longest = text.token_ids[:], spec.guards, text.max_tokens

        def guard(token_ids: Sequence[int], token_id: int) -> StopReason | None:
            return guard_stop(guards, [*prompt, *token_ids], len(token_ids), longest, token_id)

        most_tokens = self._limits.max_slot_tokens - len(prompt)
        return BeamSearch(
            spec.num_beams, spec.length_penalty, self._tokenizer.eos_token_id, most_tokens, guard
        )

    def _growing(self, request: HypothesisRequest, source: EncoderSource) -> tuple[SequenceState, ...]:
        context = GrowingContext(request, self._tokenizer, self._traits)
        pairs = zip(request.sequences, request.hypothesis.sequences, strict=True)
        sequences = []
        for index, (spec, before) in enumerate(pairs):
            text = self._text(request, spec, source, before)
            most_tokens = (
                self._limits.max_slot_tokens - text.prompt_tokens - 1
            )  # not full before the last step
            sequences.append(
                GrowingSequence(
                    SequenceKey(request.request_id, index),
                    spec,
                    request.caller,
                    text,
                    _continued(before.speech, self._limits.initial_credit_pieces),
                    before.speculative_token_ids(most_tokens),
                    before,
                    context,
                )
            )
        return tuple(sequences)

    def _text(
        self,
        request: Request,
        spec: SequenceSpec,
        source: EncoderSource,
        before: SequenceHypothesis | None = None,
    ) -> TextState:
        """``before``: the state that earlier hypotheses left."""
        rules = self._tokenizer.text_rules
        named = spec if spec.language else replace(spec, language=_stand_in(request))
        known = None if request.question is None else request.question.known
        source_language = request.source_language or spec.source_language or known
        detection = rules.languages
        if source_language is not None and (before is not None or not spec.guards.length_stop):
            detection = None  # nothing is to be found out
        if detection is None:
            prompt = text_prompt(self._tokenizer, named, source_language)
        else:
            prompt = detection.prompt
        history = () if before is None else before.history_token_ids
        continues = before is not None and before.committed_tokens > 0
        detokenizer = Detokenizer(self._texts, goes_on=continues)
        return TextState(
            [*prompt, *history],
            len(prompt),
            detokenizer,
            max_text_tokens(source),
            rules=rules,
            timestamps=spec.timestamps,
            detection=detection,
        )


def _further_job_ids(job_id: int) -> Iterator[int]:
    """Of the encodings that a request may need beside its own. No request has a negative one."""
    most = MAX_TRANSCRIPT_RETRIES + 2  # the speech as it is, and the transcript
    return iter(range(-1 - most * job_id, -1 - most * (job_id + 1), -1))


def _stand_in(request: Request) -> str:
    """A language whose prompt keeps the place of that of the language to be heard."""
    assert request.question is not None, "validation refuses such a sequence without a question"
    return request.question.known or next(iter(request.question.prior))


def _continued(before: SpeechContext, credit_pieces: int) -> SpeechState:
    """The speech that continues ``before``. It has little to voice, so its pieces have the longest length."""
    voiced = before.voiced_units
    return SpeechState(
        credit_pieces,
        before.units,
        before.first_unit,
        voiced_before=voiced,
        piece_start_unit=voiced,
        piece_end_unit=voiced,
        pieces_made=LONGEST_FROM_PIECE,
        word_starts=before.word_starts,
    )


def given_text(spec: SequenceSpec, tokenizer: Tokenizer) -> tuple[int, ...]:
    """The tokens of a text that is given, its end included; empty without one."""
    if spec.given_token_ids:
        return (*spec.given_token_ids, tokenizer.eos_token_id)
    # without the language, which the prompt has, and with the end
    return tokenizer.source_tokens(spec.given_text, spec.language)[1:] if spec.given_text else ()


def encoder_source(request: Request, tokenizer: Tokenizer) -> EncoderSource:
    """The encoder's input: the samples of speech, or the tokens of a text.

    Raises:
        KeyError: the tokenizer does not know the source language.
    """
    source = request.source
    return tokenizer.source_tokens(source.text, source.language) if isinstance(source, SourceText) else source
