"""A text that is decoded once more, of another source."""

from __future__ import annotations

from collections.abc import Sequence

from translate_svc.engine.plan import DecodeItem, SequenceKey
from translate_svc.engine.scheduling.sequence import SequenceState
from translate_svc.engine.scheduling.text_state import guard_stop
from translate_svc.engine.step_result import DecodeResult


class Redecoding:
    """Greedy decoding with a draft proposed: one pass tells if the same text comes out, as it mostly does.

    Attributes:
        token_ids: of the text so far, without its end.
        log_probabilities: natural, of its tokens, and then of its end.
        source_ms: the tokens' times in what is heard.
        is_over: it has ended.
        is_whole: by itself, and not by a guard.
    """

    def __init__(
        self,
        sequence: SequenceState,
        draft: Sequence[int],
        *,
        eos_token_id: int,
        max_tokens: int,
    ) -> None:
        """``draft``: without its end; may be empty. ``max_tokens``: more have no room."""
        text = sequence.text
        self._prompt = tuple(text.token_ids[: text.prompt_tokens])
        self._eos = eos_token_id
        self._proposed = (*draft, eos_token_id) if draft else ()
        self._max_tokens = max_tokens
        self._max_plausible_tokens = text.max_tokens
        self._guards = sequence.spec.guards
        self.token_ids: list[int] = []
        self.log_probabilities: list[float] = []
        self.source_ms: list[int | None] = []
        self.is_over = False
        self.is_whole = False

    def item(self, key: SequenceKey, slot: int, *, return_source_ms: bool = False) -> DecodeItem:
        """The next pass."""
        known = (*self._prompt, *self.token_ids)
        first = len(known) - 1 if self.token_ids else 0
        return DecodeItem(
            key, slot, first, known[first:], return_source_ms, speculative_token_ids=self._proposed
        )

    def add(self, decoded: DecodeResult) -> None:
        """Takes the result of a pass: what was accepted of the draft, and the token after it."""
        count = len(decoded.accepted)
        accepted, self._proposed = self._proposed[:count], ()
        self.token_ids += accepted
        self.log_probabilities += decoded.accepted
        self.source_ms += decoded.accepted_source_ms or (None,) * count
        if self._eos not in accepted:
            self.token_ids.append(decoded.token_id)
            self.log_probabilities.append(decoded.log_probability)
            self.source_ms.append(decoded.source_ms)
        if self.token_ids[-1] == self._eos:
            self.token_ids.pop()
            self.is_over = self.is_whole = True
            return
        *before, last = self.token_ids
        longest, fed = self._max_plausible_tokens, [*self._prompt, *before]
        stop = guard_stop(self._guards, fed, len(before), longest, last)
        self.is_over = stop is not None or len(self.token_ids) > self._max_tokens
