"""What a request must be before the engine takes it. What passes here cannot harm its batch mates."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Protocol

import numpy as np

from translate_svc.engine.options import PROMPT_TOKENS, EngineLimits
from translate_svc.engine.request import Request, SequenceSpec, SourceText
from translate_svc.engine.text.detokenize import Tokenizer
from translate_svc.errors import InvalidArgument, OutOfRange
from translate_svc.types import Samples


class ModelCapabilities(Protocol):
    """What the loaded model can do, as far as a request depends on it. Languages are Seamless codes."""

    @property
    def text_languages(self) -> Collection[str]:
        """These it reads and writes."""

    @property
    def speech_languages(self) -> Collection[str]:
        """Into these it speaks."""

    @property
    def speaker_count(self) -> int:
        """The vocoder knows the speaker ids below this."""


def validate(
    request: Request, limits: EngineLimits, abilities: ModelCapabilities, tokenizer: Tokenizer
) -> None:
    """Checks a request before it enters the line.

    A text is tokenized to know its length: a few milliseconds at most, for ``max_source_characters``.

    Raises:
        InvalidArgument: it can never run; ``field`` is the path within ``Request``.
    """
    if not request.request_id:
        raise InvalidArgument("is required", field="request_id")
    if isinstance(request.source, SourceText):
        _validate_text(request.source, limits, abilities, tokenizer)
    else:
        _validate_samples(request.source, limits)
    if not request.sequences:
        raise InvalidArgument("is required", field="sequences")
    if len(request.sequences) > limits.max_slots:
        raise OutOfRange(f"must be at most {limits.max_slots}", field="sequences")
    for index, spec in enumerate(request.sequences):
        _validate_sequence(spec, f"sequences[{index}]", limits, abilities)


def _validate_samples(samples: Samples, limits: EngineLimits) -> None:
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
    source: SourceText, limits: EngineLimits, abilities: ModelCapabilities, tokenizer: Tokenizer
) -> None:
    if source.language not in abilities.text_languages:
        raise InvalidArgument("is not a language of the loaded model", field="source.language")
    if len(source.text) > limits.max_source_characters:
        message = f"must be at most {limits.max_source_characters} characters, not {len(source.text)}"
        raise OutOfRange(message, field="source")
    if any("\ud800" <= character <= "\udfff" for character in source.text):
        raise InvalidArgument("must be Unicode text, without surrogates", field="source")
    tokens = len(tokenizer.source_tokens(source.text, source.language))
    if tokens == PROMPT_TOKENS:
        raise InvalidArgument("holds no text", field="source")
    if tokens > limits.max_source_tokens:
        raise OutOfRange(f"must be at most {limits.max_source_tokens} tokens, not {tokens}", field="source")


def _validate_sequence(
    spec: SequenceSpec, path: str, limits: EngineLimits, abilities: ModelCapabilities
) -> None:
    if spec.language not in abilities.text_languages:
        raise InvalidArgument("is not a language of the loaded model", field=f"{path}.language")
    if not spec.speech:
        return
    if spec.language not in abilities.speech_languages:
        raise InvalidArgument("has no speech in the loaded model", field=f"{path}.language")
    if not 0 <= spec.speaker_id < abilities.speaker_count:
        raise OutOfRange(f"must be 0 to {abilities.speaker_count - 1}", field=f"{path}.speaker_id")
    low, high = limits.min_duration_factor, limits.max_duration_factor
    if not (math.isfinite(spec.duration_factor) and low <= spec.duration_factor <= high):
        raise OutOfRange(f"must be {low} to {high}", field=f"{path}.duration_factor")
