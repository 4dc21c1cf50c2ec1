"""What may follow a text: the rules of its model, and of what was asked for, as a ``Constraint``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from translate_svc.engine.constraint import (
    CONTINUATION_MASK,
    FIRST_MASK,
    LANGUAGE_MASK,
    UNCONSTRAINED,
    Constraint,
)
from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.engine.simultaneous.words import continuation_tokens
from translate_svc.models.text_rules import TextRules, TimestampTokens
from translate_svc.models.tokenizer import Tokenizer


def masks_of(tokenizer: Tokenizer, vocabulary_size: int) -> Mapping[str, Sequence[int]]:
    """The sets of tokens that constraints name."""
    rules = tokenizer.text_rules
    masks: dict[str, Sequence[int]] = {
        CONTINUATION_MASK: continuation_tokens(tokenizer, vocabulary_size),
        FIRST_MASK: rules.suppressed_first,
    }
    if rules.languages is not None:
        codes = rules.languages.codes
        masks[LANGUAGE_MASK] = [each for each in range(vocabulary_size) if each not in codes]
    return masks


def text_prompt(tokenizer: Tokenizer, spec: SequenceSpec, source_language: str | None) -> tuple[int, ...]:
    """The prompt of a text.

    Raises:
        KeyError: the model does not know a language, or does not write this target from this source.
    """
    prompt, timestamps = tokenizer.prompt(spec.language, source_language), tokenizer.text_rules.timestamps
    if spec.timestamps and timestamps is not None:
        return prompt[: len(prompt) - timestamps.prompt_tokens]
    return prompt


def next_token_constraint(
    rules: TextRules, text: Sequence[int], *, ends_word: bool = False, timestamps: bool = False
) -> Constraint:
    """The constraint on the token after ``text``, which is without its prompt.

    ``ends_word``: the text is whole words, and stays so. ``timestamps``: the text has timestamps.
    """
    masks = (CONTINUATION_MASK,) if ends_word else ()
    if rules.suppressed_first and not text:
        masks = (*masks, FIRST_MASK)
    if timestamps and rules.timestamps is not None:
        ranges = _ranges(rules.timestamps, text)
        return Constraint(masks, ranges=ranges, group_from=rules.timestamps.first)
    return Constraint(masks) if masks else UNCONSTRAINED


def _ranges(tokens: TimestampTokens, text: Sequence[int]) -> tuple[tuple[int, int | None], ...]:
    """What must not follow, by the rules of Whisper (Radford et al. 2023; ``ApplyTimestampRules`` in its
    code).

    Timestamps come in pairs, the end of a segment and the start of the next one. They never go back, and
    those of one pair may be equal. The first token is a timestamp, and not a late one.
    """
    first, never = tokens.first, (tokens.never, tokens.never + 1)
    if not text:
        late = () if tokens.latest_first is None else ((first + tokens.latest_first + 1, None),)
        return (0, first), *late
    last_is_timestamp = text[-1] >= first
    before_is_timestamp = len(text) < 2 or text[-2] >= first
    if last_is_timestamp and before_is_timestamp:
        return never, (first, None)
    latest = max((token for token in text if token >= first), default=first - 1)
    if last_is_timestamp:
        return never, (0, tokens.end), (first, latest)
    return never, (first, latest + 1)
