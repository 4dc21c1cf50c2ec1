"""Beam search through scheduler and runner: transformers' texts, alone and among mates."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import _disable_current_modes

from tests.checkpoints import LIMITS, checkpoint_folder, new_runner, oracle, utterances
from tests.engine.simultaneous.hypothesis_harness import HypothesisHarness, of
from tests.fakes.fake_graph_capturer import FakeGraphCapturer, limit_captured_batches
from translate_svc.engine.events import (
    AlternativesFound,
    SequenceFinished,
    TextFinished,
    TokenDecoded,
    UnitsPredicted,
)
from translate_svc.engine.options import EngineLimits
from translate_svc.engine.request import Request
from translate_svc.engine.runner import model_runner
from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.models.checkpoint.checkpoint import Checkpoint

ENGINE_LIMITS = EngineLimits(
    max_slots=24,
    max_slot_tokens=LIMITS.max_slot_tokens,
    max_source_samples=LIMITS.max_source_samples,
    max_source_tokens=LIMITS.max_source_tokens,
    initial_credit_pieces=99,
)
BEAMS = (2, 5, 8)


@functools.cache
def shared_runner(name: str) -> Any:
    return new_runner(name, ENGINE_LIMITS.model_limits)


def house(name: str) -> HypothesisHarness:
    return HypothesisHarness(name, ENGINE_LIMITS, shared_runner(name))


@functools.cache
def published(
    name: str, index: int, language: str, beams: int, penalty: float
) -> tuple[tuple[int, ...], float]:
    """transformers' best text, without prompt and end, and its score."""
    source = utterances(name)[index]
    with _disable_current_modes(), torch.inference_mode():
        made = oracle(name).model.generate(
            **oracle(name).inputs(source),
            tgt_lang=language,
            max_new_tokens=ENGINE_LIMITS.max_slot_tokens - 2,
            num_beams=beams,
            length_penalty=penalty,
            do_sample=False,
            generate_speech=False,
            return_dict_in_generate=True,
            output_scores=True,
        )
    end = oracle(name).model.config.eos_token_id
    tokens = made.sequences[0].tolist()[2:]
    return tuple(tokens[: tokens.index(end)] if end in tokens else tokens), float(made.sequences_scores[0])


def request(name: str, index: int, *specs: SequenceSpec) -> Request:
    return Request(f"{index}", utterances(name)[index], specs, source_times=True)


def tokens_of(events: list[Any], sequence: int = 0) -> tuple[int, ...]:
    return tuple(each.token_id for each in of(events, TokenDecoded) if each.sequence == sequence)


@pytest.mark.parametrize(("beams", "penalty"), [(2, 1.0), (5, 0.0), (5, 2.0), (8, 1.0)])
@pytest.mark.parametrize("name", ["tiny", "starter"])
def test_each_text_is_what_transformers_finds(name: str, beams: int, penalty: float) -> None:
    """The random checkpoint never ends a text, so that the limit decides; the starter always does."""
    spec = SequenceSpec("spa", num_beams=beams, length_penalty=penalty, alternatives=True)
    for index in range(2):
        (events,) = house(name).run(request(name, index, spec))
        tokens, score = published(name, index, "spa", beams, penalty)
        assert tokens_of(events) == tokens
        (told,) = of(events, AlternativesFound)
        assert told.alternatives[0].score == pytest.approx(score, abs=1e-3)
        (finished,) = of(events, TextFinished)
        assert told.alternatives[0].text == finished.text
        assert len(told.alternatives) == beams


@pytest.mark.host_alone
def test_beams_and_greedy_rows_of_many_requests_share_their_steps() -> None:
    """Requests come with different numbers of beams and targets, more than there are slots."""
    requests = [
        request(
            "starter",
            index,
            SequenceSpec("spa", num_beams=BEAMS[index % 3]),
            SequenceSpec("fra", num_beams=1 + index),
        )
        for index in range(5)
    ]
    made = house("starter").run(*requests)
    for index, events in enumerate(made):
        for sequence, spec in enumerate(requests[index].sequences):
            (alone,) = house("starter").run(request("starter", index, spec))
            assert tokens_of(events, sequence) == tokens_of(alone)


@pytest.mark.host_alone
def test_captured_steps_give_the_same_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    capturer = FakeGraphCapturer()
    monkeypatch.setattr(model_runner, "graph_capturer", lambda _device: capturer)
    limit_captured_batches(monkeypatch)
    limits = dataclasses.replace(ENGINE_LIMITS, max_slots=8)
    runner = new_runner("starter", limits.model_limits)
    spec = SequenceSpec("spa", num_beams=5)
    greedy = SequenceSpec("fra")
    made = HypothesisHarness("starter", limits, runner).run(
        *(request("starter", index, spec, greedy) for index in range(3))
    )
    assert capturer.replays > 0
    for index, events in enumerate(made):
        (eager,) = house("starter").run(request("starter", index, spec))
        assert tokens_of(events) == tokens_of(eager)


@pytest.mark.host_alone
def test_text_is_told_when_no_other_can_win_and_speech_is_of_the_best() -> None:
    """A text of a beam search that equals the greedy one has the same units, whatever its slots held."""
    speaker = Checkpoint.open(checkpoint_folder("starter")).speakers["spa"][0]
    greedy = SequenceSpec("spa", speech=True, speaker_id=speaker)
    beams = SequenceSpec("spa", speech=True, speaker_id=speaker, num_beams=4)
    early = 0
    for index in range(3):
        harness = house("starter")
        harness.scheduler.add(request("starter", index, beams))
        events = harness.events[f"{index}"]
        while harness.scheduler.has_work:
            harness.step()
            early += bool(of(events, TokenDecoded) and not of(events, TextFinished))
        (finished,) = of(events, TextFinished)
        assert finished.text == "".join(each.text for each in of(events, TokenDecoded)) + finished.tail
        (plain,) = house("starter").run(request("starter", index, greedy))
        if tokens_of(plain) == tokens_of(events):
            (expected,), (units,) = of(plain, UnitsPredicted), of(events, UnitsPredicted)
            assert units.units == expected.units
    assert early > 4, "texts come while their search goes on"


@pytest.mark.host_alone
def test_beams_wait_for_their_slots_and_an_abort_frees_them() -> None:
    harness = house("starter")
    for index in range(5):
        harness.scheduler.add(request("starter", index, SequenceSpec("spa", num_beams=8)))
    harness.step()
    assert len(harness.scheduler.slot_owners) == 24
    harness.scheduler.abort("1")
    assert len(harness.scheduler.slot_owners) == 16
    while harness.scheduler.has_work:
        harness.step()
    for index in (0, 2, 3, 4):
        (finished,) = of(harness.events[f"{index}"], SequenceFinished)
        (alone,) = house("starter").run(request("starter", index, SequenceSpec("spa", num_beams=8)))
        assert not finished.error
        assert tokens_of(harness.events[f"{index}"]) == tokens_of(alone)
