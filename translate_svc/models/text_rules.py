"""Which tokens a model must not choose, beside what a request asks for. Plain data, without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TimestampTokens:
    """Tokens that say when the words beside them are spoken, as OpenAI's Whisper writes them.

    Attributes:
        first: the token of the start of the source. Those of later places follow it, to the end of the
            vocabulary.
        end: the token that ends a text. All before it are text.
        never: the token that says in a prompt that no timestamps follow.
        step_ms: from one of them to the next.
        latest_first: the last one that a text may begin with, counted from ``first``; None: any.
        prompt_tokens: how many tokens at the end of the prompt a text with timestamps does without.
    """

    first: int
    end: int
    never: int
    step_ms: int
    latest_first: int | None
    prompt_tokens: int


@dataclass(frozen=True, slots=True)
class LanguageTokens:
    """How a model says which language it hears.

    Attributes:
        prompt: what it is fed. The next token is a language.
        codes: the language of each such token (Seamless codes).
    """

    prompt: tuple[int, ...]
    codes: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class InventionRule:
    """How a family's publishers tell invented texts from others.

    Attributes:
        no_speech_token: the token whose probability after ``LanguageTokens.prompt`` is that of no speech.
        no_speech: above this probability the text may be invented,
        mean_log_probability: and it is, if the natural log-probabilities of its tokens are below this in the
            mean.
        compression_ratio: a text whose UTF-8 is so many times as long as its zlib form is a loop.
    """

    no_speech_token: int
    no_speech: float
    mean_log_probability: float
    compression_ratio: float


@dataclass(frozen=True, slots=True)
class TextRules:
    """Of a family of models.

    Attributes:
        suppressed: tokens that are never chosen.
        suppressed_first: tokens that are not the first one of a text.
        timestamps: None for a model without them.
        languages: None for a model whose prompt does not need the source language, or that does not say it.
        inventions: None for a model without a rule of its own.
    """

    suppressed: tuple[int, ...] = ()
    suppressed_first: tuple[int, ...] = ()
    timestamps: TimestampTokens | None = None
    languages: LanguageTokens | None = None
    inventions: InventionRule | None = None


NO_RULES = TextRules()
