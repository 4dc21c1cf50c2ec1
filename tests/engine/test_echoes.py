"""Texts in the language that is spoken, beside its transcript, with the starter."""

from __future__ import annotations

import functools
from dataclasses import replace

import pytest

from benchmarks.quality.clip import Clip, load_clips
from benchmarks.quality.report import ROOT
from tests.engine.simultaneous.hypothesis_harness import LIMITS, HypothesisHarness, of
from tests.engine.text_events import tokens
from translate_svc.engine.events import (
    FinishStatus,
    SequenceFinished,
    UnitsPredicted,
)
from translate_svc.engine.plan import SequenceKey
from translate_svc.engine.request import Request
from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.types import Stage, Term

OTHER = {"eng": "spa", "spa": "eng", "fra": "eng", "deu": "eng"}


def request(clip: Clip, retries: int = 2, *, weight: float = 0.3, speech: bool = False) -> Request:
    """The text in its own language, a translation, and the transcript."""
    echo = SequenceSpec(clip.language, cascade_weight=weight, speech=speech)
    specs = (echo, replace(echo, language=OTHER[clip.language]), SequenceSpec(clip.language, retries=retries))
    return Request(clip.name, clip.samples, specs, transcript=2)


@functools.cache
def heard_again() -> list[Clip]:
    """Those whose transcript is another one at another speed."""
    clips = load_clips(ROOT / "tests" / "data" / "quality", "several")
    clips = [clip for clip in clips if len(clip.samples) <= 0.9 * LIMITS.max_source_samples]
    drafts = [HypothesisHarness().run(request(clip, 0, weight=0.0))[0] for clip in clips]
    told = [HypothesisHarness().run(request(clip, weight=0.0))[0] for clip in clips]
    found = zip(clips, drafts, told, strict=True)
    return [clip for clip, draft, events in found if tokens(draft, 2) != tokens(events, 2)]


@pytest.mark.host_alone
@pytest.mark.parametrize("terms", [(), (Term("Zebra"),)])
def test_it_is_that_of_the_transcript_alone_and_among_mates(terms: tuple[Term, ...]) -> None:
    """Nobody is shown two texts of the same words."""
    assert heard_again()
    requests = [replace(request(clip), terms=terms) for clip in heard_again()]
    for asked, mated in zip(requests, HypothesisHarness().run(*requests), strict=True):
        (alone,) = HypothesisHarness().run(asked)
        assert tokens(alone, 0) == tokens(mated, 0) == tokens(alone, 2) == tokens(mated, 2) != ()
        (plain,) = HypothesisHarness().run(replace(asked, sequences=asked.sequences[1:], transcript=1))
        assert tokens(alone, 1) == tokens(plain, 0), "the translation is as without"


@pytest.mark.host_alone
def test_what_is_spoken_is_the_text_that_is_taken() -> None:
    clip = heard_again()[0]
    (events,) = HypothesisHarness().run(request(clip, speech=True))
    given = SequenceSpec(clip.language, given_token_ids=tokens(events, 2), speech=True)
    (alone,) = HypothesisHarness().run(Request("given", clip.samples, (given,)))
    spoken = [each.units for each in of(events, UnitsPredicted) if each.sequence == 0]
    assert spoken == [each.units for each in of(alone, UnitsPredicted)]


@pytest.mark.host_alone
def test_without_the_transcript_it_is_what_was_heard_first() -> None:
    clip = heard_again()[0]
    (draft,) = HypothesisHarness().run(request(clip, 0, weight=0.0))
    house = HypothesisHarness()
    house.runner.fails.add((SequenceKey(clip.name, 2), Stage.DECODE))
    (events,) = house.run(request(clip))
    assert tokens(events, 0) == tokens(draft, 0)
    ended = {each.sequence: each.status for each in of(events, SequenceFinished)}
    assert ended == {0: FinishStatus.OK, 1: FinishStatus.OK, 2: FinishStatus.FAILED}
    assert not house.scheduler.slot_owners
