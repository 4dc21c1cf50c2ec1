"""From the tokens of a decoded draft to what is committed, and from its units to what may be voiced. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from translate_svc.engine.options import PROMPT_TOKENS
from translate_svc.engine.request import EngineEvent, StopReason, TextFinished, TokenDecoded
from translate_svc.engine.sequence import RequestState, SequenceState
from translate_svc.engine.simultaneous.commit_policy import Draft
from translate_svc.engine.simultaneous.draft import DraftDecided, DraftTraits, SpeechContext
from translate_svc.engine.simultaneous.kept_history import keep_history
from translate_svc.engine.simultaneous.words import is_spaced
from translate_svc.engine.text.detokenize import Tokenizer
from translate_svc.engine.text.scripts import written_in_foreign_script
from translate_svc.models.alignment.attended_frames import attended_frames
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ


def deliver_committed(
    sequence: SequenceState,
    state: RequestState,
    tokenizer: Tokenizer,
    traits: DraftTraits,
    events: list[EngineEvent],
) -> bool:
    """Decides about a decoded draft and appends the events of what is committed.

    Returns whether the text is in a foreign script.

    Raises:
        EngineError: the tokenizer failed on a token.
    """
    decided = decide(sequence, state, tokenizer, traits)
    events.append(decided)
    draft, committed = decided.draft, decided.decision.committed
    sequence.committed_tokens = committed
    end = PROMPT_TOKENS + draft.history_tokens + committed
    sequence.speech_token_ids = tuple(sequence.token_ids[:end])
    for token_id in draft.token_ids[: draft.history_tokens]:
        sequence.detokenizer.push(token_id)
    before = sequence.detokenizer.text
    for index in range(committed):
        token = draft.history_tokens + index
        token_id = draft.token_ids[token]
        events.append(
            TokenDecoded(
                *sequence.key,
                token_id,
                sequence.detokenizer.push(token_id),
                decided.log_probabilities[index],
                draft.attended_frames[token] * traits.frame_samples * 1000 // INTERNAL_SAMPLE_RATE_HZ,
            )
        )
    spec = sequence.spec
    tail = sequence.detokenizer.finish() if draft.is_final else ""
    text = sequence.detokenizer.text
    foreign = spec.guards.script_check and written_in_foreign_script(text, spec.language)
    if draft.is_final:
        new = text[len(before) :]
        events.append(TextFinished(*sequence.key, new, tail, committed, sequence.stop_reason, foreign))
    return foreign


def decide(
    sequence: SequenceState, state: RequestState, tokenizer: Tokenizer, traits: DraftTraits
) -> DraftDecided:
    """Applies the request's policy to one target of a decoded draft."""
    asked, options = sequence.draft, state.request.draft
    assert asked is not None, "only drafts are decided"
    assert options is not None, "only drafts are decided"
    text = tuple(sequence.token_ids[PROMPT_TOKENS:])
    rows = np.concatenate(sequence.attention_rows)
    first = PROMPT_TOKENS - 1 if traits.predicting_row else PROMPT_TOKENS
    draft = Draft(
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
    decision = options.policy.decide(draft, asked.previous)
    kept = keep_history(
        draft,
        decision,
        buffer_samples=len(state.source),
        step_samples=options.step_samples,
        frame_samples=traits.frame_samples,
        max_buffer_samples=options.max_buffer_samples,
    )
    return DraftDecided(*sequence.key, draft, decision, tuple(sequence.log_probabilities), kept)


def _frames(rows: npt.NDArray[np.float32], tokens: int) -> tuple[int, ...]:
    """The frame of each token; the last token was not fed where its slot is full, and gets the one before."""
    frames = attended_frames(rows) if len(rows) else ()
    return frames + (frames[-1:] or (0,)) * (tokens - len(frames))


def prepare_speech(
    sequence: SequenceState, units: npt.NDArray[np.int64], traits: DraftTraits, *, is_final: bool
) -> None:
    """Sets what the vocoder hears and which of it may be voiced, with ``units`` behind the speech so far.

    All that has what the vocoder hears behind it may be voiced; in the end everything.
    """
    assert sequence.draft is not None, "only drafts go on with a speech"
    before = sequence.draft.speech
    sequence.units = np.concatenate((before.units, units))
    sequence.piece_start_unit = before.voiced_units
    count = len(sequence.units)
    sequence.piece_end_unit = count if is_final else max(before.voiced_units, count - traits.context_units)


def kept_speech(sequence: SequenceState, traits: DraftTraits) -> SpeechContext:
    """What the next draft needs of the speech."""
    assert sequence.draft is not None, "only drafts go on with a speech"
    voiced = sequence.piece_start_unit
    start = max(0, voiced - traits.context_units)
    first_unit = sequence.draft.speech.first_unit + start
    return SpeechContext(sequence.units[start:].copy(), first_unit, voiced - start)
