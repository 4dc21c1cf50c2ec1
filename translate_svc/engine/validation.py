"""Checks a request before the engine accepts it. A valid request cannot harm the others of its batch."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Protocol

import numpy as np

from translate_svc.engine.field_kinds import check_kinds
from translate_svc.engine.options import EngineLimits
from translate_svc.engine.request import Request, SourceText
from translate_svc.engine.sequence_spec import HEARD, SequenceSpec
from translate_svc.engine.terms.encoding import can_write
from translate_svc.engine.text.beam_search import MAX_LENGTH_PENALTY
from translate_svc.errors import InvalidArgument, OutOfRange
from translate_svc.models.checkpoint.cascade_options import MAX_TRANSCRIPT_RETRIES
from translate_svc.models.text_rules import NO_RULES
from translate_svc.models.tokenizer import Tokenizer
from translate_svc.types import MAX_BEAMS, MAX_TERM_CHARACTERS, MAX_TERMS


class ModelCapabilities(Protocol):
    """The capabilities of the loaded model that a request depends on. Languages are Seamless codes."""

    @property
    def text_languages(self) -> Collection[str]:
        """Languages of source texts and target texts."""

    @property
    def speech_languages(self) -> Collection[str]:
        """Target languages with speech."""

    @property
    def speaker_count(self) -> int:
        """Speaker ids of the vocoder are 0 to this minus one."""


def validate(
    request: Request, limits: EngineLimits, capabilities: ModelCapabilities, tokenizer: Tokenizer
) -> None:
    """Checks a request before it is queued.

    A text is tokenized to learn its length. This takes a few milliseconds at most, for a text of
    ``max_source_characters``.

    Raises:
        InvalidArgument: the request can never run; ``field`` is the path within ``Request``. A value outside
            its range raises the subclass OutOfRange.
    """
    check_kinds(request)
    if not request.request_id:
        raise InvalidArgument("is required", field="request_id")
    if isinstance(request.source, SourceText):
        _validate_text(request.source, limits, capabilities, tokenizer)
    else:
        _validate_samples(request.source, limits)
    _validate_question(request, capabilities)
    if not request.sequences:
        raise InvalidArgument("is required", field="sequences")
    for index, spec in enumerate(request.sequences):
        _validate_sequence(spec, f"sequences[{index}]", limits, capabilities)
        _validate_prompt(request, spec, f"sequences[{index}]", tokenizer)
        _validate_heard(request, spec, f"sequences[{index}]")
        _validate_given(request, spec, f"sequences[{index}]", limits, tokenizer)
        _validate_beams(request, spec, f"sequences[{index}]")
        _validate_cascade(request, index, f"sequences[{index}].cascade_weight")
        _validate_retries(request, index, tokenizer, f"sequences[{index}].retries")
    _validate_terms(request, tokenizer)
    slots = sum(spec.slots for spec in request.sequences)
    if slots > limits.max_slots:
        raise OutOfRange(f"must take at most {limits.max_slots} slots, not {slots}", field="sequences")


def _validate_samples(samples: object, limits: EngineLimits) -> None:
    if not isinstance(samples, np.ndarray):
        message = f"must be an array of float32 or a SourceText, not {type(samples).__name__}"
        raise InvalidArgument(message, field="source")
    if samples.ndim != 1 or samples.dtype != np.float32:
        raise InvalidArgument(
            f"must be one-dimensional float32, not {samples.ndim}-dimensional {samples.dtype}",
            field="source",
        )
    shortest, longest = limits.min_source_samples, limits.max_source_samples
    if not shortest <= len(samples) <= longest:
        raise OutOfRange(f"must be {shortest} to {longest} samples, not {len(samples)}", field="source")
    if not np.isfinite(samples).all():
        raise InvalidArgument("must be finite", field="source")


def _validate_text(
    source: SourceText, limits: EngineLimits, capabilities: ModelCapabilities, tokenizer: Tokenizer
) -> None:
    if source.language not in capabilities.text_languages:
        raise InvalidArgument("is not a language of the loaded model", field="source.language")
    if len(source.text) > limits.max_source_characters:
        message = f"must be at most {limits.max_source_characters} characters, not {len(source.text)}"
        raise OutOfRange(message, field="source")
    if _has_surrogates(source.text):
        raise InvalidArgument("must be Unicode text, without surrogates", field="source")
    with _reading_text("source"):
        tokens = len(tokenizer.source_tokens(source.text, source.language))
    if tokens == len(tokenizer.source_tokens("", source.language)):
        raise InvalidArgument("holds no text", field="source")
    if tokens > limits.max_source_tokens:
        raise OutOfRange(f"must be at most {limits.max_source_tokens} tokens, not {tokens}", field="source")


def _has_surrogates(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def _validate_prompt(request: Request, spec: SequenceSpec, path: str, tokenizer: Tokenizer) -> None:
    rules = tokenizer.text_rules
    if spec.timestamps and rules.timestamps is None:
        raise InvalidArgument("are not written by the loaded model", field=f"{path}.timestamps")
    if spec.language == HEARD:
        return
    try:
        tokenizer.prompt(spec.language, request.source_language or spec.source_language)
    except KeyError:
        message = "is not written by the loaded model where another language is spoken"
        raise InvalidArgument(message, field=f"{path}.language") from None


def _validate_question(request: Request, capabilities: ModelCapabilities) -> None:
    question = request.question
    if question is None:
        return
    if isinstance(request.source, SourceText):
        raise InvalidArgument("is about speech, not about a text", field="question")
    named = {*question.prior, *filter(None, (question.assumed, question.known))}
    if not named or not named <= set(capabilities.text_languages):
        raise InvalidArgument("must name languages of the loaded model", field="question")
    if not (min(question.prior.values(), default=0.0) >= 0 and math.fsum(question.prior.values()) <= 1.001):
        raise OutOfRange("must hold probabilities that sum to at most 1", field="question.prior")


def _validate_heard(request: Request, spec: SequenceSpec, path: str) -> None:
    if spec.depends_on_source and request.question is None:
        raise InvalidArgument("depends on a language that nothing asks for", field=path)


def _validate_given(
    request: Request, spec: SequenceSpec, path: str, limits: EngineLimits, tokenizer: Tokenizer
) -> None:
    if not spec.is_given:
        return
    path = f"{path}.given_token_ids" if spec.given_token_ids else f"{path}.given_text"
    if not request.allows_given_texts:
        raise InvalidArgument("is for texts that are no hypotheses", field=path)
    prompt = tokenizer.prompt(spec.language, request.source_language)
    longest = limits.max_slot_tokens - len(prompt) - 1  # the end takes one
    if _has_surrogates(spec.given_text):
        raise InvalidArgument("must be Unicode text, without surrogates", field=path)
    # as many tokens as characters at most, a prefix for the first word, and its tokens are counted later
    if len(spec.given_text) > limits.max_source_characters:
        raise OutOfRange(f"must be at most {limits.max_source_characters} characters", field=path)
    with _reading_text(path):
        given = spec.given_token_ids or tokenizer.source_tokens(spec.given_text, spec.language)[1:-1]
    if len(given) > longest:
        raise OutOfRange(f"must be at most {longest} tokens", field=path)


def _validate_terms(request: Request, tokenizer: Tokenizer) -> None:
    """The rules for a single term are those of the caller's settings; here is what depends on the model."""
    if not request.terms:
        return
    if len(request.terms) > MAX_TERMS:
        raise OutOfRange(f"must be at most {MAX_TERMS}", field="terms")
    is_speech = not isinstance(request.source, SourceText)
    if is_speech and (request.transcript is None or not 0 <= request.transcript < len(request.sequences)):
        raise InvalidArgument("is required for terms of speech", field="transcript")
    for index, term in enumerate(request.terms):
        if max(len(term.source), len(term.target)) > MAX_TERM_CHARACTERS:
            raise OutOfRange(f"must be at most {MAX_TERM_CHARACTERS} characters", field=f"terms[{index}]")
        if _has_surrogates(term.source + term.target):
            raise InvalidArgument("must be Unicode text, without surrogates", field=f"terms[{index}]")
        for each, spec in enumerate(request.sequences):
            is_target = each != request.transcript and term.language in ("", spec.language)
            if not is_target:
                continue
            with _reading_text(f"terms[{index}]"):
                is_writable = can_write(tokenizer, term.words, spec.language)
            if not is_writable:
                message = "has characters that the loaded model cannot write"
                raise InvalidArgument(message, field=f"terms[{index}]")


