"""A whole sequence whose next token is the likeliest one. Each token is delivered as it comes."""

from __future__ import annotations

from dataclasses import dataclass

from translate_svc.engine.plan import GIVEN, DecodeItem
from translate_svc.engine.scheduling.whole_sequence import WholeSequence


@dataclass(slots=True, eq=False)
class GreedySequence(WholeSequence):
    """A given text is scored in the pass that feeds the prompt."""

    def decode_item(self) -> DecodeItem:
        """The tokens that were not fed yet."""
        position, token_ids, times = self.text.fed_tokens, self.text.token_ids, self.return_source_ms
        constraint = self.text.constraint()
        if position >= self.text.prompt_tokens:
            return DecodeItem(
                self.key, self.held_slot, position, (token_ids[-1],), times, constraint=constraint
            )
        return DecodeItem(
            self.key,
            self.held_slot,
            position,
            tuple(token_ids[position:]),
            times,
            speculative_token_ids=self.speculative_token_ids,
            constraint=constraint,
            tolerances=(GIVEN,) * len(self.speculative_token_ids) if self.spec.is_given else (),
        )
