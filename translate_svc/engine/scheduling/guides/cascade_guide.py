"""Translations through the transcript, beside those that are made of the speech itself.

A model that translates speech directly may say of a word that it heard rightly what another word means: its
transcript is right and the translation is not. So the transcript is translated as well, as a cascade of
recogniser and translator would, and of both texts the one with the higher score is taken: the log-probability
as a translation of the speech, plus ``SequenceSpec.cascade_weight`` times that as a translation of the
transcript. That weight is 1 at least where the model is sure of the transcript. (Yee, Dauphin and Auli 2019
score candidates with a second model alike.)
"""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import repeat, takewhile

from translate_svc.confidence import is_sure
from translate_svc.engine.events import StopReason
from translate_svc.engine.options import EngineLimits
from translate_svc.engine.plan import GIVEN, BeamItem, DecodeItem, SequenceKey
from translate_svc.engine.request import Request
from translate_svc.engine.scheduling.guides.cascade import Cascade
from translate_svc.engine.scheduling.guides.guide import Ended, Guide, chained
from translate_svc.engine.scheduling.guides.redecoding import Redecoding
from translate_svc.engine.scheduling.sequence import SequenceState
from translate_svc.engine.step_result import DecodeResult
from translate_svc.models.tokenizer import Tokenizer

_WEIGHT_OF_SURE = 1.0
"""With less, drafts win whose words were heard rightly and translated wrongly; more gains nothing."""


def guide_through_transcript(
    request: Request,
    sequences: Sequence[SequenceState],
    job_id: int,
    tokenizer: Tokenizer,
    limits: EngineLimits,
) -> None:
    """Gives the transcript, and each translation that is made through it, its guide.

    ``job_id``: of the encoding, which no other one has.
    """
    assert request.transcript is not None, "validation refuses such a sequence without a transcript"
    made = tuple(each for each in sequences if each.spec.cascade_weight)
    transcript = sequences[request.transcript]
    cascade = Cascade(job_id, transcript, made)
    source = CascadeSource(cascade, tokenizer, limits.max_source_tokens)
    transcript.guide = chained(transcript.guide, source)
    for each in made:
        longest = limits.max_slot_tokens - each.text.prompt_tokens - 1  # the end takes one
        each.guide = CascadeGuide(cascade, tokenizer.eos_token_id, longest, source_times=request.source_times)
        each.withheld = []


class CascadeSource(Guide):
    """Of the transcript, which it leaves as it is."""

    def __init__(self, cascade: Cascade, tokenizer: Tokenizer, max_tokens: int) -> None:
        """``max_tokens``: of a source text."""
        self._cascade = cascade
        self._tokenizer = tokenizer
        self._max_tokens = max_tokens

    def ended(self, sequence: SequenceState) -> Ended:
        """A transcript that was cut off, or is empty, is no source."""
        text, language = sequence.text.detokenizer.text.strip(), sequence.spec.language
        if text and sequence.text.stop_reason is StopReason.END_OF_TEXT:
            tokens = self._tokenizer.source_tokens(text, language)
            if len(tokens) <= self._max_tokens:
                self._cascade.source = tokens
                self._cascade.is_sure = is_sure(sequence.text.log_probabilities)
        return Ended.FINISHED

    def close(self) -> list[SequenceState]:
        """Without a source nobody waits for it. Texts in its own language wait for no slot."""
        echoes, self._cascade.echoes = self._cascade.echoes, []
        return echoes if self._cascade.source is not None else [*echoes, *self._cascade.end()]

    @property
    def cascade(self) -> Cascade:
        """That of the request."""
        return self._cascade


class _Pass(enum.Enum):
    """What is fed next. The slot of the speech has the draft, that of the transcript the other text."""

    DRAFT = "draft"
    READ = "read"
    """The translation of the transcript. The draft is taken as far as greedy decoding gives the same."""
    SCORE_DRAFT = "score_draft"
    """The rest of the draft, to the slot of the transcript."""
    SCORE_READING = "score_reading"
    """The rest of the other text, to the slot of the speech."""
    RESTORE = "restore"
    """The rest of the draft, to the slot of the speech: it won, and is spoken."""
    DONE = "done"


@dataclass(slots=True)
class _Candidate:
    """A text that may be taken, and what is said of its tokens and its end.

    ``by_speech``, ``by_transcript``: natural log-probabilities as a translation of either source.
    """

    token_ids: list[int] = field(default_factory=list)
    by_speech: list[float] = field(default_factory=list)
    by_transcript: list[float] = field(default_factory=list)

    def score(self, weight: float, first: int) -> float:
        """Of the tokens from ``first`` on."""
        return math.fsum(self.by_speech[first:]) + weight * math.fsum(self.by_transcript[first:])


