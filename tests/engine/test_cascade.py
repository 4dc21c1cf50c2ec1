"""Translations through the transcript, with the starter: which text is taken, and what becomes of slots."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

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
    UnitsPredicted,
)
from translate_svc.engine.plan import EncodeItem, SequenceKey, StepPlan
from translate_svc.engine.request import Request, SourceText
from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.engine.step_result import EncodeResult, ItemFailure, StepResult
from translate_svc.engine.validation import validate
from translate_svc.errors import InvalidArgument, OutOfRange
from translate_svc.types import Stage, Term

WEIGHT = 0.3
SURE = math.log(0.7)
LANGUAGES = ("eng", "spa", "fra", "deu")


@functools.cache
def clips() -> list[Clip]:
    """Some are translated differently by their sound and by their transcript."""
    found = load_clips(ROOT / "tests" / "data" / "quality", "several")
    return [clip for clip in found if len(clip.samples) <= LIMITS.max_source_samples]


def others(clip: Clip) -> list[str]:
    return [code for code in LANGUAGES if code != clip.language]


def request(clip: Clip, weight: float, targets: Sequence[str], **options: Any) -> Request:
    """The transcript is the last sequence."""
    speech = options.pop("speech", False)
    name = options.pop("name", clip.name)
    specs = [SequenceSpec(code, cascade_weight=weight, speech=speech) for code in targets]
    specs.append(SequenceSpec(clip.language))
    return Request(name, clip.samples, tuple(specs), transcript=len(targets), **options)


@functools.cache
def expected(index: int) -> tuple[tuple[tuple[int, ...], str], ...]:
    """The text of each target of a clip, and which of both it is, by requests of their own alone."""
    clip = clips()[index]
    (direct,) = HypothesisHarness().run(request(clip, 0.0, others(clip)))
    transcript = SourceText(text(direct, 3).strip(), clip.language)
    heard = [each.log_probability for each in of(direct, TokenDecoded) if each.sequence == 3]
    weight = 1.0 if min(heard) >= SURE else WEIGHT
    chosen = []
    for sequence, code in enumerate(others(clip)):
        draft = tokens(direct, sequence)
        (made,) = HypothesisHarness().run(Request("read", transcript, (SequenceSpec(code),)))
        reading = tokens(made, 0)
        by_speech = scores(clip.samples, code, draft)
        if min(by_speech) >= SURE:
            chosen.append((draft, "sure"))
            continue
        if reading == draft:
            chosen.append((draft, "both"))
            continue
        sums = [
            math.fsum(scores(clip.samples, code, each)) + weight * math.fsum(scores(transcript, code, each))
            for each in (draft, reading)
        ]
        chosen.append((reading, "reading") if sums[1] > sums[0] else (draft, "draft"))
    return tuple(chosen)


CHOSEN = range(0, 20, 2)


@pytest.mark.host_alone
def test_the_text_with_the_higher_score_is_taken_alone_and_among_mates() -> None:
    """Both texts and all four scores come from requests of their own."""
    requests = [request(clips()[index], WEIGHT, others(clips()[index])) for index in CHOSEN]
    kinds: set[str] = set()
    for index, mated in zip(CHOSEN, HypothesisHarness().run(*requests), strict=True):
        (alone,) = HypothesisHarness().run(request(clips()[index], WEIGHT, others(clips()[index])))
        for sequence, (wanted, kind) in enumerate(expected(index)):
            assert tokens(alone, sequence) == tokens(mated, sequence) == wanted, (index, sequence, kind)
            assert text(alone, sequence) == text(mated, sequence)
            kinds.add(kind)
    assert kinds == {"sure", "both", "draft", "reading"}, "of each there is one"


def first_of(kind: str) -> tuple[Clip, str, tuple[int, ...]]:
    for index in CHOSEN:
        for sequence, (wanted, found) in enumerate(expected(index)):
            if found == kind:
                return clips()[index], others(clips()[index])[sequence], wanted
    raise AssertionError(f"no text is {kind}")


@pytest.mark.host_alone
@pytest.mark.parametrize("kind", ["sure", "both", "draft", "reading"])
def test_the_text_that_is_taken_is_spoken(kind: str) -> None:
    """The units are those of the speech with this text given."""
    clip, code, wanted = first_of(kind)
    (events,) = HypothesisHarness().run(request(clip, WEIGHT, [code], speech=True, source_times=True))
    given = SequenceSpec(code, given_token_ids=wanted, speech=True)
    (alone,) = HypothesisHarness().run(Request("given", clip.samples, (given,)))
    assert tokens(events, 0) == wanted
    assert [each.units for each in of(events, UnitsPredicted)] == [
        each.units for each in of(alone, UnitsPredicted)
    ]
    times = [each.source_ms for each in of(events, TokenDecoded) if each.sequence == 0]
    assert sum(each is not None for each in times[len(times) // 2 :]) > 1, "some tokens attend to no place"


@pytest.mark.host_alone
def test_a_request_never_holds_more_slots_than_it_has_texts() -> None:
    index = next(n for n in CHOSEN if [kind for _, kind in expected(n)].count("sure") < 2)
    house = HypothesisHarness()
    house.scheduler.add(request(clips()[index], WEIGHT, others(clips()[index])))
    held = []
    while house.scheduler.has_work:
        house.step()
        held.append(len(house.scheduler.slot_owners))
    assert max(held) == 4
    assert held[-1] == 0


@pytest.mark.host_alone
@pytest.mark.parametrize("steps", [1, 5, 20, 30, 40, 50, 60])
def test_an_abort_at_any_time_frees_the_slots_and_harms_nobody(steps: int) -> None:
    clip, mate = clips()[0], clips()[2]
    house = HypothesisHarness()
    house.scheduler.add(request(clip, WEIGHT, others(clip)[:1]))
    house.scheduler.add(request(mate, WEIGHT, others(mate)[:1], name="mate"))
    for _ in range(steps):
        if house.scheduler.has_work:
            house.step()
    house.scheduler.abort(clip.name)
    (events,) = house.run(request(clip, 0.0, others(clip)[:1], name="after"))  # to the end of all
    assert tokens(house.events["mate"], 0) == expected(2)[0][0]
    assert of(events, RequestFinished)


class _Unencoded:
    """A runner whose encoding of transcripts fails."""

    def __init__(self, runner: Any) -> None:
        self._runner = runner

    def execute(self, plan: StepPlan) -> StepResult:
        result = self._runner.execute(plan)
        refused = {item.request_id for item in plan.encode if item.sequences}
        kept = [
            each
            for each in result.results
            if not (isinstance(each, EncodeResult) and each.request_id in refused)
        ]
        failures = tuple(ItemFailure(name, None, Stage.ENCODE, "poisoned") for name in refused)
        return StepResult(tuple(kept), (*result.failures, *failures), result.stages)


def test_without_its_transcript_a_translation_is_that_of_the_speech() -> None:
    clip, code, _ = first_of("reading")
    house = HypothesisHarness()
    (direct,) = HypothesisHarness().run(request(clip, 0.0, [code]))
    house = HypothesisHarness(runner=_Unencoded(house.runner.runner))  # type: ignore[arg-type]
    (events,) = house.run(request(clip, WEIGHT, [code]))
    assert tokens(events, 0) == tokens(direct, 0)
    assert [each.status for each in of(events, SequenceFinished)] == [FinishStatus.OK] * 2


def test_a_transcript_that_fails_takes_no_translation_with_it() -> None:
    clip, code, _ = first_of("reading")
    (direct,) = HypothesisHarness().run(request(clip, 0.0, [code]))
    house = HypothesisHarness()
    house.runner.fails.add((SequenceKey(clip.name, 1), Stage.DECODE))
    (events,) = house.run(request(clip, WEIGHT, [code]))
    assert tokens(events, 0) == tokens(direct, 0)
    assert {each.sequence: each.status for each in of(events, SequenceFinished)} == {
        0: FinishStatus.OK,
        1: FinishStatus.FAILED,
    }


def test_a_text_in_the_language_that_is_spoken_is_not_read_again() -> None:
    clip = clips()[0]
    house = HypothesisHarness()
    house.run(request(clip, WEIGHT, [clip.language]))
    assert not [item for plan in house.runner.plans for item in plan.encode if _is_of_text(item)]


def _is_of_text(item: EncodeItem) -> bool:
    return isinstance(item.source, tuple)


@pytest.mark.host_alone
def test_terms_are_placed_in_the_text_that_is_taken() -> None:
    clip, code, wanted = first_of("reading")
    (plain,) = HypothesisHarness().run(request(clip, WEIGHT, [code]))
    word = text(plain, 1).split()[0].strip("¿?¡!.,")  # the first one of the transcript
    unsaid, said = (
        HypothesisHarness().run(request(clip, WEIGHT, [code], terms=(term,)))[0]
        for term in (Term("xylophone", "xilofono", code), Term(word, "Zebra", code))
    )
    assert tokens(unsaid, 0) == wanted
    assert "Zebra" in text(said, 0)


@pytest.mark.host_alone
def test_a_transcript_that_says_a_term_is_read_as_any_other() -> None:
    """Also by translations that end while terms are looked for in it, one step after its own end."""
    for clip in clips()[1::2]:
        words = [word.strip("¿?¡!.,") for word in clip.texts[clip.language].split()]
        terms = tuple(Term(word, "Zebra", "ita") for word in words if word.isalpha())  # for none of them
        house = HypothesisHarness()
        told = [
            house.run(request(clip, WEIGHT, others(clip), name=f"{clip.name} {len(each)}", terms=each))[0]
            for each in ((), terms)
        ]
        read = [item.request_id for plan in house.runner.plans for item in plan.encode if _is_of_text(item)]
        assert len({read.count(each) for each in (f"{clip.name} 0", f"{clip.name} {len(terms)}")}) == 1
        assert [tokens(told[0], each) for each in range(4)] == [tokens(told[1], each) for each in range(4)]


@pytest.mark.parametrize(
    ("specs", "transcript", "field"),
    [
        ([SequenceSpec("spa", cascade_weight=-1.0), SequenceSpec("eng")], 1, "sequences[0].cascade_weight"),
        (
            [SequenceSpec("spa", cascade_weight=math.nan), SequenceSpec("eng")],
            1,
            "sequences[0].cascade_weight",
        ),
        ([SequenceSpec("spa", cascade_weight=0.3), SequenceSpec("eng")], None, "sequences[0].cascade_weight"),
        ([SequenceSpec("spa", cascade_weight=0.3), SequenceSpec("eng")], 5, "sequences[0].cascade_weight"),
        ([SequenceSpec("spa", cascade_weight=0.3), SequenceSpec("eng")], 0, "sequences[0].cascade_weight"),
        (
            [SequenceSpec("spa", cascade_weight=0.3, num_beams=2), SequenceSpec("eng")],
            1,
            "sequences[0].cascade_weight",
        ),
        (
            [SequenceSpec("spa", cascade_weight=0.3), SequenceSpec("eng", speech=True)],
            1,
            "sequences[0].cascade_weight",
        ),
    ],
)
def test_what_has_no_transcript_to_read_is_refused(
    specs: list[SequenceSpec], transcript: int | None, field: str
) -> None:
    house = HypothesisHarness()
    asked = Request("r", clips()[0].samples, tuple(specs), transcript=transcript)
    with pytest.raises((InvalidArgument, OutOfRange)) as refused:
        validate(asked, house.scheduler.limits, house.runner.runner.capabilities, house.tokenizer)
    assert refused.value.field == field


def test_a_typed_text_is_its_own_transcript() -> None:
    house = HypothesisHarness()
    specs = SequenceSpec("spa", cascade_weight=0.3), SequenceSpec("eng")
    asked = Request("r", SourceText("Hello.", "eng"), specs, transcript=1)
    with pytest.raises(InvalidArgument, match="of speech that has a transcript"):
        validate(asked, house.scheduler.limits, house.runner.runner.capabilities, house.tokenizer)
