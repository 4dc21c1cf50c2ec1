"""A sequence whose source is still growing: only committed tokens are delivered and spoken.

The file is a little long: text and speech of a hypothesis wait for the same decision, and share its state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from translate_svc.engine.events import EngineEvent, FinishStatus, StopReason, TextFinished, TokenDecoded
from translate_svc.engine.plan import DecodeItem, TextToUnitItem
from translate_svc.engine.request import HypothesisRequest
from translate_svc.engine.scheduling.sequence import NO_UNITS, SequenceState, SpokenTokens
from translate_svc.engine.simultaneous.commit_policy import Hypothesis
from translate_svc.engine.simultaneous.hypothesis import (
    HypothesisDecided,
    HypothesisTraits,
    SequenceHypothesis,
    SpeechCarriedOver,
    SpeechContext,
)
from translate_svc.engine.simultaneous.kept_history import keep_history, with_first_frames
from translate_svc.engine.simultaneous.words import (
    begun_tokens,
    closes_sentence,
    is_spaced,
    starts_sentence,
    starts_word,
)
from translate_svc.engine.step_result import DecodeResult
from translate_svc.engine.text.scripts import written_in_foreign_script
from translate_svc.models.alignment.attended_frames import attended_frames
from translate_svc.models.text_rules import LanguageTokens
from translate_svc.models.tokenizer import Tokenizer

LOOKAHEAD_WORDS = 2
"""Number of held words after the last committed one that text-to-unit gets as context."""

SENTENCE_PAUSE_UNITS = 10
"""The shortest pause between sentences, 0.2 s. docs/lab/2026-11-simultaneous-policies.md compares others."""

MIN_FIRST_WORDS = 5
"""A sentence is spoken from its first words on when there are so many of them, or all. With fewer, the voice
would often stop behind them until the next ones are committed."""


@dataclass(frozen=True, slots=True, eq=False)
class GrowingContext:
    """Context of a growing sequence's decisions: its request, and properties of the model."""

    request: HypothesisRequest
    tokenizer: Tokenizer
    traits: HypothesisTraits


