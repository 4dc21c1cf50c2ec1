"""Hypotheses through scheduler and real model: what they commit, and that their speech is one."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
import pytest

from tests.checkpoints import utterances
from tests.clips import DATA
from tests.engine.simultaneous.hypothesis_harness import (
    LIMITS,
    STEP_SAMPLES,
    HypothesisHarness,
    all_units,
    continued,
    hypothesis_request,
    joined,
    of,
)
from translate_svc.audio.files import read_audio
from translate_svc.engine.events import (
    EngineEvent,
    FinishStatus,
    RequestFinished,
    SequenceFinished,
    TextFinished,
    TokenDecoded,
    UnitsPredicted,
    WaveformPiece,
)
from translate_svc.engine.plan import SequenceKey
from translate_svc.engine.request import Request
from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.engine.simultaneous.commit_policy import AlignAtt
from translate_svc.engine.simultaneous.growing_sequence import LOOKAHEAD_WORDS, MIN_FIRST_WORDS
from translate_svc.engine.simultaneous.hypothesis import (
    HypothesisDecided,
    SequenceHypothesis,
    SpeechCarriedOver,
)
from translate_svc.models.seamless.tokenizer import PROMPT_TOKENS
from translate_svc.types import Samples, Stage

SPANISH, FRENCH = SequenceSpec("spa", speech=True), SequenceSpec("fra", speech=True)


def clip(number: int = 0) -> Samples:
    """What somebody says, of the starter's clips."""
    return utterances("starter")[number]


def assert_alike(one: Samples, other: Samples) -> None:
    np.testing.assert_allclose(one, other, rtol=0.0, atol=1e-4)


def growing(samples: Samples) -> list[int]:
    """Where each hypothesis's buffer ends: a step after the other, then the whole."""
    return [*range(2 * STEP_SAMPLES, len(samples), STEP_SAMPLES), len(samples)]


def text(events: list[EngineEvent]) -> str:
    tails = "".join(each.tail for each in of(events, TextFinished))
    return "".join(each.text for each in of(events, TokenDecoded)) + tails


def told(events: list[EngineEvent]) -> list[object]:
    """Decisions, tokens and units, in a comparable form and without the request's name."""
    decided = [
        (each.hypothesis, each.decision, each.kept, np.round(each.hypothesis.log_probabilities, 3).tolist())
        for each in of(events, HypothesisDecided)
    ]
    return [decided, [each.token_id for each in of(events, TokenDecoded)], all_units(events).tolist()]


def test_a_final_hypothesis_without_history_is_the_whole_utterance() -> None:
    house = HypothesisHarness()
    hypothesis, utterance = house.run(
        hypothesis_request("hypothesis", clip(), (SPANISH,), is_final=True),
        Request("utterance", clip(), (SPANISH,)),
    )
    assert text(hypothesis) == text(utterance) != ""
    assert [each.token_id for each in of(hypothesis, TokenDecoded)] == [
        each.token_id for each in of(utterance, TokenDecoded)
    ]
    np.testing.assert_array_equal(all_units(hypothesis), all_units(utterance))
    assert_alike(joined(hypothesis), joined(utterance))
    assert of(hypothesis, TextFinished)[0].text == of(utterance, TextFinished)[0].text
    assert [each.final for each in of(hypothesis, WaveformPiece)][-1:] == [True]
    assert not of(hypothesis, SpeechCarriedOver)


def test_a_hypothesis_is_the_same_alone_and_among_others() -> None:
    samples = clip()[: 5 * STEP_SAMPLES]
    (alone,) = HypothesisHarness().run(hypothesis_request("d", samples, (SPANISH, FRENCH)))
    house = HypothesisHarness()
    house.scheduler.add(Request("before", clip(1), (SPANISH,)))
    for _ in range(4):
        house.step()
    beside, *_ = house.run(
        hypothesis_request("d", samples, (SPANISH, FRENCH)),
        hypothesis_request("other", clip(4)[: 4 * STEP_SAMPLES], (SPANISH,)),
    )
    assert max(len(plan.decode) for plan in house.runner.plans) >= 3, "they never shared a step"
    for index in range(2):
        own = [[e for e in each if getattr(e, "sequence", None) == index] for each in (alone, beside)]
        assert told(own[0]) == told(own[1])
        assert_alike(joined(own[0]), joined(own[1]))


