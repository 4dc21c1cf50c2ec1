"""Drafts through scheduler and real model: what they commit, and that their speech is one."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.checkpoints import utterances
from tests.engine.simultaneous.draft_house import (
    LIMITS,
    STEP_SAMPLES,
    DraftHouse,
    all_units,
    continued,
    draft_request,
    joined,
    of,
)
from translate_svc.engine.plan import SequenceKey
from translate_svc.engine.request import (
    EngineEvent,
    FinishStatus,
    Request,
    RequestFinished,
    SequenceFinished,
    SequenceSpec,
    TextFinished,
    TokenDecoded,
    WaveformPiece,
)
from translate_svc.engine.simultaneous.draft import DraftDecided, SequenceDraft, SpeechKept
from translate_svc.types import Samples, Stage

SPANISH, FRENCH = SequenceSpec("spa", speech=True), SequenceSpec("fra", speech=True)


def clip(number: int = 0) -> Samples:
    """What somebody says, of the starter's clips."""
    return utterances("starter")[number]


def assert_alike(one: Samples, other: Samples) -> None:
    np.testing.assert_allclose(one, other, rtol=0.0, atol=1e-4)


def growing(samples: Samples) -> list[int]:
    """Where each draft's buffer ends: a step after the other, then the whole."""
    return [*range(2 * STEP_SAMPLES, len(samples), STEP_SAMPLES), len(samples)]


def text(events: list[EngineEvent]) -> str:
    tails = "".join(each.tail for each in of(events, TextFinished))
    return "".join(each.text for each in of(events, TokenDecoded)) + tails


def told(events: list[EngineEvent]) -> list[object]:
    """Decisions, tokens and units, in a comparable form and without the request's name."""
    decided = [
        (each.draft, each.decision, each.kept, np.round(each.log_probabilities, 3).tolist())
        for each in of(events, DraftDecided)
    ]
    return [decided, [each.token_id for each in of(events, TokenDecoded)], all_units(events).tolist()]


def test_a_final_draft_without_history_is_the_whole_utterance() -> None:
    house = DraftHouse()
    draft, utterance = house.run(
        draft_request("draft", clip(), (SPANISH,), is_final=True), Request("utterance", clip(), (SPANISH,))
    )
    assert text(draft) == text(utterance) != ""
    assert [each.token_id for each in of(draft, TokenDecoded)] == [
        each.token_id for each in of(utterance, TokenDecoded)
    ]
    np.testing.assert_array_equal(all_units(draft), all_units(utterance))
    assert_alike(joined(draft), joined(utterance))
    assert of(draft, TextFinished)[0].text == of(utterance, TextFinished)[0].text
    assert [each.final for each in of(draft, WaveformPiece)][-1:] == [True]
    assert not of(draft, SpeechKept)


def test_a_draft_is_the_same_alone_and_among_others() -> None:
    samples = clip()[: 5 * STEP_SAMPLES]
    (alone,) = DraftHouse().run(draft_request("d", samples, (SPANISH, FRENCH)))
    house = DraftHouse()
    house.scheduler.add(Request("before", clip(1), (SPANISH,)))
    for _ in range(4):
        house.step()
    beside, *_ = house.run(
        draft_request("d", samples, (SPANISH, FRENCH)),
        draft_request("other", clip(4)[: 4 * STEP_SAMPLES], (SPANISH,)),
    )
    assert max(len(plan.decode) for plan in house.runner.plans) >= 3, "they never shared a step"
    for index in range(2):
        own = [[e for e in each if getattr(e, "sequence", None) == index] for each in (alone, beside)]
        assert told(own[0]) == told(own[1])
        assert_alike(joined(own[0]), joined(own[1]))


@pytest.mark.parametrize(("number", "parts"), [(0, 2), (2, 3)], ids=["one sentence", "two sentences"])
def test_the_speech_of_all_drafts_is_that_of_all_units_at_once(number: int, parts: int) -> None:
    house, samples = DraftHouse(), clip(number)
    made = house.drafts(samples, growing(samples), (SPANISH,))
    with_speech = [each for each in made if of(each, WaveformPiece)]
    assert len(with_speech) >= parts, "the speech comes in parts"
    events = [event for each in made for event in each]
    units, waveform = all_units(events), joined(events)
    assert len(waveform) == len(units) * 320
    assert_alike(waveform, house.vocode(units, SPANISH))
    final = [each.final for each in of(events, WaveformPiece)]
    assert final == [False] * (len(final) - 1) + [True]