@contextmanager
def _reading_text(path: str) -> Iterator[None]:
    """Wraps what asks for a text's tokens, which models that take speech alone do not have."""
    try:
        yield
    except KeyError:
        raise InvalidArgument("is text, and the loaded model takes speech alone", field=path) from None


def _validate_beams(request: Request, spec: SequenceSpec, path: str) -> None:
    if not 1 <= spec.num_beams <= MAX_BEAMS:
        raise OutOfRange(f"must be 1 to {MAX_BEAMS}", field=f"{path}.num_beams")
    if spec.num_beams > 1 and not request.allows_beams:
        raise InvalidArgument("is for texts that do not grow", field=f"{path}.num_beams")
    if not -MAX_LENGTH_PENALTY <= spec.length_penalty <= MAX_LENGTH_PENALTY:
        message = f"must be {-MAX_LENGTH_PENALTY:g} to {MAX_LENGTH_PENALTY:g}"
        raise OutOfRange(message, field=f"{path}.length_penalty")
    if spec.alternatives and (spec.is_given or spec.num_beams == 1):
        raise InvalidArgument("needs beam search", field=f"{path}.alternatives")


def _validate_cascade(request: Request, index: int, path: str) -> None:
    spec, transcript = request.sequences[index], request.transcript
    if not (math.isfinite(spec.cascade_weight) and spec.cascade_weight >= 0):
        raise OutOfRange("must be 0 or more", field=path)
    if not spec.cascade_weight:
        return
    is_typed = isinstance(request.source, SourceText)
    if is_typed or transcript in (None, index) or transcript not in range(len(request.sequences)):
        raise InvalidArgument("is for translations of speech that has a transcript", field=path)
    is_spoken = request.sequences[transcript].speech
    if spec.num_beams > 1 or spec.is_given or is_spoken or not request.allows_beams:
        raise InvalidArgument("is for texts that are decoded greedily, whole", field=path)