def runs(made: list[list[EngineEvent]]) -> list[npt.NDArray[np.int64]]:
    """The units that the vocoder has heard as one: up to a hypothesis that leaves none to wait."""
    found: list[npt.NDArray[np.int64]] = []
    units: list[int] = []
    for events in made:
        units += all_units(events).tolist()
        if all(not len(kept.speech.units) for kept in of(events, SpeechCarriedOver)):
            found.append(np.array(units, np.int64))
            units = []
    assert not units
    return [each for each in found if len(each)]


@pytest.mark.parametrize(
    ("number", "playback_pending", "parts", "pauses"),
    [(0, (True,), 1, 1), (2, (True, False), 3, 1), (2, (False,), 3, 2)],
    ids=["one sentence", "two sentences", "two sentences with pauses"],
)
def test_the_speech_of_all_hypotheses_is_that_of_all_units_at_once(
    number: int, playback_pending: tuple[bool, ...], parts: int, pauses: int
) -> None:
    house, samples = HypothesisHarness(), clip(number)
    made = house.hypotheses(samples, growing(samples), (SPANISH,), playback_pending=playback_pending)
    with_speech = [each for each in made if of(each, WaveformPiece)]
    assert len(with_speech) >= parts, "the speech comes in parts"
    events = [event for each in made for event in each]
    units, waveform = all_units(events), joined(events)
    assert len(waveform) == len(units) * 320
    at_once = [house.vocode(each, SPANISH) for each in runs(made)]
    assert (len(at_once) > 1) == (pauses > 1)
    assert_alike(waveform, np.concatenate(at_once))


def committed_text(events: list[EngineEvent]) -> str:
    """What a hypothesis has committed, with SentencePiece's marks."""
    (decided,) = of(events, HypothesisDecided)
    history = decided.hypothesis.history_tokens
    return "".join(decided.hypothesis.pieces[history : history + decided.decision.committed])


@pytest.mark.host_alone
def test_words_wait_for_each_other_while_the_listener_has_something_to_hear() -> None:
    """They are spoken together, each once. Text-to-unit has fewer hypotheses to work for, and sooner or
    later the history would lose them: then they are spoken immediately.
    """
    samples = clip(2)
    at_once, together = (
        HypothesisHarness().hypotheses(
            samples, growing(samples), (SPANISH,), playback_pending=(playback_pending,)
        )
        for playback_pending in (False, True)
    )
    assert list(map(text, at_once)) == list(map(text, together)), "texts do not wait"
    unspoken, waited = "", 0
    for events in together:
        unspoken += committed_text(events)
        for predicted in of(events, UnitsPredicted):
            assert len(predicted.character_durations) == len(unspoken)
            unspoken = ""
        for kept in of(events, SpeechCarriedOver):
            assert bool(kept.speech.unspoken_tokens) == bool(unspoken)
            assert kept.speech.waits or not unspoken
        waited += bool(unspoken)
    assert not unspoken, "the end speaks everything"
    assert waited > 1
    spoken = [sum(bool(of(events, UnitsPredicted)) for events in made) for made in (at_once, together)]
    assert spoken[1] < spoken[0]


@pytest.mark.host_alone
def test_a_sentence_is_spoken_from_its_first_words_on_or_whole() -> None:
    """A voice that starts on one word often stops behind it."""
    samples = clip(2)
    made = HypothesisHarness().hypotheses(samples, growing(samples), (SPANISH,), playback_pending=(False,))
    unspoken, waited = "", 0
    for events in made:
        unspoken += committed_text(events)
        spoken = sum(len(each.character_durations) for each in of(events, UnitsPredicted))
        begins, unspoken = unspoken[:spoken], unspoken[spoken:]
        if begins and of(events, SpeechCarriedOver) and begins[0].isupper():
            assert len(begins.split("\u2581")) > MIN_FIRST_WORDS or begins[-1] in ".?!"
        waited += bool(unspoken)
        assert len(unspoken.split("\u2581")) <= MIN_FIRST_WORDS
    assert waited, "some first words came alone"
    assert not unspoken


