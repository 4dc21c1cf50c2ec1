"""Leads sequences of a request with terms: the transcript tells what was said, translations are revised."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from translate_svc.engine.events import StopReason, TokenDecoded
from translate_svc.engine.plan import GIVEN, BeamItem, DecodeItem
from translate_svc.engine.scheduling.guides.guide import Ended, Guide
from translate_svc.engine.simultaneous.hypothesis import MAX_SPECULATIVE_TOKENS
from translate_svc.engine.simultaneous.words import is_spaced
from translate_svc.engine.step_result import DecodeResult
from translate_svc.engine.terms.alignment import SaidTerm, Weights, said_in_transcript
from translate_svc.engine.terms.encoding import term_tokens
from translate_svc.engine.terms.matching import find_terms, text_of, words_of
from translate_svc.engine.terms.revision import Draft, Proposal, revise
from translate_svc.models.tokenizer import Tokenizer
from translate_svc.types import Term

if TYPE_CHECKING:
    from translate_svc.engine.scheduling.sequence import SequenceState


class TermSource:
    """What the source of a request says of its terms.

    Attributes:
        said: None until the transcript has ended.
        waiting: sequences that wait for that.
    """

    def __init__(self, terms: tuple[Term, ...], said: tuple[SaidTerm, ...] | None = None) -> None:
        self.terms, self.said = terms, said
        self.waiting: list[SequenceState] = []

    def may_be_said(self, language: str) -> bool:
        """Whether a term for ``language`` was said, or may be."""
        terms = self.terms if self.said is None else [each.term for each in self.said]
        return any(term.language in ("", language) for term in terms)

    def said_for(self, language: str) -> list[SaidTerm]:
        """The terms that were said, of those for ``language``. Its own go before those for all."""
        said = self.said or ()
        own = {each.place for each in said if each.term.language == language}
        return [
            each
            for each in said
            if each.term.language == language or (not each.term.language and each.place not in own)
        ]


class TermGuide(Guide):
    """A guide that reads the attention of a text which has ended.

    ``predicting_row``: as in ``HypothesisTraits``.
    """

    def __init__(self, source: TermSource, tokenizer: Tokenizer, *, predicting_row: bool) -> None:
        self.source = source
        self._tokenizer = tokenizer
        self._predicting_row = predicting_row
        self._aligns = False  # the next pass reads the attention of the whole text
        self._attention: Weights | None = None

    def item(self, sequence: SequenceState) -> DecodeItem | BeamItem:
        """What is fed next."""
        if self._aligns:
            tokens = tuple(sequence.text.token_ids)
            return DecodeItem(sequence.key, sequence.held_slot, 0, tokens, return_attention=True)
        return super().item(sequence)

    def begin_run(self, decoded: DecodeResult) -> bool:
        """Takes the attention, if it was asked for."""
        if not self._aligns:
            return False
        self._aligns, self._attention = False, decoded.attention
        return True

    def _aligned(self, sequence: SequenceState) -> Weights | None:
        """``[tokens, states]``: the attention of the step that predicted each token of the text. If it is not
        known, None, and the next pass reads it.
        """
        attention = self._attention if sequence.attention is None else sequence.attention
        if attention is None and not self._aligns:
            self._aligns = True
            return None
        self._attention = None
        first = sequence.text.prompt_tokens - self._predicting_row
        assert attention is not None
        return attention[first : first + sequence.text.tokens]

    def _pieces(self, sequence: SequenceState) -> tuple[str, ...]:
        text = sequence.text
        return tuple(map(self._tokenizer.id_to_piece, text.token_ids[text.prompt_tokens :]))


class TranscriptGuide(TermGuide):
    """Of the transcript. It is delivered as any other."""

    def ended(self, sequence: SequenceState) -> Ended:
        """One pass more, if a term was said."""
        pieces, terms = self._pieces(sequence), self.source.terms
        if not find_terms(words_of(text_of(pieces)[0]), terms):
            return Ended.FINISHED
        attention = self._aligned(sequence)
        if attention is None:
            return Ended.GOES_ON
        self.source.said = said_in_transcript(pieces, attention, terms)
        return Ended.FINISHED

    def close(self) -> list[SequenceState]:
        """Without a transcript no term was said."""
        self.source.said = self.source.said or ()
        waiting, self.source.waiting = self.source.waiting, []
        return waiting


class TranslationGuide(TermGuide):
    """Of a translation. It is drafted without terms, and revised if the source says one that it lacks."""

    def __init__(
        self,
        source: TermSource,
        tokenizer: Tokenizer,
        *,
        language: str,
        predicting_row: bool,
        max_slot_tokens: int,
        frame_ms: float = 0.0,
        delivered_tokens: int = 0,
        optional: bool = False,
    ) -> None:
        """``frame_ms``: of an encoder state, if tokens get their time in the source. ``delivered_tokens``, at
        the beginning, stay. ``optional``: as in ``Draft``.
        """
        super().__init__(source, tokenizer, predicting_row=predicting_row)
        self._is_spaced = is_spaced(language)
        self._max_slot_tokens, self._frame_ms = max_slot_tokens, frame_ms
        self._frozen, self._optional = delivered_tokens, optional
        self._proposals: tuple[Proposal, ...] = ()
        self._draft_times: list[int | None] = []
        self._run_times: list[int | None] = []
        self._given_places: set[int] = set()
        self._run_start = 0
        self._revisions_left: int | None = None
        self._is_revised = self._continues = self._ends_term = False

    @property
    def continues(self) -> bool:
        """Whether the next token is known, or is asked for once more, not to lengthen a term."""
        return self._continues

    def item(self, sequence: SequenceState) -> DecodeItem | BeamItem:
        """Proposed tokens go in runs; after them come steps."""
        if self._aligns or not self._is_revised:
            return super().item(sequence)
        chunk, tokens = self._chunk, sequence.text.token_ids
        self._run_start = sequence.text.tokens
        known = 2 if self._ends_term else 1  # what was fed may be fed again by a run alone, not by a step
        return DecodeItem(
            sequence.key,
            sequence.held_slot,
            len(tokens) - known,
            tuple(tokens[-known:]),
            self._frame_ms > 0,
            sequence.attention is not None,
            tuple(each.token_id for each in chunk),
            sequence.text.constraint(ends_word=self._ends_term and self._is_spaced),
            tuple(each.tolerance for each in chunk),
        )

    @property
    def _chunk(self) -> tuple[Proposal, ...]:
        return self._proposals[:MAX_SPECULATIVE_TOKENS]

    def begin_run(self, decoded: DecodeResult) -> bool:
        """Takes the accepted proposals."""
        if super().begin_run(decoded):
            return True
        chunk, accepted = self._chunk, len(decoded.accepted)
        self._run_times = [self._time(each) for each in chunk]
        self._given_places = {place for place, each in enumerate(chunk[:accepted]) if each.tolerance == GIVEN}
        if self._given_places:
            self._frozen = self._run_start + max(self._given_places) + 1
        self._proposals = self._proposals[len(chunk) :] if accepted == len(chunk) else ()
        ended_term, self._ends_term = self._ends_term, False
        if chunk and not self._proposals and not ended_term:
            self._ends_term = self._run_start + accepted == self._frozen
        self._continues = bool(self._proposals) or self._ends_term
        return False

    def source_ms(self, place: int) -> int | None:
        """A token of the draft keeps its time. A term has that of the words that ask for it."""
        return self._run_times[place] if self._run_times else None

    def mark(self, place: int, sequence: SequenceState) -> None:
        """Those of terms are."""
        if place in self._given_places and sequence.withheld:
            last = sequence.withheld[-1]
            assert isinstance(last, TokenDecoded), "the token was added"
            last.given = True

    def _time(self, proposal: Proposal) -> int | None:
        if proposal.state is not None and self._frame_ms:
            return int((proposal.state + 0.5) * self._frame_ms)
        place = proposal.draft_token
        return self._draft_times[place] if place is not None and self._draft_times else None

    def ended(self, sequence: SequenceState) -> Ended:
        """Waits for the transcript, then revises the text until it has all terms that were said."""
        source, text, language = self.source, sequence.text, sequence.spec.language
        if source.said is None:
            source.waiting.append(sequence)
            return Ended.WAITS
        said = source.said_for(language)
        left = len(said) if self._revisions_left is None else self._revisions_left
        if not left or text.stop_reason is not StopReason.END_OF_TEXT:
            return Ended.FINISHED
        attention = self._aligned(sequence)
        if attention is None:
            return Ended.GOES_ON
        draft = Draft(
            tuple(text.token_ids[text.prompt_tokens :]),
            self._pieces(sequence),
            attention,
            self._is_spaced,
            self._frozen,
            self._optional,
        )
        encode = functools.partial(term_tokens, self._tokenizer, language=language)
        revision = revise(draft, said, encode, self._tokenizer.eos_token_id)
        if revision is None:
            return Ended.FINISHED
        self._revisions_left, self._is_revised = left - 1, True
        self._draft_times = sequence.source_times()
        sequence.rewind(revision.kept)
        room = self._max_slot_tokens - len(text.token_ids) - 1  # a full slot ends the text
        self._proposals = revision.proposals[:room]
        return Ended.GOES_ON
