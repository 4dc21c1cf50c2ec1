"""A hypothesis begins with what the hypothesis before held, checked in one pass: the same text in fewer
steps.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tests.checkpoints import utterances
from tests.engine.simultaneous.hypothesis_harness import (
    LIMITS,
    STEP_SAMPLES,
    HypothesisHarness,
    hypothesis_request,
    of,
)
from translate_svc.engine.events import EngineEvent, TokenDecoded
from translate_svc.engine.request import Request
from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.engine.simultaneous.commit_policy import Hypothesis, LocalAgreement
from translate_svc.engine.simultaneous.hypothesis import HypothesisDecided, SequenceHypothesis

SPANISH, FRENCH = SequenceSpec("spa"), SequenceSpec("fra")


def held(token_ids: Sequence[int]) -> SequenceHypothesis:
    """State after a hypothesis that committed nothing and held ``token_ids``."""
    count = len(token_ids)
    before = Hypothesis(tuple(token_ids), ("x",) * count, 0, 0, (0,) * count, 1, True, (0.0,) * count)
    return SequenceHypothesis(previous=before)


def decided(events: list[EngineEvent]) -> list[HypothesisDecided]:
    """By target."""
    return sorted(of(events, HypothesisDecided), key=lambda each: each.sequence)


def told(events: list[EngineEvent], sequence: int) -> list[int]:
    return [each.token_id for each in of(events, TokenDecoded) if each.sequence == sequence]


def steps(house: HypothesisHarness) -> int:
    """How often a token, or a run of tokens, was fed for a hypothesis."""
    return sum(
        not item.key.request_id.startswith("beside") for plan in house.runner.plans for item in plan.decode
    )


@pytest.mark.parametrize("right", [0, 1, 4, 99])
def test_a_speculative_changes_nothing_but_the_number_of_steps(right: int) -> None:
    """Right to some token, then wrong; and right to its end, with the end of the text after it."""
    samples = utterances("starter")[0]
    plain = HypothesisHarness()
    (expected,) = plain.run(hypothesis_request("d", samples, (SPANISH,), policy=LocalAgreement()))
    text = of(expected, HypothesisDecided)[0].hypothesis.token_ids
    assert len(text) > 5
    speculative = [*text[:right], *(token_id + 1 for token_id in text[right:])]
    house = HypothesisHarness()
    (made,) = house.run(
        hypothesis_request("d", samples, (SPANISH,), (held(speculative),), policy=LocalAgreement())
    )
    assert of(made, HypothesisDecided)[0].hypothesis == of(expected, HypothesisDecided)[0].hypothesis
    assert np.allclose(
        of(made, HypothesisDecided)[0].hypothesis.log_probabilities,
        of(expected, HypothesisDecided)[0].hypothesis.log_probabilities,
        atol=1e-3,
    )
    assert steps(plain) == len(text) + 1
    assert steps(house) == len(text) + 1 - min(right, len(text), 16)


def test_hypotheses_of_growing_speech_are_the_same_with_and_without_speculative_tokens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two targets, and another request in the same batches, whose runs are of other lengths."""
    samples = utterances("starter")[0]
    ends = [*range(2 * STEP_SAMPLES, len(samples), STEP_SAMPLES), len(samples)]
    specs = (SPANISH, FRENCH)
    house, plain = HypothesisHarness(), HypothesisHarness()
    other_speech = utterances("starter")[1]
    accepted = house.hypotheses(
        samples, ends, specs, beside=lambda step: [Request(f"beside/{step}", other_speech, (FRENCH,))]
    )
    monkeypatch.setattr(SequenceHypothesis, "speculative_token_ids", lambda self, most_tokens: ())
    expected = plain.hypotheses(samples, ends, specs)
    for one, other in zip(accepted, expected, strict=True):
        for made, known in zip(decided(one), decided(other), strict=True):
            assert (made.hypothesis, made.decision, made.kept) == (
                known.hypothesis,
                known.decision,
                known.kept,
            )
            assert np.allclose(
                made.hypothesis.log_probabilities, known.hypothesis.log_probabilities, atol=1e-3
            )
        for sequence in range(2):
            assert told(one, sequence) == told(other, sequence)
    assert steps(house) < 0.8 * steps(plain)


def test_history_and_speculative_tokens_fit_into_a_slot() -> None:
    long = held(range(4, 4 + LIMITS.max_slot_tokens))
    assert len(long.speculative_token_ids(100)) == 16
    history = tuple(range(4, 14))
    crowded = SequenceHypothesis(history_token_ids=history, previous=long.previous)
    assert len(crowded.speculative_token_ids(12)) == 2
    assert crowded.speculative_token_ids(10) == ()


@pytest.mark.parametrize("spec", [SPANISH, FRENCH], ids=["spa", "fra"])
def test_a_committed_word_is_never_lengthened(spec: SequenceSpec) -> None:
    """A word was said, and in the next hypothesis the decoder would rather have made it longer."""
    house, samples = HypothesisHarness(), utterances("starter")[0]
    (whole,) = house.run(hypothesis_request("whole", samples, (spec,)))
    hypothesis = of(whole, HypothesisDecided)[0].hypothesis
    within = [
        index for index in range(1, len(hypothesis.pieces)) if hypothesis.pieces[index][0].isalpha()
    ]  # what stands before these is half a word
    assert within
    for index in within:
        state = SequenceHypothesis(history_token_ids=hypothesis.token_ids[:index], committed_tokens=index)
        (made,) = house.run(hypothesis_request(f"d{index}", samples, (spec,), (state,)))
        new = of(made, HypothesisDecided)[0].hypothesis.new_pieces
        assert not new or not new[0][0].isalnum(), f"{hypothesis.pieces[:index]} goes on with {new}"


@pytest.mark.parametrize("right", [0, 4, 99])
def test_tokens_have_the_times_that_a_whole_utterance_gives_them(right: int) -> None:
    """Also those that a pass accepts; and none where nothing was heard for them, or nobody asks."""
    samples = utterances("starter")[0]
    whole = HypothesisHarness()
    (expected,) = whole.run(Request("w", samples, (SPANISH,), source_times=True))
    tokens = of(expected, TokenDecoded)
    times = [each.source_ms for each in tokens]
    assert None in times
    assert len(set(times)) > 3
    state = held([each.token_id for each in tokens][:right])
    growing = hypothesis_request("d", samples, (SPANISH,), (state,), is_final=True, source_times=True)
    unasked = hypothesis_request("n", samples, (SPANISH,), (state,), is_final=True)
    for request, told_ms in ((growing, times), (unasked, [None] * len(times))):
        (made,) = HypothesisHarness().run(request)
        assert [each.source_ms for each in of(made, TokenDecoded)] == told_ms
