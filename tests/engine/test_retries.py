"""Unsure transcripts of speech, with the starter: which text is taken, and what becomes of slots."""

from __future__ import annotations

import functools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.quality.clip import Clip, load_clips
from benchmarks.quality.report import ROOT
from tests.engine.simultaneous.hypothesis_harness import LIMITS, HypothesisHarness, of
from tests.engine.text_events import scores, text, tokens
from translate_svc.engine.events import (
    FinishStatus,
    RequestFinished,
    SequenceFinished,
    TokenDecoded,
)
from translate_svc.engine.plan import StepPlan
from translate_svc.engine.request import Request, SourceText
from translate_svc.engine.runner.heard_source import at_speed
from translate_svc.engine.sequence_spec import SequenceSpec, TextGuards
from translate_svc.engine.step_result import EncodeResult, EncodeUnfinished, ItemFailure, StepResult
from translate_svc.engine.validation import validate
from translate_svc.errors import InvalidArgument, OutOfRange
from translate_svc.models.checkpoint.cascade_options import RETRY_SPEEDS
from translate_svc.types import Stage, Term

SURE = math.log(0.7)
OTHER = {"eng": "spa", "spa": "eng", "fra": "eng", "deu": "eng"}


@functools.cache
def clips() -> list[Clip]:
    """Some are heard differently at another speed."""
    folder = ROOT / "tests" / "data" / "quality"
    found = [*load_clips(folder, "several"), *load_clips(folder, "one")]
    return [clip for clip in found if len(clip.samples) <= 0.9 * LIMITS.max_source_samples]


def transcript(clip: Clip, retries: int, name: str = "", **options: Any) -> Request:
    spec = SequenceSpec(clip.language, retries=retries)
    return Request(name or clip.name, clip.samples, (spec,), transcript=0, **options)


@functools.cache
def expected(index: int) -> tuple[tuple[int, ...], float, bool]:
    """The likeliest text of a clip, its speed, and whether the draft was sure: by requests of their own."""
    clip = clips()[index]
    heard: list[tuple[float, tuple[int, ...], float]] = []
    for speed in (1.0, *RETRY_SPEEDS):
        samples = clip.samples if speed == 1 else at_speed(clip.samples, speed)
        (events,) = HypothesisHarness().run(Request("own", samples, (SequenceSpec(clip.language),)))
        said = scores(samples, clip.language, tokens(events))
        heard.append((math.fsum(said), tokens(events), speed))
        if max(heard) == heard[-1] and min(said) >= SURE:
            return tokens(events), speed, speed == 1
    _, found, speed = max(heard)
    return found, speed, False


CHOSEN = range(0, 48, 2)


@pytest.mark.host_alone
def test_the_likeliest_text_of_all_speeds_is_taken_alone_and_among_mates() -> None:
    """All texts and their scores come from requests of their own."""
    together = HypothesisHarness().run(*(transcript(clips()[index], 2) for index in CHOSEN))
    kinds = set()
    for index, mated in zip(CHOSEN, together, strict=True):
        wanted, speed, is_sure = expected(index)
        (alone,) = HypothesisHarness().run(transcript(clips()[index], 2))
        assert tokens(alone) == tokens(mated) == wanted, (index, speed)
        assert text(alone) == text(mated)
        kinds.add("sure" if is_sure else f"{speed:g}")
    assert kinds == {"sure", "1", *(f"{speed:g}" for speed in RETRY_SPEEDS)}, "of each there is one"


def first_at(*speeds: float) -> int:
    return next(index for index in CHOSEN if expected(index)[1] in speeds and not expected(index)[2])


@pytest.mark.parametrize("speed", RETRY_SPEEDS)
def test_its_times_are_those_of_the_speech_as_it_was_said(speed: float) -> None:
    index = first_at(speed)
    clip = clips()[index]
    (events,) = HypothesisHarness().run(transcript(clip, 2, source_times=True))
    fast = replace(clip, samples=at_speed(clip.samples, speed))
    (alone,) = HypothesisHarness().run(transcript(fast, 0, source_times=True))
    heard = [each.source_ms for each in of(alone, TokenDecoded)]
    assert [each.source_ms for each in of(events, TokenDecoded)] == [
        None if each is None else round(each * speed) for each in heard
    ]
    assert max(filter(None, heard)) > 500


@pytest.mark.host_alone
def test_a_request_never_holds_more_slots_than_it_has_texts() -> None:
    house = HypothesisHarness()
    house.scheduler.add(transcript(clips()[first_at(*RETRY_SPEEDS)], 2))
    held = []
    while house.scheduler.has_work:
        house.step()
        held.append(len(house.scheduler.slot_owners))
    assert max(held) == 1
    assert held[-1] == 0


@pytest.mark.host_alone
@pytest.mark.parametrize("steps", range(1, 60, 6))
def test_an_abort_at_any_time_frees_the_slots_and_harms_nobody(steps: int) -> None:
    mate = first_at(*RETRY_SPEEDS)
    house = HypothesisHarness()
    house.scheduler.add(transcript(clips()[mate], 2, "gone"))
    house.scheduler.add(transcript(clips()[mate], 2, "mate"))
    for _ in range(steps):
        if house.scheduler.has_work:
            house.step()
    house.scheduler.abort("gone")
    (events,) = house.run(transcript(clips()[mate], 0, "after"))  # to the end of all
    assert tokens(house.events["mate"]) == expected(mate)[0]
    assert of(events, RequestFinished)


