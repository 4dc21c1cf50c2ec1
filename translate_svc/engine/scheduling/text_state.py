"""The tokens of a sequence, and when they end. Mutable; the scheduler owns it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from translate_svc.engine.constraint import UNCONSTRAINED, Constraint
from translate_svc.engine.events import StopReason
from translate_svc.engine.sequence_spec import TextGuards
from translate_svc.engine.text.constraints import next_token_constraint
from translate_svc.engine.text.detokenize import Detokenizer
from translate_svc.engine.text.guards import compression_ratio, is_loop
from translate_svc.models.text_rules import NO_RULES, LanguageTokens, TextRules

_COMPRESSED_EVERY = 8
"""Tokens between two looks at how well a text compresses."""


@dataclass(slots=True, eq=False)
class TextState:
    """The tokens of a sequence.

    Attributes:
        token_ids: all tokens to feed, in order: the prompt, the history of a hypothesis, every decoded token.
        prompt_tokens: how many of ``token_ids`` are the prompt.
        max_tokens: the longest text that the length guard allows, in tokens.
        fed_tokens: how many of ``token_ids`` were fed.
        rules: of the model, for the choice of tokens.
        timestamps: whether the text has timestamps.
        detection: set until the model has said what it hears. ``token_ids`` then begins with the prompt of
            that.
        may_be_silence: the model doubts that anybody speaks.
        log_probabilities: natural, of the decoded tokens of a text of a whole source.
    """

    token_ids: list[int]
    prompt_tokens: int
    detokenizer: Detokenizer
    max_tokens: int
    fed_tokens: int = 0
    rules: TextRules = NO_RULES
    timestamps: bool = False
    detection: LanguageTokens | None = None
    may_be_silence: bool = False
    log_probabilities: list[float] = field(default_factory=list)
    stop_reason: StopReason = StopReason.END_OF_TEXT

    @property
    def tokens(self) -> int:
        """Number of tokens of the text so far, history included."""
        return len(self.token_ids) - self.prompt_tokens

    def rewind(self, tokens: int) -> None:
        """Keeps the first ``tokens`` tokens. The last one that is left is fed next."""
        del self.token_ids[self.prompt_tokens + tokens :]
        del self.log_probabilities[tokens:]
        self.fed_tokens = len(self.token_ids) - 1
        self.stop_reason = StopReason.END_OF_TEXT

    def constraint(self, text: Sequence[int] | None = None, *, ends_word: bool = False) -> Constraint:
        """Of the token after ``text``, which is by default the text so far; see ``next_token_constraint``."""
        if self.rules is NO_RULES and not ends_word:
            return UNCONSTRAINED
        if text is None:
            text = self.token_ids[self.prompt_tokens :]
        return next_token_constraint(self.rules, text, ends_word=ends_word, timestamps=self.timestamps)

    def timestamp_ms(self, token_id: int) -> int | None:
        """The place in the source that a timestamp names; None for another token."""
        named = self.rules.timestamps
        if not self.timestamps or named is None or token_id < named.first:
            return None
        return (token_id - named.first) * named.step_ms

    def check_stop(
        self, token_id: int, guards: TextGuards, eos_token_id: int, max_slot_tokens: int
    ) -> StopReason | None:
        """Why the text stops before the predicted ``token_id``; None when it continues."""
        if token_id == eos_token_id:
            return StopReason.END_OF_TEXT
        if self.fed_tokens == max_slot_tokens:
            return StopReason.TOKEN_LIMIT
        tokens = len(self.token_ids) - self.prompt_tokens
        if guards.repetition_stop and self._is_looping(tokens):
            return StopReason.REPETITION
        return guard_stop(guards, self.token_ids, tokens, self.max_tokens, token_id)

    def _is_looping(self, tokens: int) -> bool:
        rule = self.rules.inventions
        if rule is None or not tokens or tokens % _COMPRESSED_EVERY:
            return False
        return compression_ratio(self.detokenizer.text) > rule.compression_ratio


def guard_stop(
    guards: TextGuards, token_ids: Sequence[int], tokens: int, max_tokens: int, token_id: int
) -> StopReason | None:
    """Why a guard stops a text before ``token_id``; None when it lets it go on.

    ``token_ids``: prompt and text. ``tokens``: those of the text. ``max_tokens``: the longest plausible text.
    """
    if guards.length_stop and tokens >= max_tokens:
        return StopReason.LENGTH
    if guards.repetition_stop and is_loop(token_ids, token_id):
        return StopReason.REPETITION
    return None
