"""A sequence whose text is found by beam search. A token is delivered when no other text can win any more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from translate_svc.engine.events import AlternativesFound, EngineEvent, TokenDecoded
from translate_svc.engine.plan import BeamItem, DecodeItem
from translate_svc.engine.scheduling.whole_sequence import WholeSequence
from translate_svc.engine.step_result import BeamResult, DecodeResult
from translate_svc.engine.text.beam_search import Beam, BeamSearch, Continuations
from translate_svc.engine.text.detokenize import Detokenizer, TokenTexts
from translate_svc.types import TextAlternative


@dataclass(slots=True, eq=False)
class BeamSequence(WholeSequence):
    """Each beam has a slot. When the search is over, the text is fed once more if text-to-unit needs it."""

    search: BeamSearch
    token_texts: TokenTexts
    _beam_slots: list[int] = field(default_factory=list, init=False)  # of the running beams
    _copies: tuple[tuple[int, int], ...] = field(default=(), init=False)

    def set_prompt(self, prompt: Sequence[int], decoded: DecodeResult) -> None:
        """A longer prompt leaves less room for the text."""
        self.search.max_tokens -= len(prompt) - self.text.prompt_tokens
        WholeSequence.set_prompt(self, prompt, decoded)

    def decode_item(self) -> BeamItem:
        """The newest token of each beam; at first the prompt, and at last the whole text."""
        text, search = self.text, self.search
        if search.done:
            return BeamItem(self.key, (DecodeItem(self.key, self.held_slot, 0, tuple(text.token_ids)),))
        self._beam_slots = self._beam_slots or [self.held_slot]
        rows = tuple(self._row(*row) for row in zip(self._beam_slots, search.running, strict=True))
        return BeamItem(self.key, rows, self._copies)

    def _row(self, slot: int, beam: Beam) -> DecodeItem:
        position, prompt = self.text.fed_tokens, self.text.prompt_tokens
        run = tuple(self.text.token_ids[position:prompt])
        if beam.token_ids:
            position, run = prompt + len(beam.token_ids) - 1, beam.token_ids[-1:]
        times, candidates = self.return_source_ms, self.search.candidates
        constraint = self.text.constraint(beam.token_ids)
        return DecodeItem(self.key, slot, position, run, times, constraint=constraint, candidates=candidates)

    def advance_beams(self, decoded: BeamResult, events: list[EngineEvent]) -> bool:
        """Goes on with the best beams, and delivers what all that can still win share."""
        if self.search.done:
            return True
        continuations = [Continuations(row.candidates, row.source_ms) for row in decoded.rows]
        is_over = self.search.advance(continuations)
        self._assign_slots()
        self._deliver(events)
        return is_over and not self.spec.speech

    def _assign_slots(self) -> None:
        """The first child of a beam keeps its slot. The others get slots of beams that have ended."""
        before, parents = self._beam_slots, self.search.parents
        kept = {before[parent] for parent in parents}
        free = [slot for slot in self.slots if slot not in kept]
        self._beam_slots, copies = [], []
        for parent in parents:
            slot = before[parent]
            if slot in kept:
                kept.remove(slot)
            else:
                copies.append((free[0], slot))
                slot = free.pop(0)
            self._beam_slots.append(slot)
        self._copies = tuple(copies)

    def _deliver(self, events: list[EngineEvent]) -> None:
        """Raises ``EngineError`` where the tokenizer fails on a token."""
        shared, text = self.search.shared, self.text
        for place in range(text.tokens, len(shared.token_ids)):
            token_id = shared.token_ids[place]
            delta = text.detokenizer.push(token_id)
            text.token_ids.append(token_id)
            probability, source_ms = shared.log_probabilities[place], text.timestamp_ms(token_id)
            source_ms = shared.source_ms[place] if source_ms is None else source_ms
            self.deliver(TokenDecoded(*self.key, token_id, delta, probability, source_ms), events)
        if self.search.done:
            text.stop_reason = self.search.ended[0].stop
            if self.spec.alternatives:
                events.append(AlternativesFound(*self.key, self._alternatives()))

    def _alternatives(self) -> tuple[TextAlternative, ...]:
        made = []
        for ended in self.search.ended:
            detokenizer = Detokenizer(self.token_texts)
            for token_id in ended.beam.token_ids:
                detokenizer.push(token_id)
            detokenizer.finish()
            made.append(TextAlternative(detokenizer.text, float(ended.score)))
        return tuple(made)