def _validate_retries(request: Request, index: int, tokenizer: Tokenizer, path: str) -> None:
    spec = request.sequences[index]
    if not 0 <= spec.retries <= MAX_TRANSCRIPT_RETRIES:
        raise OutOfRange(f"must be 0 to {MAX_TRANSCRIPT_RETRIES}", field=path)
    if not spec.retries:
        return
    if isinstance(request.source, SourceText) or index != request.transcript:
        raise InvalidArgument("is for the transcript of speech", field=path)
    if spec.num_beams > 1 or spec.is_given or spec.speech or not request.allows_beams:
        raise InvalidArgument("is for a text that is decoded greedily, whole, and not spoken", field=path)
    if tokenizer.text_rules is not NO_RULES:
        raise InvalidArgument("is for models without rules for the choice of tokens", field=path)


def _validate_sequence(
    spec: SequenceSpec, path: str, limits: EngineLimits, capabilities: ModelCapabilities
) -> None:
    if spec.language not in capabilities.text_languages and spec.language != HEARD:
        raise InvalidArgument("is not a language of the loaded model", field=f"{path}.language")
    if not spec.speech:
        return
    if spec.language not in capabilities.speech_languages:
        raise InvalidArgument("has no speech in the loaded model", field=f"{path}.language")
    if not 0 <= spec.speaker_id < capabilities.speaker_count:
        raise OutOfRange(f"must be 0 to {capabilities.speaker_count - 1}", field=f"{path}.speaker_id")
    low, high = limits.min_duration_factor, limits.max_duration_factor
    if not (math.isfinite(spec.duration_factor) and low <= spec.duration_factor <= high):
        raise OutOfRange(f"must be {low} to {high}", field=f"{path}.duration_factor")
    if not 0 < spec.pause_factor <= 1:
        raise OutOfRange("must be above 0 and at most 1", field=f"{path}.pause_factor")
