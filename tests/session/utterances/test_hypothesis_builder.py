"""From what a hypothesis has decided to the request of the next one."""

from __future__ import annotations

import numpy as np

from translate_svc.engine.plan import SourcePlace
from translate_svc.engine.request import HypothesisRequest, Request
from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.engine.simultaneous.commit_policy import CommitDecision, Hypothesis, LocalAgreement
from translate_svc.engine.simultaneous.hypothesis import (
    FIRST_HYPOTHESIS,
    HypothesisDecided,
    HypothesisOptions,
    SpeechCarriedOver,
    SpeechContext,
)
from translate_svc.engine.simultaneous.kept_history import KeptHistory
from translate_svc.session.simultaneous_options import SimultaneousOptions
from translate_svc.session.utterances.hypothesis_builder import HypothesisBuilder
from translate_svc.types import Samples, Term

FRAME, STEP, MOST, LEAST = 2_560, 8_192, 61_440, 1_600
OPTIONS = SimultaneousOptions(512, MOST // 16, LocalAgreement(), FRAME, LEAST)
SPECS = (SequenceSpec("spa", speech=True), SequenceSpec("fra"))


def audio(start: int, end: int) -> Samples:
    """Samples that tell their place."""
    return np.arange(start, end, dtype=np.float32)


def ask(
    builder: HypothesisBuilder, end: int, *, first: int = 0, is_final: bool = False
) -> tuple[Request, HypothesisOptions]:
    samples = audio(first, end)
    request = builder.hypothesis(samples, first, SPECS, is_final=is_final, source_times=False)
    assert isinstance(request, HypothesisRequest)
    assert len(request.source) >= LEAST  # type: ignore[arg-type]
    assert request.source[-1] == end - 1, "a hypothesis hears all that there is"  # type: ignore[index]
    return request, request.hypothesis


def begins(request: Request) -> int:
    return int(request.source[0])  # type: ignore[index]


def decide(
    request: Request, sequence: int, row: str, kept: int, start_frames: int, committed: int
) -> HypothesisDecided:
    """``row``: words with the frame that each comes from; the last ``kept`` committed ones are history."""
    assert isinstance(request, HypothesisRequest)
    asked = request.hypothesis.sequences[sequence]
    parts = [each.split("@") for each in row.split()]
    pieces = tuple(word.replace("_", "\u2581") for word, _ in parts)
    token_ids = tuple(range(100, 100 + len(parts)))
    history = len(asked.history_token_ids)
    hypothesis = Hypothesis(
        token_ids,
        pieces,
        history,
        asked.committed_tokens,
        tuple(int(frame) for _, frame in parts),
        30,
        ended=True,
        log_probabilities=(-0.1,) * (len(parts) - history),
        start_sample=request.hypothesis.start_sample,
    )
    held = len(parts) - history - committed
    end = history + committed
    history_kept = KeptHistory(token_ids[end - kept : end], start_frames * FRAME)
    return HypothesisDecided(
        request.request_id, sequence, hypothesis, CommitDecision(committed, held, None), history_kept
    )


def test_the_first_hypothesis_has_everything_and_no_history() -> None:
    request, hypothesis = ask(HypothesisBuilder("s/0", OPTIONS, 2), STEP)
    assert request.request_id == "s/0/1"
    assert (begins(request), len(request.source)) == (0, STEP)  # type: ignore[arg-type]
    assert hypothesis.sequences == (FIRST_HYPOTHESIS, FIRST_HYPOTHESIS)
    assert (hypothesis.new_samples, hypothesis.step_samples, hypothesis.is_final) == (STEP, STEP, False)


def test_the_buffer_begins_where_the_first_target_needs_it() -> None:
    """Spanish has come to frame 9 and French to frame 4: the Spanish history then goes back as far."""
    builder = HypothesisBuilder("s/0", OPTIONS, 2)
    request, _ = ask(builder, 5 * STEP)
    spanish = decide(request, 0, "_a@1 .@2 _b@5 .@6 _c@10 _d@11", kept=2, start_frames=9, committed=6)
    french = decide(request, 1, "_x@5 _y@6", kept=2, start_frames=4, committed=2)
    builder.record(spanish)
    builder.record(french)
    speech = SpeechContext(np.arange(3), 7, 1)
    builder.record(SpeechCarriedOver(request.request_id, 0, speech))
    builder.finish_hypothesis()
    following, hypothesis = ask(builder, 6 * STEP)
    assert following.request_id == "s/0/2"
    assert begins(following) == 4 * FRAME
    assert builder.buffer_start_ms == 4 * 160
    assert hypothesis.new_samples == STEP
    first, second = hypothesis.sequences
    assert first.history_token_ids == (102, 103, 104, 105), "from the sentence on whose audio is there"
    assert second.history_token_ids == (100, 101)
    assert (first.committed_tokens, second.committed_tokens) == (6, 2)
    assert (first.previous, second.previous) == (spanish.hypothesis, french.hypothesis)
    assert first.speech is speech
    assert second.speech is FIRST_HYPOTHESIS.speech


def test_targets_at_the_same_place_keep_the_history_that_was_decided() -> None:
    builder = HypothesisBuilder("s/0", OPTIONS, 2)
    request, _ = ask(builder, 5 * STEP)
    builder.record(decide(request, 0, "_a@1 .@2 _b@5 _c@6", kept=1, start_frames=4, committed=4))
    builder.record(decide(request, 1, "_x@5 _y@6", kept=1, start_frames=4, committed=2))
    builder.finish_hypothesis()
    _, hypothesis = ask(builder, 6 * STEP)
    assert [each.history_token_ids for each in hypothesis.sequences] == [(103,), (101,)]


def test_a_hidden_transcript_moves_no_buffer_and_is_made_anew() -> None:
    """Spanish has come to frame 9, and the transcript that nobody gets to frame 4."""
    terms = (Term("bakery", "tahona"),)
    builder = HypothesisBuilder("s/0", OPTIONS, 2, None, terms, 1, is_hidden=True)
    request, _ = ask(builder, 5 * STEP)
    assert (request.terms, request.transcript) == (terms, 1)
    spanish = "_a@1 .@2 _b@5 .@6 _c@10 _d@11"
    builder.record(decide(request, 0, spanish, kept=2, start_frames=9, committed=6))
    builder.record(decide(request, 1, "_x@5 _y@6", kept=2, start_frames=4, committed=2))
    builder.finish_hypothesis()
    following, hypothesis = ask(builder, 6 * STEP)
    assert begins(following) == 9 * FRAME
    assert hypothesis.sequences[1] == FIRST_HYPOTHESIS


def test_a_text_that_has_begun_goes_on_whatever_language_is_heard_later() -> None:
    builder = HypothesisBuilder("s/0", OPTIONS, 2)
    silent = (SequenceSpec("spa", not_from=("spa",)), SequenceSpec("fra", not_from=("fra",)))
    request = builder.hypothesis(audio(0, STEP), 0, silent, is_final=False, source_times=False)
    assert [each.not_from for each in request.sequences] == [("spa",), ("fra",)]
    builder.record(decide(request, 0, "_a@1 _b@2", kept=1, start_frames=0, committed=1))
    builder.finish_hypothesis()
    request = builder.hypothesis(audio(0, 2 * STEP), 0, silent, is_final=False, source_times=False)
    assert [each.not_from for each in request.sequences] == [(), ("fra",)]


def test_a_refused_hypothesis_changes_nothing() -> None:
    builder = HypothesisBuilder("s/0", OPTIONS, 2)
    request, _ = ask(builder, 5 * STEP)
    for sequence in range(2):
        builder.record(decide(request, sequence, "_a@5", kept=1, start_frames=4, committed=1))
    builder.finish_hypothesis()
    refused, before = ask(builder, 6 * STEP)
    after, hypothesis = ask(builder, 7 * STEP)
    assert hypothesis.sequences == before.sequences
    assert begins(after) == begins(refused) == 4 * FRAME
    assert after.request_id != refused.request_id
    assert hypothesis.new_samples + before.new_samples == 2 * STEP


def test_a_target_that_fails_keeps_its_audio_and_its_state() -> None:
    builder = HypothesisBuilder("s/0", OPTIONS, 2)
    request, _ = ask(builder, 5 * STEP)
    builder.record(decide(request, 0, "_a@5 _b@6", kept=2, start_frames=4, committed=2))
    builder.finish_hypothesis()
    following, hypothesis = ask(builder, 6 * STEP)
    assert begins(following) == 0
    assert hypothesis.sequences[0].committed_tokens == 2
    assert hypothesis.sequences[1] == FIRST_HYPOTHESIS


def test_a_buffer_never_exceeds_its_bound_nor_what_there_is() -> None:
    builder = HypothesisBuilder("s/0", OPTIONS, 2)
    request, _ = ask(builder, 10 * STEP, first=10 * STEP - MOST)
    assert begins(request) == 10 * STEP - MOST
    request, _ = ask(builder, 20 * STEP)
    assert len(request.source) == MOST  # type: ignore[arg-type]


def test_the_last_hypothesis_has_what_the_engine_needs_where_silence_was_cut_off() -> None:
    """The utterance ends before what hypotheses have heard: its silence is not part of it."""
    builder = HypothesisBuilder("s/0", OPTIONS, 2)
    request, _ = ask(builder, 5 * STEP)
    for sequence in range(2):
        builder.record(decide(request, sequence, "_a@15", kept=1, start_frames=15, committed=1))
    builder.finish_hypothesis()
    request, hypothesis = ask(builder, 15 * FRAME + 100, is_final=True)
    assert hypothesis.is_final
    assert hypothesis.new_samples == 0
    assert begins(request) == 15 * FRAME + 100 - LEAST


def test_units_that_were_voiced_before_a_failure_are_not_voiced_again() -> None:
    """The first target fails while it is voiced, the second before that."""
    builder = HypothesisBuilder("s/0", OPTIONS, 2)
    request, _ = ask(builder, 5 * STEP)
    waiting = SpeechContext(np.arange(9), 3, 2)
    for sequence in range(2):
        builder.record(decide(request, sequence, "_a@5", kept=1, start_frames=4, committed=1))
        builder.record(SpeechCarriedOver(request.request_id, sequence, waiting))
    builder.finish_hypothesis()
    request, _ = ask(builder, 6 * STEP)
    for sequence in range(2):
        builder.record(decide(request, sequence, "_b@7", kept=1, start_frames=4, committed=1))
    builder.record_piece(0)
    builder.finish_hypothesis()
    _, hypothesis = ask(builder, 7 * STEP)
    first, second = hypothesis.sequences
    assert (len(first.speech.units), first.speech.first_unit) == (0, 12)
    assert second.speech is waiting


def test_words_that_were_to_be_spoken_by_a_hypothesis_that_failed_are_not_spoken_later() -> None:
    """The first target fails after its text, the second before it: its words still wait."""
    builder = HypothesisBuilder("s/0", OPTIONS, 2)
    request, _ = ask(builder, 5 * STEP)
    waiting = SpeechContext(np.arange(0), 3, 0, unspoken_tokens=1)
    for sequence in range(2):
        builder.record(decide(request, sequence, "_a@5", kept=1, start_frames=4, committed=1))
        builder.record(SpeechCarriedOver(request.request_id, sequence, waiting))
    builder.finish_hypothesis()
    request, _ = ask(builder, 6 * STEP)
    builder.record(decide(request, 0, "_a@5 _b@7", kept=2, start_frames=4, committed=1))
    builder.finish_hypothesis()
    _, hypothesis = ask(builder, 7 * STEP)
    assert [each.speech.unspoken_tokens for each in hypothesis.sequences] == [0, 1]
    assert [each.spoken_history_tokens for each in hypothesis.sequences] == [2, 0]
    assert builder.speech(1) is waiting


def test_an_utterance_is_not_cut_while_words_or_units_wait() -> None:
    """No utterance may follow that would voice them."""
    builder = HypothesisBuilder("s/0", OPTIONS, 2)
    length = OPTIONS.cut_from_samples
    start_frames = OPTIONS.min_cut_samples // FRAME + 1
    for speech, is_cut in (
        (SpeechContext(np.arange(9), 0, 2), False),
        (SpeechContext(np.arange(0), 9, 0, unspoken_tokens=1), False),
        (SpeechContext(np.arange(0), 9, 0), True),
    ):
        request, hypothesis = ask(builder, length)
        assert hypothesis.voices_all
        for sequence in range(2):
            builder.record(decide(request, sequence, "_a@5", kept=1, start_frames=start_frames, committed=1))
            builder.record(SpeechCarriedOver(request.request_id, sequence, speech))
        builder.finish_hypothesis()
        assert (builder.cut_sample(length) is not None) == is_cut
        length += STEP


def test_what_plays_on_is_told_target_by_target() -> None:
    builder = HypothesisBuilder("s/0", OPTIONS, 2)
    request = builder.hypothesis(
        np.zeros(STEP, np.float32),
        0,
        SPECS,
        is_final=False,
        source_times=False,
        playback_pending=(True, False),
    )
    assert isinstance(request, HypothesisRequest)
    assert [each.playback_pending for each in request.hypothesis.sequences] == [True, False]
    assert not request.hypothesis.voices_all


def test_what_another_utterance_told_of_this_ones_speech_is_counted() -> None:
    """The history is kept over a cut: its words were committed before it and are heard again after it."""
    first = HypothesisBuilder("s/0", OPTIONS, 2)
    request, _ = ask(first, 5 * STEP)
    first.record(decide(request, 0, "_a@1 .@2 _b@5 _c@6 _d@7", kept=3, start_frames=4, committed=5))
    first.record(decide(request, 1, "_x@5 _y@6", kept=2, start_frames=4, committed=2))
    first.finish_hypothesis()
    assert [first.moved_tokens(each, is_continued=True) for each in range(2)] == [-3, -2]
    assert first.moved_tokens(0, is_continued=False) == 0
    second = HypothesisBuilder("s/1", OPTIONS, 2, first.continuation())
    assert [second.moved_tokens(each, is_continued=False) for each in range(2)] == [3, 2]


def test_after_a_cut_frames_count_from_the_start_of_the_next_utterance() -> None:
    """The hypothesis before is older audio of it: its buffer began where the cut is now, or before."""
    builder = HypothesisBuilder("s/0", OPTIONS, 1)
    for end, start in ((5 * STEP, 4), (7 * STEP, 3)):
        request, _ = ask(builder, end)
        builder.record(decide(request, 0, "_a@5 _b@6", kept=2, start_frames=start, committed=2))
        builder.finish_hypothesis()
    (known,) = builder.continuation().hypotheses
    assert known.previous is not None
    assert known.previous.start_sample == -3 * FRAME


def test_requests_say_where_their_buffers_lie_in_the_utterance() -> None:
    builder = HypothesisBuilder("s/0", OPTIONS, 2)
    first, _ = ask(builder, 5 * STEP)
    for sequence in range(2):
        builder.record(decide(first, sequence, "_a@5 _b@6", kept=2, start_frames=4, committed=2))
    builder.finish_hypothesis()
    second, _ = ask(builder, 6 * STEP)
    last, _ = ask(builder, 7 * STEP, is_final=True)
    assert [each.source_place for each in (first, second, last)] == [
        SourcePlace("s/0", 0, False),
        SourcePlace("s/0", 4 * FRAME, False),
        SourcePlace("s/0", 4 * FRAME, True),
    ]
    assert begins(second) == 4 * FRAME