def test_what_is_committed_is_never_taken_back() -> None:
    house, samples = DraftHouse(), clip(2)
    made = house.drafts(samples, growing(samples), (SPANISH,))
    committed: list[int] = []
    for events in made:
        (decided,) = of(events, DraftDecided)
        history = decided.draft.history_tokens
        assert list(decided.draft.token_ids[:history]) == committed
        tokens = [each.token_id for each in of(events, TokenDecoded)]
        assert (
            len(tokens)
            == decided.decision.committed
            == len(decided.draft.token_ids[history:]) - (decided.decision.held)
        )
        committed += tokens
        assert bool(of(events, TextFinished)) == (events is made[-1])
        assert bool(of(events, SpeechKept)) == (events is not made[-1])
    assert any(of(events, TokenDecoded) for events in made[:-1]), "words come before the end"
    assert any(decided.decision.held for events in made for decided in of(events, DraftDecided))


def test_a_target_that_fails_leaves_the_other() -> None:
    samples = clip()[: 6 * STEP_SAMPLES]
    (well,) = DraftHouse().run(draft_request("d", samples, (SPANISH, FRENCH)))
    house = DraftHouse()
    house.runner.fails.add((SequenceKey("d", 1), Stage.DECODE))
    (events,) = house.run(draft_request("d", samples, (SPANISH, FRENCH)))
    ends = {each.sequence: each.status for each in of(events, SequenceFinished)}
    assert ends == {0: FinishStatus.OK, 1: FinishStatus.FAILED}
    assert {each.sequence for each in of(events, DraftDecided)} == {0}
    own = [[e for e in each if getattr(e, "sequence", None) == 0] for each in (well, events)]
    assert told(own[0]) == told(own[1])
    assert of(events, RequestFinished)[0].status is FinishStatus.FAILED
    assert continued(SequenceDraft(), events, 1) == SequenceDraft()


@pytest.mark.parametrize("steps", [0, 1, 2, 4, 8])
def test_an_aborted_draft_leaves_its_slots_and_no_event(steps: int) -> None:
    house, samples = DraftHouse(), clip()[: 6 * STEP_SAMPLES]
    house.scheduler.add(draft_request("d", samples, (SPANISH, FRENCH)))
    for _ in range(steps):
        house.step()
    assert bool(house.scheduler.slot_owners) == (steps > 0)
    house.scheduler.abort("d")
    before = len(house.events["d"])
    assert not house.scheduler.slot_owners
    (again,) = house.run(draft_request("again", samples, (SPANISH, FRENCH)))
    assert of(again, RequestFinished)[0].status is FinishStatus.OK
    assert len(house.events["d"]) == before


def test_drafts_wait_behind_everything_that_has_ended() -> None:
    house = DraftHouse(limits=dataclasses.replace(LIMITS, max_slots=1))
    samples = clip()[: 3 * STEP_SAMPLES]
    house.run(
        draft_request("draft", samples, (SPANISH,)),
        draft_request("draft too", samples, (SPANISH,)),
        draft_request("last draft", samples, (SPANISH,), is_final=True),
        Request("utterance", samples, (SPANISH,)),
    )
    admitted = [item.request_id for plan in house.runner.plans for item in plan.encode]
    assert admitted == ["last draft", "utterance", "draft", "draft too"]


def test_a_draft_counts_only_the_audio_that_is_new() -> None:
    house, samples = DraftHouse(), clip()
    made = house.drafts(samples, growing(samples), (SPANISH,))
    events = [event for each in made for event in each]
    totals = house.scheduler.totals
    assert totals.source_samples == len(samples)
    assert totals.text_tokens == len(of(events, TokenDecoded))
    assert totals.speech_units == len(all_units(events))
