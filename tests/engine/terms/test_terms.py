"""Terms through scheduler and runner, with the starter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from benchmarks.quality.clip import Clip, load_clips
from benchmarks.quality.report import ROOT
from tests.engine.simultaneous.hypothesis_harness import HypothesisHarness, of
from translate_svc.engine.events import (
    FinishStatus,
    SequenceFinished,
    TextFinished,
    TokenDecoded,
    UnitsPredicted,
)
from translate_svc.engine.plan import SequenceKey
from translate_svc.engine.request import Request, SourceText
from translate_svc.engine.scheduling.guides import term_guide
from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.engine.validation import validate
from translate_svc.errors import InvalidArgument
from translate_svc.types import Stage, Term

BAKERY = "The bakery is behind the hospital."
TERM = Term("bakery", "tahona", "spa")


def request(source: Any, *specs: SequenceSpec, name: str = "r", **options: Any) -> Request:
    return Request(name, source, specs, **options)


def typed(text: str, spec: SequenceSpec, *terms: Term) -> Request:
    return request(SourceText(text, "eng"), spec, terms=terms)


def text(events: Sequence[Any], sequence: int = 0) -> str:
    (finished,) = (each for each in of(events, TextFinished) if each.sequence == sequence)
    decoded = [each for each in of(events, TokenDecoded) if each.sequence == sequence]
    assert "".join(each.text for each in decoded) + finished.tail == finished.text, "deltas are the text"
    assert finished.tokens == len(decoded)
    return str(finished.text).strip()


def clips(count: int) -> list[Clip]:
    return load_clips(ROOT / "tests" / "data" / "quality", "one")[:count]


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize("speech", [False, True])
def test_a_term_takes_the_place_of_the_models_own_word(beams: int, speech: bool) -> None:
    spec = SequenceSpec("spa", speech=speech, num_beams=beams)
    plain, events = (HypothesisHarness().run(typed(BAKERY, spec, *terms))[0] for terms in ((), (TERM,)))
    assert text(plain) == "La panadería está detrás del hospital."
    assert text(events) == "La tahona está detrás del hospital."
    given = "".join(each.text for each in of(events, TokenDecoded) if each.given)
    assert given == " tahona"
    own, asked = (of(each, UnitsPredicted) for each in (plain, events))
    assert [each.units for each in own] != [each.units for each in asked] or not speech


def test_a_list_passes_for_a_tuple() -> None:
    (events,) = HypothesisHarness().run(request(SourceText(BAKERY, "eng"), SequenceSpec("spa"), terms=[TERM]))
    assert text(events) == "La tahona está detrás del hospital."


@pytest.mark.host_alone
def test_several_terms_and_words_that_are_kept() -> None:
    for_all = Term("bakery", "Panino")  # where no other is for the language
    terms = (TERM, for_all, Term("Hospital"), Term("bakery", "fournil", "fra"), Term("museum", "museo"))
    (events,) = HypothesisHarness().run(
        request(SourceText(BAKERY, "eng"), *map(SequenceSpec, ("spa", "fra", "deu")), terms=terms)
    )
    assert text(events) == "La tahona está detrás del Hospital."
    assert "fournil" in text(events, 1)
    assert "Hospital" in text(events, 1)
    assert "tahona" not in text(events, 1)
    assert "Panino" in text(events, 2)


@pytest.mark.host_alone
def test_speech_is_searched_by_its_transcript_and_bits_stay_where_nothing_is_said() -> None:
    """The tokens and their probabilities are those without terms, whatever the transcript is asked for."""
    clip = clips(1)[0]  # "Laura will reserve a double room."
    specs = SequenceSpec("spa"), SequenceSpec("eng")
    harness = HypothesisHarness()
    (plain,) = harness.run(request(clip.samples, *specs))
    (unsaid,) = harness.run(request(clip.samples, *specs, name="unsaid", terms=(TERM,), transcript=1))
    decoded = [
        {(each.sequence, each.token_id, each.log_probability, each.text) for each in of(events, TokenDecoded)}
        for events in (plain, unsaid)
    ]
    assert decoded[0] == decoded[1]
    room = Term("double room", "alcoba")
    (timed,) = harness.run(request(clip.samples, *specs, name="timed", source_times=True))
    options: dict[str, Any] = {"terms": (room,), "transcript": 1, "source_times": True}
    (said,) = harness.run(request(clip.samples, *specs, name="said", **options))
    assert "alcoba" in text(said)
    assert text(said, 1) == text(plain, 1)
    own, term = (
        next(each.source_ms for each in of(events, TokenDecoded) if each.text == piece)
        for events, piece in ((timed, " do"), (said, " al"))
    )
    assert own is not None
    assert term == pytest.approx(own, abs=160), "the term has the time of the word in whose place it stands"


@pytest.mark.host_alone
def test_a_text_that_waits_for_its_transcript_takes_no_steps() -> None:
    """Whichever ends first."""
    earlier = 0
    for clip in [each for each in clips(64) if each.language == "fra"][:4]:
        harness = HypothesisHarness()
        specs, unsaid = (SequenceSpec("eng"), SequenceSpec("fra")), Term("boulangerie", "bakehouse")
        (events,) = harness.run(request(clip.samples, *specs, terms=(unsaid,), transcript=1))
        tokens = [each.tokens for each in sorted(of(events, TextFinished), key=lambda each: each.sequence)]
        steps = [item.key.sequence for plan in harness.runner.plans for item in plan.decode]
        assert [steps.count(sequence) for sequence in (0, 1)] == [count + 1 for count in tokens]
        earlier += tokens[0] < tokens[1]
    assert earlier


@pytest.mark.host_alone
def test_a_failed_transcript_says_nothing() -> None:
    clip = clips(1)[0]
    harness = HypothesisHarness()
    harness.runner.fails.add((SequenceKey("r", 1), Stage.DECODE))
    specs = SequenceSpec("spa"), SequenceSpec("eng")
    (events,) = harness.run(request(clip.samples, *specs, terms=(Term("room", "alcoba"),), transcript=1))
    assert "alcoba" not in text(events)
    assert len(of(events, SequenceFinished)) == 2


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"terms": (Term("bakery", "Łódź"),)}, "terms[0]"),
        ({"terms": (Term("b", "x" * 65),)}, "terms[0]"),
        ({"terms": (TERM, Term("bakery", "tahon\udce1"))}, "terms[1]"),  # of bytes that are no UTF-8
        ({"terms": (Term("p\udce3o"),)}, "terms[0]"),
        ({"terms": (TERM,) * 501}, "terms"),
        ({"terms": (TERM,), "source": np.zeros(16_000, np.float32)}, "transcript"),
    ],
)
def test_refusals(options: dict[str, Any], field: str) -> None:
    harness = HypothesisHarness()
    source = options.pop("source", SourceText(BAKERY, "eng"))
    capabilities = harness.runner.runner.capabilities
    made = request(source, SequenceSpec("spa"), **options)
    with pytest.raises(InvalidArgument) as caught:
        validate(made, harness.scheduler.limits, capabilities, harness.tokenizer)
    assert caught.value.field == field


def test_a_growing_text_takes_terms_before_it_is_committed_and_keeps_what_was_committed() -> None:
    """Each hypothesis has a transcript of its own. What was committed is never taken back."""
    clip = clips(11)[10]  # "Did my brother make a salad?"
    specs = SequenceSpec("spa"), SequenceSpec("eng")
    told = []
    for terms in ((), (Term("brother", "hermanito", "spa"),)):
        ends = [*range(16_000, len(clip.samples), 8_000), len(clip.samples)]
        harness = HypothesisHarness()
        made = harness.hypotheses(clip.samples, ends, specs, terms=terms, transcript=1)
        tokens = (each for events in made for each in of(events, TokenDecoded))
        told.append("".join(each.text for each in tokens if each.sequence == 0))
    assert "hermano" in told[0]
    assert "hermanito" in told[1]
    assert "hermano" not in told[1]


def test_an_error_of_terms_fails_its_text_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(term_guide, "revise", broken)
    mate = request(SourceText(BAKERY, "eng"), SequenceSpec("spa"), name="mate")
    events, beside = HypothesisHarness().run(typed(BAKERY, SequenceSpec("spa"), TERM), mate)
    (ended,) = of(events, SequenceFinished)
    assert (ended.status, ended.error) == (FinishStatus.FAILED, "text: ZeroDivisionError")
    assert text(beside) == "La panadería está detrás del hospital."
