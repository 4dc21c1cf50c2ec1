"""A whole sequence whose next token is the likeliest one. Each token is delivered as it comes."""

from __future__ import annotations

from dataclasses import dataclass

from translate_svc.engine.plan import DecodeItem
from translate_svc.engine.request import EngineEvent, TokenDecoded
from translate_svc.engine.scheduling.whole_sequence import WholeSequence
from translate_svc.engine.step_result import DecodeResult


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
            scores_given_text=self.spec.is_given,
        )

    def push_token(self, decoded: DecodeResult, events: list[EngineEvent]) -> None:
        """Delivers the token immediately."""
        text = self.text.detokenizer.push(decoded.token_id)
        self.text.token_ids.append(decoded.token_id)
        source_ms = self.text.timestamp_ms(decoded.token_id)
        source_ms = decoded.source_ms if source_ms is None else source_ms
        event = TokenDecoded(*self.key, decoded.token_id, text, decoded.log_probability, source_ms)
        self.deliver(event, events)