@dataclass(slots=True, eq=False)
class GrowingSequence(SequenceState):
    """One target of a hypothesis.

    Attributes:
        before: the state that earlier hypotheses left.
        attention_rows: ``[run, frames]`` of each pass.
        log_probabilities, times_ms: of the new tokens; natural, and in the buffer.
        committed_tokens: how many of the new tokens were committed.
        unspoken_tokens: how many committed tokens have no units yet.
    """

    before: SequenceHypothesis
    context: GrowingContext
    attention_rows: list[npt.NDArray[np.float32]] = field(default_factory=list, init=False)
    log_probabilities: list[float] = field(default_factory=list, init=False)
    times_ms: list[int | None] = field(default_factory=list, init=False)
    committed_tokens: int = field(default=0, init=False)
    unspoken_tokens: int = field(default=0, init=False)

    @property
    def delivered_tokens(self) -> int:
        """The tokens that were committed."""
        return self.committed_tokens

    @property
    def is_final(self) -> bool:
        """Whether the utterance has ended."""
        return self.context.request.is_final

    def decode_item(self) -> DecodeItem:
        """The first item feeds the history, too; the token after it must not lengthen its last word."""
        text = self.text
        position = text.fed_tokens
        starts_anew = self.before.ends_in_word and is_spaced(self.spec.language)
        return DecodeItem(
            self.key,
            self.held_slot,
            position,
            tuple(text.token_ids[position:]),
            self.context.request.source_times,
            return_attention=True,
            speculative_token_ids=self.speculative_token_ids,
            constraint=text.constraint(ends_word=position < text.prompt_tokens and starts_anew),
        )

    def detection_item(self, tokens: LanguageTokens) -> DecodeItem:
        """The policy reads the attention of the prompt, too."""
        return replace(SequenceState.detection_item(self, tokens), return_attention=True)

    def set_prompt(self, prompt: Sequence[int], decoded: DecodeResult) -> None:
        """Keeps the attention."""
        SequenceState.set_prompt(self, prompt, decoded)
        assert decoded.attention is not None, "detection_item asks for it"
        self.attention_rows.append(decoded.attention)

    def begin_run(self, decoded: DecodeResult) -> None:
        """Keeps the attention, which the policy reads."""
        assert decoded.attention is not None, "decode_item asks for it"
        self.attention_rows.append(decoded.attention)
        self.speculative_token_ids = ()

    def push_token(self, decoded: DecodeResult, events: list[EngineEvent]) -> None:
        """Keeps the token. Nothing is delivered before the policy has decided about the whole text."""
        self.text.token_ids.append(decoded.token_id)
        self.log_probabilities.append(decoded.log_probability)
        self.times_ms.append(decoded.source_ms)

    @property
    def attention(self) -> npt.NDArray[np.float32]:
        """Of all passes, which the policy reads, too."""
        return np.concatenate(self.attention_rows)

    def rewind(self, tokens: int) -> None:
        """The attention of the last token that is left comes again."""
        kept = self.attention
        self.text.rewind(tokens)
        self.attention_rows = [kept[: self.text.fed_tokens]]
        left = tokens - len(self.before.history_token_ids)
        del self.log_probabilities[left:], self.times_ms[left:]

    def finish_text(self, events: list[EngineEvent]) -> bool:
        """Asks the commit policy and delivers the committed tokens. Their speech may wait."""
        decided = self._decide()
        events.append(decided)
        hypothesis, committed = decided.hypothesis, decided.decision.committed
        self.committed_tokens = committed
        detokenizer = self.text.detokenizer
        for token_id in hypothesis.token_ids[: hypothesis.history_tokens]:
            detokenizer.push(token_id)
        before = detokenizer.text
        for index in range(committed):
            token_id = hypothesis.token_ids[hypothesis.history_tokens + index]
            text, log_probability = detokenizer.push(token_id), hypothesis.log_probabilities[index]
            events.append(TokenDecoded(*self.key, token_id, text, log_probability, self.times_ms[index]))
        spec = self.spec
        tail = detokenizer.finish() if self.is_final else ""
        text = detokenizer.text
        foreign = spec.guards.script_check and written_in_foreign_script(text, spec.language)
        if self.is_final:
            new, stop = text[len(before) :], self.text.stop_reason
            events.append(TextFinished(*self.key, new, tail, committed, stop, foreign))
        return bool(spec.speech and not foreign and self._is_spoken_now(decided))

    def _decide(self) -> HypothesisDecided:
        """Applies the request's policy to the decoded text."""
        request, traits, state = self.context.request, self.context.traits, self.text
        text = tuple(state.token_ids[state.prompt_tokens :])
        rows = self.attention
        first = state.prompt_tokens - traits.predicting_row
        hypothesis = Hypothesis(
            token_ids=text,
            pieces=tuple(self.context.tokenizer.id_to_piece(token_id) for token_id in text),
            history_tokens=len(self.before.history_token_ids),
            committed_tokens=self.before.committed_tokens,
            attended_frames=_frames(rows[first : first + len(text)], len(text)),
            frames=rows.shape[1],
            ended=state.stop_reason is StopReason.END_OF_TEXT,
            log_probabilities=tuple(self.log_probabilities),
            start_sample=request.hypothesis.start_sample,
            is_final=request.is_final,
            spaced=is_spaced(self.spec.language),
        )
        options, previous, frame_samples = request.hypothesis, self.before.previous, traits.frame_samples
        hypothesis = with_first_frames(hypothesis, previous, frame_samples=frame_samples)
        decision = options.policy.decide(hypothesis, previous)
        kept = keep_history(
            hypothesis,
            decision,
            np.asarray(request.source, np.float32),
            step_samples=options.step_samples,
            frame_samples=frame_samples,
            max_buffer_samples=options.max_buffer_samples,
        )
        return HypothesisDecided(*self.key, hypothesis, decision, kept)

    @property
    def _voices_all(self) -> bool:
        options = self.context.request.hypothesis
        return options.is_final or options.voices_all

    def _is_spoken_now(self, decided: HypothesisDecided) -> bool:
        """Whether words are spoken in this hypothesis.

        They wait for the next one while earlier speech still plays, if the next one has them in its history:
        words that are spoken together sound better and cost less. The first words of a sentence wait for
        each other in any case.
        """
        hypothesis, committed = decided.hypothesis, decided.decision.committed
        end = hypothesis.history_tokens + committed
        unspoken = self.before.speech.unspoken_tokens + committed
        if not unspoken:
            return False
        is_kept = decided.kept.token_ids[-unspoken:] == hypothesis.token_ids[end - unspoken : end]
        if is_kept and not self._voices_all:
            begun = begun_tokens(
                hypothesis.pieces[:end], end - unspoken, MIN_FIRST_WORDS, spaced=hypothesis.spaced
            )
            self.unspoken_tokens = unspoken if self.before.playback_pending else begun
        if self.unspoken_tokens < unspoken:
            self.spoken = self._spoken(hypothesis, end - unspoken, end - self.unspoken_tokens)
        return self.unspoken_tokens < unspoken

    def _spoken(self, hypothesis: Hypothesis, first: int, end: int) -> SpokenTokens:
        """The input of text-to-unit for the tokens from ``first`` to ``end``.

        It begins with the sentence of token ``first``. Held words follow as context, so that the last spoken
        word does not sound like the end of a sentence.
        """
        pieces, spaced = hypothesis.pieces, hypothesis.spaced
        before, after = range(first, 0, -1), range(end, len(pieces))
        sentence = next((each for each in before if starts_sentence(pieces, each, spaced=spaced)), 0)
        words = [each for each in after if starts_word(pieces, each, spaced=spaced)]
        lookahead_end = words[LOOKAHEAD_WORDS] if len(words) > LOOKAHEAD_WORDS else len(pieces)
        prompt = self.text.prompt_tokens
        return SpokenTokens(
            tuple(self.text.token_ids[: prompt + lookahead_end]),
            context_tokens=prompt + self.before.spoken_history_tokens,
            lookahead_tokens=lookahead_end - end,
            dropped_context_tokens=sentence,
        )

    def text_to_unit_item(self) -> TextToUnitItem:
        """Keeps sentences apart, which nothing else does in speech that follows on without gaps.

        A text that no other hypothesis has begun is spoken as one that is whole.
        """
        is_whole = self.is_final and not self.before.committed_tokens
        pause_units = 0 if is_whole else SENTENCE_PAUSE_UNITS
        return replace(SequenceState.text_to_unit_item(self), sentence_pause_units=pause_units)

    def add_units(self, units: npt.NDArray[np.int64], token_durations: tuple[int, ...]) -> None:
        """Appends ``units`` to those of the speech so far, and chooses which are voiced now.

        Speech must not stop within a word. So a word is voiced when the units of its right context in the
        vocoder are known. All units are voiced at the end of a sentence or of the utterance, before a cut,
        and when there are no new units and the earlier speech ends before the next hypothesis.
        """
        speech, first, prompt = self.speech, self.before.spoken_history_tokens, self.text.prompt_tokens
        ids = self.text.token_ids[prompt : prompt + first + len(token_durations)]
        pieces = [self.context.tokenizer.id_to_piece(token_id) for token_id in ids]
        spaced = is_spaced(self.spec.language)
        places = accumulate(token_durations, initial=len(speech.units))
        starts = (
            place
            for place, token in zip(places, range(first, len(pieces)), strict=False)
            if starts_word(pieces, token, spaced=spaced)
        )
        speech.word_starts = (*speech.word_starts, *starts)
        speech.units = np.concatenate((speech.units, units))
        count = len(speech.units)
        ends = closes_sentence(pieces) if len(units) else not self.before.playback_pending
        if self._voices_all or ends:
            speech.piece_end_unit = count
            return
        clear = (each for each in speech.word_starts if each <= count - self.context.traits.context_units)
        speech.piece_end_unit = max(clear, default=speech.voiced_before)

    def finish_speech(self, events: list[EngineEvent]) -> FinishStatus:
        """Delivers the units that the next hypothesis needs. EMPTY if no token was committed."""
        if not self.is_final:
            events.append(SpeechCarriedOver(*self.key, self._carried_over()))
        committed = self.before.committed_tokens + self.committed_tokens
        return self.finish_status if committed else FinishStatus.EMPTY

    def _carried_over(self) -> SpeechContext:
        speech, unspoken = self.speech, self.unspoken_tokens
        voiced = speech.piece_start_unit
        if voiced == len(speech.units):
            return SpeechContext(NO_UNITS, speech.first_unit + voiced, 0, unspoken_tokens=unspoken)
        start = max(0, voiced - self.context.traits.context_units)
        return SpeechContext(
            speech.units[start:].copy(),
            speech.first_unit + start,
            voiced - start,
            tuple(each - start for each in speech.word_starts if each > voiced),
            unspoken,
        )


def _frames(rows: npt.NDArray[np.float32], tokens: int) -> tuple[int, ...]:
    """The encoder frame of each token.

    In a full slot the last token is not fed. It gets the frame of the token before.
    """
    frames = attended_frames(rows) if len(rows) else ()
    return frames + (frames[-1:] or (0,)) * (tokens - len(frames))