class CascadeGuide(Guide):
    """Of a translation, whose text ends as the better of two. Nothing of it is delivered before."""

    def __init__(self, cascade: Cascade, eos_token_id: int, max_tokens: int, *, source_times: bool) -> None:
        """``max_tokens``: of a text. ``source_times``: its tokens get their time in the source."""
        self._cascade = cascade
        self._eos = eos_token_id
        self._max_tokens = max_tokens
        self._source_times = source_times
        self._pass = _Pass.DRAFT
        self._draft, self._reading = _Candidate(), _Candidate()
        self._common = 0  # tokens at the beginning of both
        self._again: Redecoding | None = None  # of the other text
        self._last: DecodeResult | None = None

    @property
    def cascade(self) -> Cascade:
        """That of the request."""
        return self._cascade

    def item(self, sequence: SequenceState) -> DecodeItem | BeamItem:
        """The next pass."""
        prompt = tuple(sequence.text.token_ids[: sequence.text.prompt_tokens])
        draft, reading = self._draft.token_ids, self._reading.token_ids
        by_speech, by_transcript = sequence.slots[0], sequence.slots[-1]
        match self._pass:
            case _Pass.READ:
                assert self._again is not None, "it has begun"
                return self._again.item(sequence.key, by_transcript)
            case _Pass.SCORE_DRAFT:
                return self._given(sequence.key, by_transcript, prompt, draft)
            case _Pass.SCORE_READING:
                return self._given(sequence.key, by_speech, prompt, reading)
            case _Pass.RESTORE:
                return self._given(sequence.key, by_speech, prompt, draft)
        return super().item(sequence)

    def _given(self, key: SequenceKey, slot: int, prompt: Sequence[int], text: Sequence[int]) -> DecodeItem:
        """What follows the common beginning, its end included."""
        known, rest = (*prompt, *text[: self._common]), (*text[self._common :], self._eos)
        return DecodeItem(
            key,
            slot,
            len(known) - 1,
            known[-1:],
            self._source_times and self._pass is _Pass.SCORE_READING,
            speculative_token_ids=rest,
            tolerances=(GIVEN,) * len(rest),
        )

    def begin_run(self, decoded: DecodeResult) -> bool:
        """Of the draft the tokens count. All others are passes of its own."""
        self._last = decoded
        if self._pass is _Pass.DRAFT:
            self._draft.by_speech.append(decoded.log_probability)
        return self._pass not in (_Pass.DRAFT, _Pass.DONE)

    def ended(self, sequence: SequenceState) -> Ended:
        """Waits for the transcript, then makes one pass after another."""
        before, last = self._pass, self._last
        if before is _Pass.DRAFT:
            return self._begin(sequence)
        assert last is not None, "a pass has a result"
        if before is _Pass.READ:
            self._read(last)
        elif before is _Pass.SCORE_DRAFT:
            self._draft.by_transcript += last.accepted
            self._pass = _Pass.SCORE_READING
        elif before is _Pass.SCORE_READING:
            self._choose(sequence, last)
        else:
            self._pass = _Pass.DONE
        return Ended.FINISHED if self._pass is _Pass.DONE else Ended.GOES_ON

    def _begin(self, sequence: SequenceState) -> Ended:
        text, cascade = sequence.text, self._cascade
        is_whole = text.stop_reason is StopReason.END_OF_TEXT and 0 < text.tokens <= self._max_tokens
        if (is_whole and is_sure(self._draft.by_speech)) or cascade.is_over:
            self._pass = _Pass.DONE
            return Ended.FINISHED
        if self._is_echo(sequence):
            return self._repeat(sequence)
        if not is_whole:
            self._pass = _Pass.DONE
            return Ended.FINISHED
        if not (cascade.reader is sequence and cascade.is_encoded):
            cascade.waiting.append(sequence)
            return Ended.WAITS
        self._draft.token_ids = text.token_ids[text.prompt_tokens :]
        self._again = Redecoding(
            sequence, self._draft.token_ids, eos_token_id=self._eos, max_tokens=self._max_tokens
        )
        self._pass = _Pass.READ
        return Ended.GOES_ON

    def _is_echo(self, sequence: SequenceState) -> bool:
        """Whether its text is in the language that is spoken."""
        return sequence.spec.language == self._cascade.transcript.spec.language

    def _repeat(self, sequence: SequenceState) -> Ended:
        """Takes the text of the transcript, which may have been made again and is the better one then."""
        if self._cascade.source is None:
            self._cascade.echoes.append(sequence)
            return Ended.WAITS
        text, said = sequence.text, self._cascade.transcript.text
        self._draft.token_ids = text.token_ids[text.prompt_tokens :]
        words = said.token_ids[said.prompt_tokens :]
        if words == self._draft.token_ids:
            self._pass = _Pass.DONE
            return Ended.FINISHED
        self._set_common(words)
        self._reading = _Candidate(words, self._draft.by_speech[: self._common])
        self._pass = _Pass.SCORE_READING
        return Ended.GOES_ON

    def _set_common(self, token_ids: Sequence[int]) -> None:
        pairs = zip(self._draft.token_ids, token_ids, strict=False)
        self._common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))

    def _read(self, last: DecodeResult) -> None:
        """Adds a pass of the translation of the transcript. A text that guards stop is none."""
        draft, again = self._draft, self._again
        assert again is not None, "it has begun"
        again.add(last)
        if not again.is_over:
            return
        if not (again.is_whole and again.token_ids) or again.token_ids == draft.token_ids:
            self._pass = _Pass.DONE
            return
        self._set_common(again.token_ids)
        draft.by_transcript = again.log_probabilities[: self._common]
        self._reading = _Candidate(again.token_ids, draft.by_speech[: self._common], again.log_probabilities)
        self._pass = _Pass.SCORE_DRAFT

    def _choose(self, sequence: SequenceState, last: DecodeResult) -> None:
        """Makes the text that of the better one."""
        reading, weight = self._reading, sequence.spec.cascade_weight
        if self._cascade.is_sure:
            weight = max(weight, _WEIGHT_OF_SURE)
        reading.by_speech += last.accepted
        is_worse = reading.score(weight, self._common) <= self._draft.score(weight, self._common)
        if is_worse and not self._is_echo(sequence):
            self._pass = _Pass.RESTORE if sequence.spec.speech else _Pass.DONE
            return
        sequence.rewind(self._common)
        assert sequence.withheld is not None, "nothing is delivered before"
        rest, times = reading.token_ids[self._common :], last.accepted_source_ms or repeat(None)
        for token_id, score, source_ms in zip(rest, last.accepted, times, strict=False):
            sequence.push_token(DecodeResult(sequence.key, token_id, score, source_ms), sequence.withheld)
        self._pass = _Pass.DONE
