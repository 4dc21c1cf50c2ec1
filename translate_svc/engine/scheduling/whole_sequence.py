"""Sequences whose source is complete: all of the text is delivered, and all of it is spoken."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from translate_svc.engine.events import EngineEvent, FinishStatus, StopReason, TextFinished, TokenDecoded
from translate_svc.engine.scheduling.sequence import SequenceState, SpokenTokens
from translate_svc.engine.step_result import DecodeResult
from translate_svc.engine.text.scripts import written_in_foreign_script


@dataclass(slots=True, eq=False)
class WholeSequence(SequenceState):
    """Base of greedy and beam search. ``return_source_ms``: whether tokens get their time in the source."""

    return_source_ms: bool
    held: list[TokenDecoded] = field(default_factory=list, init=False)  # of a text that may be invented

    def push_token(self, decoded: DecodeResult, events: list[EngineEvent]) -> None:
        """Delivers the token immediately."""
        text = self.text.detokenizer.push(decoded.token_id)
        self.text.token_ids.append(decoded.token_id)
        self.text.log_probabilities.append(decoded.log_probability)
        source_ms = self.text.timestamp_ms(decoded.token_id)
        source_ms = decoded.source_ms if source_ms is None else source_ms
        event = TokenDecoded(
            *self.key, decoded.token_id, text, decoded.log_probability, source_ms, given=self.spec.is_given
        )
        self.deliver(event, events)

    def source_times(self) -> list[int | None]:
        """Of the tokens that were withheld."""
        return [each.source_ms for each in self.withheld or () if isinstance(each, TokenDecoded)]

    def rewind(self, tokens: int) -> None:
        """The events of the others are dropped."""
        text, events = self.text, self.withheld or []
        told = [each for each in events if isinstance(each, TokenDecoded)]
        text.rewind(tokens)
        text.detokenizer = text.detokenizer.anew()
        for token_id in text.token_ids[text.prompt_tokens :]:
            text.detokenizer.push(token_id)
        self.withheld = [*(each for each in events if not isinstance(each, TokenDecoded)), *told[:tokens]]

    @property
    def delivered_tokens(self) -> int:
        """All tokens of the text."""
        return self.text.tokens

    @property
    def is_final(self) -> bool:
        """Nothing follows."""
        return True

    def deliver(self, event: TokenDecoded, events: list[EngineEvent]) -> None:
        """Delivers a token at once, or keeps it until it is known whether anybody said it."""
        (self.held if self.text.may_be_silence else events).append(event)

    def _settle_held(self, events: list[EngineEvent]) -> None:
        """Delivers what was kept, or gives up a text that the model itself does not believe in."""
        rule, text = self.text.rules.inventions, self.text
        if not self.held or rule is None:
            return
        mean = sum(each.log_probability for each in self.held) / len(self.held)
        if mean >= rule.mean_log_probability:
            events += self.held
            return
        text.detokenizer.clear()
        del text.token_ids[text.prompt_tokens :]
        text.log_probabilities.clear()
        text.stop_reason = StopReason.LENGTH

    def finish_text(self, events: list[EngineEvent]) -> bool:
        """Delivers the end of the text. A text in a foreign script is not spoken."""
        self._settle_held(events)
        spec, state = self.spec, self.text
        tail = state.detokenizer.finish()
        text = state.detokenizer.text
        foreign = spec.guards.script_check and written_in_foreign_script(text, spec.language)
        events.append(TextFinished(*self.key, text, tail, state.tokens, state.stop_reason, foreign))
        self.spoken = SpokenTokens(tuple(state.token_ids))
        return bool(spec.speech and not foreign and text.strip())

    def add_units(self, units: npt.NDArray[np.int64], token_durations: tuple[int, ...]) -> None:
        """Chooses all units."""
        self.speech.units, self.speech.piece_end_unit = units, len(units)

    def finish_speech(self, events: list[EngineEvent]) -> FinishStatus:
        """Returns EMPTY for a text of white space alone."""
        return self.finish_status if self.text.detokenizer.text.strip() else FinishStatus.EMPTY