class _Retries:
    """A runner that says of what is heard at another speed that it is not done, and then that it failed."""

    def __init__(self, runner: Any, unfinished_steps: int, *, fails: bool) -> None:
        self._runner, self._left, self._fails = runner, unfinished_steps, fails

    def execute(self, plan: StepPlan) -> StepResult:
        result = self._runner.execute(plan)
        retried = [item.request_id for item in plan.encode if item.speed != 1]
        if not retried or not (self._left or self._fails):
            return StepResult(result.results, result.failures, result.stages)
        encoded = EncodeResult, EncodeUnfinished
        others = [
            each for each in result.results if not (isinstance(each, encoded) and each.request_id in retried)
        ]
        if self._left:
            self._left -= 1
            late = [EncodeUnfinished(name) for name in retried]
            return StepResult((*others, *late), result.failures, result.stages)
        failures = [ItemFailure(name, None, Stage.ENCODE, "poisoned") for name in retried]
        return StepResult(tuple(others), (*result.failures, *failures), result.stages)


def with_retries(unfinished_steps: int = 0, *, fails: bool = False) -> HypothesisHarness:
    runner = HypothesisHarness().runner.runner
    return HypothesisHarness(runner=_Retries(runner, unfinished_steps, fails=fails))  # type: ignore[arg-type]


def test_speech_that_cannot_be_heard_again_keeps_its_text() -> None:
    clip = clips()[first_at(*RETRY_SPEEDS)]
    (draft,) = HypothesisHarness().run(transcript(clip, 0))
    (events,) = with_retries(fails=True).run(transcript(clip, 2))
    assert tokens(events) == tokens(draft)
    assert [each.status for each in of(events, SequenceFinished)] == [FinishStatus.OK]


def test_it_is_encoded_over_several_steps_and_nobody_is_admitted_meanwhile() -> None:
    """Texts of others that are being made wait for one slice of it at most."""
    index = first_at(*RETRY_SPEEDS)
    house = with_retries(5)
    first, second = house.run(transcript(clips()[index], 2), transcript(clips()[0], 2, "mate"))
    assert tokens(first) == expected(index)[0]
    assert tokens(second) == expected(0)[0]
    jobs = [[item.job_id for item in plan.encode] for plan in house.runner.plans]
    again = [n for n, plan in enumerate(house.runner.plans) if any(item.speed != 1 for item in plan.encode)]
    assert jobs[again[0]] == jobs[again[1]] == jobs[again[4]]


def test_speech_that_would_be_too_long_is_heard_faster_alone() -> None:
    clip = clips()[first_at(*RETRY_SPEEDS)]
    limits = replace(LIMITS, max_source_samples=len(clip.samples) + 10)
    house = HypothesisHarness(limits=limits)
    house.run(transcript(clip, 2))
    speeds = [item.speed for plan in house.runner.plans for item in plan.encode]
    assert speeds == [1.0, RETRY_SPEEDS[0]]


def test_silence_is_not_heard_again() -> None:
    quiet = np.zeros(16_000, np.float32)
    spec = SequenceSpec("eng", retries=2, guards=TextGuards(repetition_stop=True, length_stop=True))
    house = HypothesisHarness()
    (events,) = house.run(Request("quiet", quiet, (spec,), transcript=0))
    assert not text(events).strip()
    assert len([item for plan in house.runner.plans for item in plan.encode]) == 1


@pytest.mark.host_alone
def test_the_text_that_is_taken_is_translated_and_its_terms_are_found() -> None:
    index = next(n for n in CHOSEN if expected(n)[1] != 1)
    clip = clips()[index]
    code = OTHER[clip.language]
    specs = SequenceSpec(code, cascade_weight=0.3), SequenceSpec(clip.language, retries=2)

    def asked(*terms: Term, name: str = "both") -> Request:
        return Request(name, clip.samples, specs, transcript=1, terms=terms)

    (plain,) = HypothesisHarness().run(asked())
    assert tokens(plain, 1) == expected(index)[0]
    source = SourceText(text(plain, 1).strip(), clip.language)
    (read,) = HypothesisHarness().run(Request("read", source, (SequenceSpec(code),)))
    (draft,) = HypothesisHarness().run(Request("draft", clip.samples, (SequenceSpec(code),)))
    assert tokens(plain) in (tokens(read), tokens(draft))
    word = text(plain, 1).split()[-1].strip("¿?¡!.,")
    (said,) = HypothesisHarness().run(asked(Term(word, "Zebra", code)))
    assert "Zebra" in text(said, 0)
    assert tokens(said, 1) == expected(index)[0]


@pytest.mark.parametrize(
    ("request_", "problem"),
    [
        (transcript(clips()[0], 3), "must be 0 to 2"),
        (transcript(clips()[0], -1), "must be 0 to 2"),
        (replace(transcript(clips()[0], 2), transcript=None), "is for the transcript of speech"),
        (replace(transcript(clips()[0], 2), source=SourceText("Hello.", "eng")), "is for the transcript"),
        (
            Request("r", clips()[0].samples, (SequenceSpec("eng", retries=1, num_beams=2),), transcript=0),
            "decoded greedily",
        ),
        (
            Request("r", clips()[0].samples, (SequenceSpec("eng", retries=1, speech=True),), transcript=0),
            "not spoken",
        ),
    ],
)
def test_what_is_no_transcript_of_speech_is_refused(request_: Request, problem: str) -> None:
    house = HypothesisHarness()
    with pytest.raises((InvalidArgument, OutOfRange), match=problem) as refused:
        validate(request_, house.scheduler.limits, house.runner.runner.capabilities, house.tokenizer)
    assert refused.value.field == "sequences[0].retries"
