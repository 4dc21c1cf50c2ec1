"""Decides which tokens of a hypothesis are committed, and which of its units may be voiced. Pure."""

from __future__ import annotations

from itertools import accumulate

import numpy as np
import numpy.typing as npt

from translate_svc.engine.plan import DecodeResult
from translate_svc.engine.request import EngineEvent, FinishStatus, StopReason, TextFinished, TokenDecoded
from translate_svc.engine.scheduling.sequence import RequestState, SequenceState
from translate_svc.engine.scheduling.sequence_output import NO_UNITS
from translate_svc.engine.simultaneous.commit_policy import Hypothesis
from translate_svc.engine.simultaneous.hypothesis import (
    HypothesisDecided,
    HypothesisTraits,
    SpeechCarriedOver,
    SpeechContext,
)
from translate_svc.engine.simultaneous.kept_history import keep_history
from translate_svc.engine.simultaneous.words import closes_sentence, is_spaced, starts_sentence, starts_word
from translate_svc.engine.text.detokenize import Tokenizer
from translate_svc.engine.text.scripts import written_in_foreign_script
from translate_svc.models.alignment.attended_frames import attended_frames
from translate_svc.models.limits import PROMPT_TOKENS
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ

LOOKAHEAD_WORDS = 2
"""Number of held words behind the last committed one that text-to-unit gets as context."""


class HypothesisOutput:
    """A ``SequenceOutput`` that delivers what the commit policy commits of a text, and speaks only that."""

    def __init__(self, tokenizer: Tokenizer, traits: HypothesisTraits) -> None:
        self._tokenizer = tokenizer
        self._traits = traits

    def push_token(self, sequence: SequenceState, decoded: DecodeResult, events: list[EngineEvent]) -> None:
        """Keeps the token. Nothing is delivered before the policy has decided about the whole text."""
        del events
        sequence.token_ids.append(decoded.token_id)
        sequence.log_probabilities.append(decoded.log_probability)

    def finish_text(self, sequence: SequenceState, state: RequestState, events: list[EngineEvent]) -> bool:
        """Asks the commit policy and delivers the committed tokens. Their speech may wait."""
        decided = decide(sequence, state, self._tokenizer, self._traits)
        events.append(decided)
        hypothesis, committed = decided.hypothesis, decided.decision.committed
        sequence.committed_tokens = committed
        for token_id in hypothesis.token_ids[: hypothesis.history_tokens]:
            sequence.detokenizer.push(token_id)
        before = sequence.detokenizer.text
        frame_samples = self._traits.frame_samples
        for index in range(committed):
            token = hypothesis.history_tokens + index
            token_id = hypothesis.token_ids[token]
            events.append(
                TokenDecoded(
                    *sequence.key,
                    token_id,
                    sequence.detokenizer.push(token_id),
                    decided.log_probabilities[index],
                    hypothesis.attended_frames[token] * frame_samples * 1000 // INTERNAL_SAMPLE_RATE_HZ,
                )
            )
        spec = sequence.spec
        tail = sequence.detokenizer.finish() if hypothesis.is_final else ""
        text = sequence.detokenizer.text
        foreign = spec.guards.script_check and written_in_foreign_script(text, spec.language)
        if hypothesis.is_final:
            new = text[len(before) :]
            events.append(TextFinished(*sequence.key, new, tail, committed, sequence.stop_reason, foreign))
        return bool(spec.speech and not foreign and self._is_spoken_now(sequence, state, decided))

    def _is_spoken_now(
        self, sequence: SequenceState, state: RequestState, decided: HypothesisDecided
    ) -> bool:
        """Whether words are spoken in this hypothesis.

        They wait for the next hypothesis while earlier speech plays on, if the next hypothesis has them in
        its history. Words that are spoken together sound better and cost less.
        """
        asked, options = sequence.hypothesis, state.request.hypothesis
        assert asked is not None, "only hypotheses go on with a speech"
        assert options is not None, "only hypotheses go on with a speech"
        hypothesis, committed = decided.hypothesis, decided.decision.committed
        end = hypothesis.history_tokens + committed
        unspoken = asked.speech.unspoken_tokens + committed
        if not unspoken:
            return False
        is_kept = decided.kept.token_ids[-unspoken:] == hypothesis.token_ids[end - unspoken : end]
        if asked.playback_pending and is_kept and not (options.is_final or options.voices_all):
            sequence.unspoken_tokens = unspoken
            return False
        self._choose_heard(sequence, hypothesis, end - unspoken, end)
        return True

    def _choose_heard(self, sequence: SequenceState, hypothesis: Hypothesis, first: int, end: int) -> None:
        """Sets the input of text-to-unit for the tokens from ``first`` to ``end``.

        It begins with the sentence of token ``first``. Held words follow as context, so that the last spoken
        word does not sound like the end of a sentence.
        """
        pieces, spaced = hypothesis.pieces, hypothesis.spaced
        before = range(first, 0, -1)
        sequence.dropped_context_tokens = next(
            (each for each in before if starts_sentence(pieces, each, spaced=spaced)), 0
        )
        held = range(end, len(pieces))
        words = [each for each in held if starts_word(pieces, each, spaced=spaced)]
        lookahead_end = words[LOOKAHEAD_WORDS] if len(words) > LOOKAHEAD_WORDS else len(pieces)
        sequence.lookahead_tokens = lookahead_end - end
        sequence.speech_token_ids = tuple(sequence.token_ids[: PROMPT_TOKENS + lookahead_end])

    def add_units(
        self,
        sequence: SequenceState,
        state: RequestState,
        units: npt.NDArray[np.int64],
        token_durations: tuple[int, ...],
    ) -> None:
        """Appends ``units`` to those of the speech so far, and chooses which are voiced now.

        Speech must not stop within a word. So a word is voiced when the units of its right context in the
        vocoder are known. All units are voiced at the end of a sentence or of the utterance, before a cut,
        and when there are no new units and the earlier speech ends before the next hypothesis.
        """
        hypothesis, options = sequence.hypothesis, state.request.hypothesis
        assert hypothesis is not None, "only hypotheses go on with a speech"
        assert options is not None, "only hypotheses go on with a speech"
        before = hypothesis.speech
        sequence.units = np.concatenate((before.units, units))
        sequence.piece_start_unit = before.voiced_units
        first = hypothesis.spoken_history_tokens
        ids = sequence.token_ids[PROMPT_TOKENS : PROMPT_TOKENS + first + len(token_durations)]
        pieces = [self._tokenizer.id_to_piece(token_id) for token_id in ids]
        spaced = is_spaced(sequence.spec.language)
        places = accumulate(token_durations, initial=len(before.units))
        starts = (
            place
            for place, token in zip(places, range(first, len(pieces)), strict=False)
            if starts_word(pieces, token, spaced=spaced)
        )
        sequence.word_starts = (*before.word_starts, *starts)
        count = len(sequence.units)
        ends = closes_sentence(pieces) if len(units) else not hypothesis.playback_pending
        if options.is_final or options.voices_all or ends:
            sequence.piece_end_unit = count
            return
        clear = (each for each in sequence.word_starts if each <= count - self._traits.context_units)
        sequence.piece_end_unit = max(clear, default=before.voiced_units)

    def finish_speech(
        self, sequence: SequenceState, state: RequestState, events: list[EngineEvent]
    ) -> FinishStatus:
        """Delivers the units that the next hypothesis needs. EMPTY if the utterance has no committed
        token.
        """
        if not state.is_final:
            events.append(SpeechCarriedOver(*sequence.key, self._kept_speech(sequence)))
        assert sequence.hypothesis is not None, "only hypotheses have committed tokens"
        committed = sequence.hypothesis.committed_tokens + sequence.committed_tokens
        return sequence.finish_status if committed else FinishStatus.EMPTY

    def _kept_speech(self, sequence: SequenceState) -> SpeechContext:
        voiced, unspoken = sequence.piece_start_unit, sequence.unspoken_tokens
        if voiced == len(sequence.units):
            return SpeechContext(NO_UNITS, sequence.first_unit + voiced, 0, unspoken_tokens=unspoken)
        start = max(0, voiced - self._traits.context_units)
        return SpeechContext(
            sequence.units[start:].copy(),
            sequence.first_unit + start,
            voiced - start,
            tuple(each - start for each in sequence.word_starts if each > voiced),
            unspoken,
        )


