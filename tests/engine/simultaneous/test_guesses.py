"""A draft begins with what the draft before held, checked in one pass: the same text in fewer steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tests.checkpoints import utterances
from tests.engine.simultaneous.draft_house import LIMITS, STEP_SAMPLES, DraftHouse, draft_request, of
from translate_svc.engine.request import EngineEvent, Request, SequenceSpec, TokenDecoded
from translate_svc.engine.simultaneous.commit_policy import Agreement, Draft
from translate_svc.engine.simultaneous.draft import DraftDecided, SequenceDraft

SPANISH, FRENCH = SequenceSpec("spa"), SequenceSpec("fra")


def held(token_ids: Sequence[int]) -> SequenceDraft:
    """State behind a draft that committed nothing and held ``token_ids``."""
    count = len(token_ids)
    before = Draft(tuple(token_ids), ("x",) * count, 0, 0, (0,) * count, 1, ended=True)
    return SequenceDraft(previous=before)


def decided(events: list[EngineEvent]) -> list[DraftDecided]:
    """By target."""
    return sorted(of(events, DraftDecided), key=lambda each: each.sequence)


def told(events: list[EngineEvent], sequence: int) -> list[int]:
    return [each.token_id for each in of(events, TokenDecoded) if each.sequence == sequence]


def steps(house: DraftHouse) -> int:
    """How often a token, or a run of tokens, was fed for a draft."""
    return sum(
        not item.key.request_id.startswith("beside") for plan in house.runner.plans for item in plan.decode
    )


@pytest.mark.parametrize("right", [0, 1, 4, 99])
def test_a_guess_changes_nothing_but_the_number_of_steps(right: int) -> None:
    """Right to some token, then wrong; and right to its end, with the end of the text behind it."""
    samples = utterances("starter")[0]
    plain = DraftHouse()
    (expected,) = plain.run(draft_request("d", samples, (SPANISH,), policy=Agreement()))
    text = of(expected, DraftDecided)[0].draft.token_ids
    assert len(text) > 5
    guess = [*text[:right], *(token_id + 1 for token_id in text[right:])]
    house = DraftHouse()
    (made,) = house.run(draft_request("d", samples, (SPANISH,), (held(guess),), policy=Agreement()))
    assert of(made, DraftDecided)[0].draft == of(expected, DraftDecided)[0].draft
    assert np.allclose(
        of(made, DraftDecided)[0].log_probabilities,
        of(expected, DraftDecided)[0].log_probabilities,
        atol=1e-3,
    )
    assert steps(plain) == len(text) + 1
    assert steps(house) == len(text) + 1 - min(right, len(text), 16)


def test_drafts_of_growing_speech_are_the_same_with_and_without_guesses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two targets, and another request in the same batches, whose runs are of other lengths."""
    samples = utterances("starter")[0]
    ends = [*range(2 * STEP_SAMPLES, len(samples), STEP_SAMPLES), len(samples)]
    specs = (SPANISH, FRENCH)
    house, plain = DraftHouse(), DraftHouse()
    other_speech = utterances("starter")[1]
    guessed = house.drafts(
        samples, ends, specs, beside=lambda step: [Request(f"beside/{step}", other_speech, (FRENCH,))]
    )
    monkeypatch.setattr(SequenceDraft, "guess", lambda self, most_tokens: ())
    expected = plain.drafts(samples, ends, specs)
    for one, other in zip(guessed, expected, strict=True):
        for made, known in zip(decided(one), decided(other), strict=True):
            assert (made.draft, made.decision, made.kept) == (known.draft, known.decision, known.kept)
            assert np.allclose(made.log_probabilities, known.log_probabilities, atol=1e-3)
        for sequence in range(2):
            assert told(one, sequence) == told(other, sequence)
    assert steps(house) < 0.8 * steps(plain)


def test_history_and_guess_fit_into_a_slot() -> None:
    long = held(range(4, 4 + LIMITS.max_slot_tokens))
    assert len(long.guess(100)) == 16
    history = tuple(range(4, 14))
    crowded = SequenceDraft(history_token_ids=history, previous=long.previous)
    assert len(crowded.guess(12)) == 2
    assert crowded.guess(10) == ()


@pytest.mark.parametrize("spec", [SPANISH, FRENCH], ids=["spa", "fra"])
def test_a_committed_word_is_never_lengthened(spec: SequenceSpec) -> None:
    """A word was said, and in the next draft the decoder would rather have made it longer."""
    house, samples = DraftHouse(), utterances("starter")[0]
    (whole,) = house.run(draft_request("whole", samples, (spec,)))
    draft = of(whole, DraftDecided)[0].draft
    within = [
        index for index in range(1, len(draft.pieces)) if draft.pieces[index][0].isalpha()
    ]  # what stands before these is half a word
    assert within
    for index in within:
        state = SequenceDraft(history_token_ids=draft.token_ids[:index], committed_tokens=index)
        (made,) = house.run(draft_request(f"d{index}", samples, (spec,), (state,)))
        new = of(made, DraftDecided)[0].draft.new_pieces
        assert not new or not new[0][0].isalnum(), f"{draft.pieces[:index]} goes on with {new}"