@pytest.mark.host_alone
def test_text_to_unit_hears_one_sentence_and_the_next_words() -> None:
    house, (samples, _) = HypothesisHarness(), read_audio(DATA / "eng_three.flac")
    house.hypotheses(samples, growing(samples), (SPANISH,))
    items = [item for plan in house.runner.plans for item in plan.text_to_unit]
    pieces = [[house.tokenizer.id_to_piece(each) for each in item.token_ids] for item in items]
    left_out = [
        "".join(text[PROMPT_TOKENS : PROMPT_TOKENS + item.dropped_context_tokens])
        for text, item in zip(pieces, items, strict=True)
    ]
    assert any(left_out), "there is a second sentence"
    assert all(each[-1] in ".?!" for each in left_out if each)
    ahead = [text[len(text) - item.lookahead_tokens :] for text, item in zip(pieces, items, strict=True)]
    words = [sum(piece.startswith("\u2581") for piece in each) for each in ahead]
    assert max(words) == LOOKAHEAD_WORDS


@pytest.mark.host_alone
def test_speech_never_stops_within_a_word() -> None:
    house, samples = HypothesisHarness(), clip(2)
    made = house.hypotheses(samples, growing(samples), (SPANISH,), playback_pending=(True, False))
    places, total, stops = set(), 0, set()
    unspoken = ""
    for events in made:
        unspoken += committed_text(events)
        for predicted in of(events, UnitsPredicted):
            for character, duration in zip(unspoken, predicted.character_durations, strict=True):
                if character == "\u2581":
                    places.add(total)
                total += duration
            unspoken = ""
        stops |= {
            (piece.start_samples + len(piece.samples)) // 320 for piece in of(events, WaveformPiece)[-1:]
        }
        if not of(events, SpeechCarriedOver) or not len(of(events, SpeechCarriedOver)[0].speech.units):
            places.add(total)
    assert stops <= places
    assert len(stops) > 2


@pytest.mark.host_alone
@pytest.mark.parametrize("playback_pending", [False, True])
def test_what_waits_is_voiced_when_the_listener_has_heard_the_rest(playback_pending: bool) -> None:
    house, samples = HypothesisHarness(), clip(2)
    state = SequenceHypothesis()
    for end in growing(samples):
        (events,) = house.run(hypothesis_request(f"u{end}", samples[:end], (SPANISH,), (state,)))
        state = continued(state, events, 0)
        if state.speech.voiced_units:
            break
    waiting = len(state.speech.units) - state.speech.voiced_units
    assert waiting >= house.traits.context_units
    asked = dataclasses.replace(state, playback_pending=playback_pending)
    (events,) = house.run(
        hypothesis_request("idle", samples[:end], (SPANISH,), (asked,), policy=AlignAtt(cutoff_frames=99))
    )
    assert not of(events, TokenDecoded)
    (kept,) = of(events, SpeechCarriedOver)
    if playback_pending:
        assert not of(events, WaveformPiece)
        assert (kept.speech.units.tolist(), kept.speech.word_starts) == (
            state.speech.units.tolist(), state.speech.word_starts,
        )  # fmt: skip
    else:
        assert sum(len(each.samples) for each in of(events, WaveformPiece)) == waiting * 320
        assert not len(kept.speech.units)
        assert kept.speech.first_unit == state.speech.first_unit + len(state.speech.units)


@pytest.mark.host_alone
def test_what_is_committed_is_never_taken_back() -> None:
    house, samples = HypothesisHarness(), clip(2)
    made = house.hypotheses(samples, growing(samples), (SPANISH,))
    committed: list[int] = []
    for events in made:
        (decided,) = of(events, HypothesisDecided)
        history = decided.hypothesis.history_tokens
        assert list(decided.hypothesis.token_ids[:history]) == committed
        tokens = [each.token_id for each in of(events, TokenDecoded)]
        assert (
            len(tokens)
            == decided.decision.committed
            == len(decided.hypothesis.token_ids[history:]) - (decided.decision.held)
        )
        committed += tokens
        assert bool(of(events, TextFinished)) == (events is made[-1])
        assert bool(of(events, SpeechCarriedOver)) == (events is not made[-1])
    assert any(of(events, TokenDecoded) for events in made[:-1]), "words come before the end"
    assert any(decided.decision.held for events in made for decided in of(events, HypothesisDecided))