def decide(
    sequence: SequenceState, state: RequestState, tokenizer: Tokenizer, traits: HypothesisTraits
) -> HypothesisDecided:
    """Applies the request's policy to one target of a decoded hypothesis."""
    asked, options = sequence.hypothesis, state.request.hypothesis
    assert asked is not None, "only hypotheses are decided"
    assert options is not None, "only hypotheses are decided"
    text = tuple(sequence.token_ids[PROMPT_TOKENS:])
    rows = np.concatenate(sequence.attention_rows)
    first = PROMPT_TOKENS - 1 if traits.predicting_row else PROMPT_TOKENS
    hypothesis = Hypothesis(
        token_ids=text,
        pieces=tuple(tokenizer.id_to_piece(token_id) for token_id in text),
        history_tokens=len(asked.history_token_ids),
        committed_tokens=asked.committed_tokens,
        attended_frames=_frames(rows[first : first + len(text)], len(text)),
        frames=rows.shape[1],
        ended=sequence.stop_reason is StopReason.END_OF_TEXT,
        is_final=options.is_final,
        spaced=is_spaced(sequence.spec.language),
    )
    decision = options.policy.decide(hypothesis, asked.previous)
    kept = keep_history(
        hypothesis,
        decision,
        np.asarray(state.source, np.float32),
        step_samples=options.step_samples,
        frame_samples=traits.frame_samples,
        max_buffer_samples=options.max_buffer_samples,
    )
    return HypothesisDecided(*sequence.key, hypothesis, decision, tuple(sequence.log_probabilities), kept)


def _frames(rows: npt.NDArray[np.float32], tokens: int) -> tuple[int, ...]:
    """The encoder frame of each token.

    In a full slot the last token is not fed. It gets the frame of the token before.
    """
    frames = attended_frames(rows) if len(rows) else ()
    return frames + (frames[-1:] or (0,)) * (tokens - len(frames))
