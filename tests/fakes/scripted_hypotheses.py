"""What the scripted engine says about hypotheses. All deltas of the script are committed; ``held`` is
held.
"""

from __future__ import annotations

import numpy as np

from tests.fakes.engine_script import samples_of
from translate_svc.engine.request import HypothesisRequest, Request, SourceText
from translate_svc.engine.simultaneous.commit_policy import CommitDecision, HoldReason, Hypothesis
from translate_svc.engine.simultaneous.hypothesis import (
    HypothesisDecided,
    SequenceHypothesis,
    SpeechCarriedOver,
    SpeechContext,
)
from translate_svc.engine.simultaneous.kept_history import KeptHistory, keep_history
from translate_svc.engine.simultaneous.words import is_spaced
from translate_svc.types import SAMPLES_PER_UNIT, Samples

FRAME_SAMPLES = 2_560
_FIRST_ID = 100


def state_of(request: Request, sequence: int) -> SequenceHypothesis:
    """What one target of a hypothesis was asked with."""
    assert isinstance(request, HypothesisRequest)
    return request.hypothesis.sequences[sequence]


def decided(
    request: Request,
    sequence: int,
    deltas: tuple[str, ...],
    held: tuple[str, ...],
    start_samples: int,
    token_frames: float | None = None,
) -> HypothesisDecided:
    """The decision of one target.

    Each new token comes from the last frame of the buffer, and all text is kept. With ``token_frames`` each
    token comes from so many frames before the next one, and history and buffer are kept as by the engine.
    """
    assert isinstance(request, HypothesisRequest)
    assert not isinstance(request.source, SourceText)
    state = state_of(request, sequence)
    history = state.history_token_ids
    said = deltas if request.hypothesis.is_final else (*deltas, *held)
    known = dict(zip(state.previous.token_ids, state.previous.pieces, strict=True)) if state.previous else {}
    pieces = (
        *(known.get(each, f"\u2581h{each}") for each in history),
        *(each.replace(" ", "\u2581") for each in said),
    )
    frames = -(-len(request.source) // FRAME_SAMPLES)
    first = _FIRST_ID + state.committed_tokens
    token_ids = (*history, *range(first, first + len(said)))
    attended = (0,) * len(history) + (frames - 1,) * len(said)
    if token_frames is not None:
        places = range(len(token_ids) - 1, -1, -1)
        attended = tuple(max(0, frames - 1 - round(place * token_frames)) for place in places)
    hypothesis = Hypothesis(
        token_ids,
        pieces,
        len(history),
        state.committed_tokens,
        attended,
        frames,
        ended=True,
        log_probabilities=(-0.1,) * len(said),
        is_final=request.hypothesis.is_final,
        spaced=is_spaced(request.sequences[sequence].language),
    )
    count = len(said) - len(deltas)
    decision = CommitDecision(len(deltas), count, HoldReason.NEAR_END if count else None)
    if token_frames is None:
        kept_ids = token_ids[: len(history) + len(deltas)]
        kept = KeptHistory(kept_ids, min(start_samples, len(request.source)))
    else:
        kept = keep_history(
            hypothesis,
            decision,
            samples_of(request),
            step_samples=request.hypothesis.step_samples,
            frame_samples=FRAME_SAMPLES,
            max_buffer_samples=request.hypothesis.max_buffer_samples,
        )
    return HypothesisDecided(request.request_id, sequence, hypothesis, decision, kept)


class SourcePlaces:
    """Checks that the buffers of an utterance lie where their requests say: equal audio at equal places."""

    def __init__(self) -> None:
        self._buffers: dict[str, tuple[int, Samples]] = {}

    def check(self, request: Request) -> None:
        """Compares with the buffer before, as far as both have the same audio."""
        place = request.source_place
        if place is None:
            return
        samples, start = samples_of(request), place.start_sample
        before_start, before = self._buffers.pop(place.utterance_id, (start, samples))
        offset = start - before_start
        same = before[offset : offset + len(samples)]
        if offset < 0 or not np.array_equal(same, samples[: len(same)]):
            raise AssertionError("the buffer of a hypothesis is not where its request says")
        if not place.is_last:
            self._buffers[place.utterance_id] = start, samples


def speech_start_samples(request: Request, sequence: int) -> int:
    """Where the speech of one target continues."""
    growing = isinstance(request, HypothesisRequest)
    return state_of(request, sequence).speech.first_unit * SAMPLES_PER_UNIT if growing else 0


def speech_carried_over(request: Request, sequence: int, end_samples: int) -> SpeechCarriedOver:
    """Everything was voiced."""
    context = SpeechContext(np.empty(0, np.int64), end_samples // SAMPLES_PER_UNIT, 0)
    return SpeechCarriedOver(request.request_id, sequence, context)