def test_a_target_that_fails_leaves_the_other() -> None:
    samples = clip()[: 6 * STEP_SAMPLES]
    (well,) = HypothesisHarness().run(hypothesis_request("d", samples, (SPANISH, FRENCH)))
    house = HypothesisHarness()
    house.runner.fails.add((SequenceKey("d", 1), Stage.DECODE))
    (events,) = house.run(hypothesis_request("d", samples, (SPANISH, FRENCH)))
    ends = {each.sequence: each.status for each in of(events, SequenceFinished)}
    assert ends == {0: FinishStatus.OK, 1: FinishStatus.FAILED}
    assert {each.sequence for each in of(events, HypothesisDecided)} == {0}
    own = [[e for e in each if getattr(e, "sequence", None) == 0] for each in (well, events)]
    assert told(own[0]) == told(own[1])
    assert of(events, RequestFinished)[0].status is FinishStatus.FAILED
    assert continued(SequenceHypothesis(), events, 1) == SequenceHypothesis()


@pytest.mark.parametrize("steps", [0, 1, 2, 4, 8])
def test_an_aborted_hypothesis_leaves_its_slots_and_no_event(steps: int) -> None:
    house, samples = HypothesisHarness(), clip()[: 6 * STEP_SAMPLES]
    house.scheduler.add(hypothesis_request("d", samples, (SPANISH, FRENCH)))
    for _ in range(steps):
        house.step()
    assert bool(house.scheduler.slot_owners) == (steps > 0)
    house.scheduler.abort("d")
    before = len(house.events["d"])
    assert not house.scheduler.slot_owners
    (again,) = house.run(hypothesis_request("again", samples, (SPANISH, FRENCH)))
    assert of(again, RequestFinished)[0].status is FinishStatus.OK
    assert len(house.events["d"]) == before


@pytest.mark.host_alone
def test_hypotheses_wait_behind_everything_that_has_ended() -> None:
    house = HypothesisHarness(limits=dataclasses.replace(LIMITS, max_slots=1))
    samples = clip()[: 3 * STEP_SAMPLES]
    house.run(
        hypothesis_request("hypothesis", samples, (SPANISH,)),
        hypothesis_request("hypothesis too", samples, (SPANISH,)),
        hypothesis_request("last hypothesis", samples, (SPANISH,), is_final=True),
        Request("utterance", samples, (SPANISH,)),
    )
    admitted = [item.request_id for plan in house.runner.plans for item in plan.encode]
    assert admitted == ["last hypothesis", "utterance", "hypothesis", "hypothesis too"]


def test_a_hypothesis_counts_only_the_audio_that_is_new() -> None:
    house, samples = HypothesisHarness(), clip()
    made = house.hypotheses(samples, growing(samples), (SPANISH,))
    events = [event for each in made for event in each]
    totals = house.scheduler.totals
    assert totals.source_samples == len(samples)
    assert totals.text_tokens == len(of(events, TokenDecoded))
    assert totals.speech_units == len(all_units(events))


@pytest.mark.parametrize(("committed", "starts"), [(5, " "), (0, "")])
def test_a_text_whose_history_was_dropped_goes_on_behind_a_space(committed: int, starts: str) -> None:
    """Where a closed sentence was dropped in the pause, the next one was glued to it: "Schmidt.Turn"."""
    asked = SequenceHypothesis(committed_tokens=committed)
    (events,) = HypothesisHarness().run(hypothesis_request("d", clip(), (SPANISH,), (asked,), is_final=True))
    said = "".join(each.text for each in of(events, TokenDecoded))
    assert said[: len(starts)] == starts
    assert said[len(starts)].isalpha() or said[len(starts)] == "\u00bf"
    assert of(events, TextFinished)[0].text == said
