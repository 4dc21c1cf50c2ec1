"""How sure the model is of each text, at the end of its utterance; and the warning of an unsure one."""

from __future__ import annotations

import asyncio
import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import pytest

from tests.fakes.engine_script import Script, ScriptedRequest, ScriptedSequence
from tests.session.harness import (
    RATE_HZ,
    check_contract,
    chunks,
    collect,
    config,
    converse,
    house,
    of,
    speak,
    texts,
    utterances,
)
from tests.session.one_shot.one_shot_calls import S16 as OUTPUT
from tests.session.simultaneous.test_continued_utterances import LONG
from tests.virtual_time import virtual_time
from translate_svc.confidence import UNCALIBRATED, Agreement, ConfidenceRule, Logistic, Threshold
from translate_svc.engine.request import Request, SourceText
from translate_svc.errors import OutOfRange, ResourceExhausted, TranslateSvcError
from translate_svc.types import (
    ClearInput,
    ClientMessage,
    EndInput,
    GuardSettings,
    Inspect,
    Opened,
    SessionEvent,
    SimultaneousSettings,
    SpeechChunk,
    StreamConfig,
    StreamWarning,
    TargetSettings,
    Term,
    TextConfidence,
    TextDelta,
    TranslateRequest,
    UtteranceDone,
    UtteranceStatus,
)

RULE = ConfidenceRule(
    Logistic(-2.5, (-1.0, -2.0, 0.0)),
    Logistic(-3.0, (-1.0, -1.0, 0.0, -1.0, -1.0, 0.0)),
    threshold=Threshold(0.0, 0.0),
)
COMPARING = dataclasses.replace(
    RULE, with_agreement=Logistic(-3.0, (-1.0, -1.0, 0.0, -1.0, -1.0, 0.0, -0.5, -1.0, -0.25, -0.75))
)
SURE, UNSURE = -0.1, -1.5
HEARD: dict[str, Any] = {"source_language": "en", "include": frozenset({Inspect.TRANSCRIPT})}
TWO = (TargetSettings("es"), TargetSettings("fr", speech=False))


def answer(*log_probabilities: float, **options: object) -> Script:
    """Texts of two tokens, one of these log-probabilities for each sequence."""

    def script(request: Request) -> ScriptedRequest:
        return ScriptedRequest(
            tuple(
                ScriptedSequence(log_probability=each, **options)  # type: ignore[arg-type]
                for each in log_probabilities[: len(request.sequences)]
            )
        )

    return script


def stream(
    script: Script,
    asked: StreamConfig,
    messages: Sequence[ClientMessage] = (),
    rule: ConfidenceRule = RULE,
    *,
    server_warns: bool = True,
    cascade_weight: float = 0.0,
) -> list[SessionEvent]:
    async def scenario() -> list[SessionEvent]:
        async with house(script) as home:
            home.negotiator = dataclasses.replace(
                home.negotiator,
                confidence=rule,
                warn_low_confidence=server_warns,
                cascade_weight=cascade_weight,
            )
            return await converse(home.open(asked), messages or chunks(utterances(1)))

    with virtual_time() as runner:
        events = runner.run(scenario())
    check_contract(events)
    return events


def warned(events: Sequence[SessionEvent]) -> list[tuple[int | None, str | None]]:
    return [
        (each.utterance_id, each.language)
        for each in of(events, StreamWarning)
        if each.code == "low_confidence"
    ]


def test_each_text_has_a_confidence_and_the_unsure_one_a_warning() -> None:
    events = stream(answer(SURE, UNSURE), config(*TWO))
    (done,) = of(events, UtteranceDone)
    assert done.confidences == (
        TextConfidence("spa", False, RULE.confidence([SURE] * 2), True),
        TextConfidence("fra", False, RULE.confidence([UNSURE] * 2), True),
    )
    assert warned(events) == [(0, "fra")]
    assert "0.0" in of(events, StreamWarning)[0].message, "says the number"
    assert texts(events) == {(0, "spa"): "hello world", (0, "fra"): "hello world"}, "delivered all the same"
    assert done.status is UtteranceStatus.OK


def test_an_unsure_text_is_spoken_all_the_same() -> None:
    events = stream(answer(UNSURE), config())
    assert warned(events) == [(0, "spa")]
    assert of(events, SpeechChunk)[-1].final


def test_the_transcript_counts_for_the_translation_and_has_a_confidence_of_its_own() -> None:
    asked = config(TargetSettings("es"), source_language="en", include=frozenset({Inspect.TRANSCRIPT}))
    for heard in (SURE, UNSURE):
        (done,) = of(stream(answer(-0.4, heard), asked), UtteranceDone)
        assert done.confidences == (
            TextConfidence("spa", False, RULE.confidence([-0.4] * 2, [heard] * 2), True),
            TextConfidence("eng", True, RULE.confidence([heard] * 2), True),
        )
    sure, unsure = (
        of(stream(answer(-0.4, heard), asked), UtteranceDone)[0].confidences[0].confidence
        for heard in (SURE, UNSURE)
    )
    assert sure > 0.5 > unsure


@pytest.mark.parametrize("heard", [SURE, UNSURE])
def test_a_transcript_that_nobody_asked_for_counts_too(heard: float) -> None:
    events = stream(answer(-0.4, heard), config(source_language="en"), cascade_weight=0.3)
    (done,) = of(events, UtteranceDone)
    assert done.confidences == (TextConfidence("spa", False, RULE.confidence([-0.4] * 2, [heard] * 2), True),)
    assert {each.transcript for each in of(events, TextDelta)} == {False}


@pytest.mark.parametrize(("text", "counts"), [(SURE, False), (-0.4, True)])
def test_and_unsure_translations_alone_are_compared_with_it(text: float, *, counts: bool) -> None:
    script, asked = compared(text, SURE, UNSURE), config(source_language="en")
    (done,) = of(stream(script, asked, rule=COMPARING, cascade_weight=0.3), UtteranceDone)
    read = Agreement((UNSURE,) * 2, (UNSURE,) * 2) if counts else Agreement()
    expected = COMPARING.confidence([text] * 2, [SURE] * 2, read)
    assert [each.confidence for each in done.confidences] == [pytest.approx(expected)]


def test_but_not_one_that_each_hypothesis_makes_anew() -> None:
    asked = config(
        TargetSettings("es", speech=False),
        source_language="en",
        simultaneous=SimultaneousSettings(step_ms=640),
        terms=(Term("Zebra", "cebra", "es"),),
    )
    (done,) = of(stream(answer(SURE, UNSURE), asked, chunks(utterances(1))), UtteranceDone)
    heard = RULE.confidence([SURE] * 2)
    assert done.confidences[0].confidence == pytest.approx(heard)


def test_a_target_that_is_the_transcript_itself_is_as_sure() -> None:
    asked = config(TargetSettings("en", speech=False), TargetSettings("es"), **HEARD)
    (done,) = of(stream(answer(UNSURE, UNSURE, SURE), asked), UtteranceDone)
    echo, translation, transcript = (each.confidence for each in done.confidences)
    assert echo == transcript == RULE.confidence([SURE] * 2)
    assert translation < transcript


def test_a_target_without_text_has_a_confidence_too() -> None:
    events = stream(answer(UNSURE), config(TargetSettings("es", text=False)))
    assert of(events, TextDelta) == []
    assert [each.language for each in of(events, UtteranceDone)[0].confidences] == ["spa"]
    assert warned(events) == [(0, "spa")]


def test_no_warning_comes_after_its_utterance() -> None:
    events = stream(answer(UNSURE), config(), chunks(utterances(3)))
    ends = [each for each in events if isinstance(each, UtteranceDone | StreamWarning)]
    assert [type(each) for each in ends] == [StreamWarning, UtteranceDone] * 3
    assert [each.utterance_id for each in ends[::2]] == [each.utterance_id for each in ends[1::2]]


@pytest.mark.parametrize(("by_client", "by_server"), [(False, True), (True, False), (False, False)])
def test_client_and_server_switch_the_warning_but_not_the_confidence(
    by_client: bool, by_server: bool
) -> None:
    asked = config(guards=GuardSettings(low_confidence=by_client))
    events = stream(answer(UNSURE), asked, server_warns=by_server)
    assert warned(events) == []
    assert of(events, UtteranceDone)[0].confidences[0].confidence < 0.5
    assert of(events, Opened)[0].config.settings.guards == GuardSettings(low_confidence=False)


def test_without_a_calibration_it_says_so_and_warns_of_nothing() -> None:
    events = stream(answer(-9.0), config(), rule=UNCALIBRATED)
    (done,) = of(events, UtteranceDone)
    assert done.confidences == (TextConfidence("spa", False, math.exp(-9.0), False),)
    assert warned(events) == []


def test_what_is_empty_or_failed_has_no_confidence() -> None:
    (done,) = of(stream(answer(UNSURE, deltas=()), config()), UtteranceDone)
    assert (done.status, done.confidences) == (UtteranceStatus.EMPTY, ())
    events = stream(answer(UNSURE, fail_after_tokens=1), config())
    assert (of(events, UtteranceDone)[0].confidences, warned(events)) == ((), [])


def test_a_hypothesis_s_tokens_count_as_one_text_at_the_utterance_s_end() -> None:
    """Each hypothesis commits two tokens; those of the first are unsure, the later ones would be sure
    alone.
    """
    hypotheses: list[Request] = []

    def script(request: Request) -> ScriptedRequest:
        hypotheses.append(request)
        return answer(UNSURE if len(hypotheses) == 1 else SURE)(request)

    asked = config(TargetSettings("es", speech=False), simultaneous=SimultaneousSettings(step_ms=640))
    events = stream(script, asked, chunks(utterances(1, speech_s=3.0)))
    (done,) = of(events, UtteranceDone)
    assert len(hypotheses) > 2
    heard = [UNSURE] * 2 + [SURE] * 2 * (len(hypotheses) - 1)
    assert [each.confidence for each in done.confidences] == [RULE.confidence(heard)]
    first_text = next(index for index, each in enumerate(events) if isinstance(each, TextDelta))
    assert all(first_text < index for index, each in enumerate(events) if isinstance(each, StreamWarning))


def test_each_of_two_utterances_that_continue_each_other_has_its_own() -> None:
    asked = config(
        TargetSettings("es", speech=False),
        simultaneous=SimultaneousSettings(step_ms=640, max_buffer_ms=6_000),
    )
    done = of(stream(answer(SURE), asked, chunks(LONG, 3_200)), UtteranceDone)
    assert len(done) > 1
    assert all(len(each.confidences) == 1 for each in done)


def compared(text: float, heard: float, read: float, *, wait_s: float = 0.01) -> Script:
    """Translations of ``text``, a transcript of ``heard``; the comparisons say ``read`` after ``wait_s``."""

    def script(request: Request) -> ScriptedRequest:
        if not isinstance(request.source, SourceText):
            scores = [text] * (len(request.sequences) - 1) + [heard]
            return ScriptedRequest(tuple(ScriptedSequence(log_probability=each) for each in scores))
        slow = ScriptedSequence(log_probability=read, token_interval_s=wait_s)
        return ScriptedRequest((slow,) * len(request.sequences))

    return script


def comparisons(requests: Sequence[Request]) -> list[Request]:
    return [each for each in requests if isinstance(each.source, SourceText)]


def test_transcript_and_translations_are_compared_both_ways() -> None:
    async def scenario() -> tuple[list[Request], list[SessionEvent]]:
        async with house(compared(-0.4, SURE, UNSURE)) as home:
            home.negotiator = dataclasses.replace(home.negotiator, confidence=COMPARING)
            events = await converse(home.open(config(*TWO, **HEARD)), chunks(utterances(1)))
            return home.engine.submitted, events

    with virtual_time() as runner:
        requests, events = runner.run(scenario())
    check_contract(events)
    spoken, *read = requests
    said = texts(events)
    heard = texts(events, transcript=True)[0, "eng"]
    assert comparisons(read) == read
    assert [each.source for each in read] == [
        SourceText(heard, "eng"),
        SourceText(said[0, "spa"], "spa"),
        SourceText(said[0, "fra"], "fra"),
    ]
    given = [[(spec.language, len(spec.given_token_ids)) for spec in each.sequences] for each in read]
    tokens = len(ScriptedSequence().deltas)
    assert given == [[("spa", tokens), ("fra", tokens)], [("eng", tokens)], [("eng", tokens)]]
    assert len({spoken.request_id, *(each.request_id for each in read)}) == 4
    agreement = Agreement((UNSURE,) * (tokens + 1), (UNSURE,) * (tokens + 1))
    expected = COMPARING.confidence([-0.4] * tokens, [SURE] * tokens, agreement)
    (done,) = of(events, UtteranceDone)
    assert [each.confidence for each in done.confidences] == [
        expected,
        expected,
        RULE.confidence([SURE] * tokens),
    ]
    assert expected < RULE.confidence([-0.4] * tokens, [SURE] * tokens)


def test_a_translation_that_disagrees_with_the_transcript_is_flagged() -> None:
    for read, flagged in ((SURE, []), (-9.0, [(0, "spa")])):
        events = stream(compared(-0.4, SURE, read), config(TargetSettings("es"), **HEARD), rule=COMPARING)
        assert warned(events) == flagged


@pytest.mark.parametrize("rule", [RULE, UNCALIBRATED])
def test_without_a_rule_for_it_nothing_is_compared(rule: ConfidenceRule) -> None:
    assert _submitted(config(TargetSettings("es"), **HEARD), rule) == 1


def test_without_a_transcript_or_in_simultaneous_translation_nothing_is_compared() -> None:
    assert _submitted(config(TargetSettings("es")), COMPARING) == 1
    asked = config(
        TargetSettings("es", speech=False), simultaneous=SimultaneousSettings(step_ms=640), **HEARD
    )
    assert _submitted(asked, COMPARING, comparing=True) == 0


def _submitted(asked: StreamConfig, rule: ConfidenceRule, *, comparing: bool = False) -> int:
    """Requests of one utterance, or the comparisons among them."""

    async def scenario() -> list[Request]:
        async with house(compared(-0.4, SURE, SURE)) as home:
            home.negotiator = dataclasses.replace(home.negotiator, confidence=rule)
            check_contract(await converse(home.open(asked), chunks(utterances(1))))
            return home.engine.submitted

    with virtual_time() as runner:
        requests = runner.run(scenario())
    return len(comparisons(requests)) if comparing else len(requests)


@pytest.mark.parametrize("error", [ResourceExhausted("full", retry_after_s=1.0), OutOfRange("is too long")])
def test_a_comparison_that_the_engine_refuses_is_left_out(error: TranslateSvcError) -> None:
    async def scenario() -> list[SessionEvent]:
        def script(request: Request) -> ScriptedRequest:
            if not isinstance(request.source, SourceText):
                home.engine.refuse_next(error)
            return compared(-0.4, SURE, -9.0)(request)

        async with house(script) as home:
            home.negotiator = dataclasses.replace(home.negotiator, confidence=COMPARING)
            return await converse(home.open(config(TargetSettings("es"), **HEARD)), chunks(utterances(1)))

    with virtual_time() as runner:
        events = runner.run(scenario())
    check_contract(events)
    (done,) = of(events, UtteranceDone)
    tokens = len(ScriptedSequence().deltas)
    assert done.confidences[0].confidence == RULE.confidence([-0.4] * tokens, [SURE] * tokens)


def test_what_is_cleared_is_no_longer_compared() -> None:
    async def scenario() -> None:
        async with house(compared(-0.4, SURE, SURE, wait_s=1_000.0)) as home:
            home.negotiator = dataclasses.replace(home.negotiator, confidence=COMPARING)
            session = home.open(config(TargetSettings("es", speech=False), **HEARD))
            reader = asyncio.create_task(collect(session))
            await speak(session, utterances(1))
            await asyncio.sleep(100)
            assert len(comparisons(home.engine.submitted)) == 1, "one after another"
            assert len(home.engine.live_request_ids) == 1
            await session.receive(ClearInput())
            assert home.engine.live_request_ids == frozenset()
            await session.receive(EndInput(2 * RATE_HZ))
            events = await reader
        check_contract(events)
        (done,) = of(events, UtteranceDone)
        assert done.status is UtteranceStatus.CLEARED

    with virtual_time() as runner:
        runner.run(scenario())


BY_SOURCE = dataclasses.replace(
    RULE, with_source=Logistic(-2.0, (-0.5, -0.5, 0.0, -1.0, -1.0)), source_threshold=Threshold(0.0, 0.0)
)


def test_a_typed_text_is_compared_with_its_translations_and_judged_by_a_rule_of_its_own() -> None:
    async def scenario(read: float) -> tuple[list[Request], list[SessionEvent]]:
        def script(request: Request) -> ScriptedRequest:
            given = request.sequences[0].is_given
            sequence = ScriptedSequence(log_probability=read if given else SURE)
            return ScriptedRequest((sequence,) * len(request.sequences))

        async with house(script) as home:
            home.negotiator = dataclasses.replace(home.negotiator, confidence=BY_SOURCE)
            targets = (TargetSettings("es", speech=False), TargetSettings("fr", speech=False))
            call = TranslateRequest("Where is it?", targets, OUTPUT, "en")
            return home.engine.submitted, await collect(home.translate(call))

    for read, flagged in ((SURE, []), (-9.0, [(0, "spa"), (0, "fra")])):
        with virtual_time() as runner:
            (_, *asked), events = runner.run(scenario(read))
        said = texts(events)
        compared = [each for each in asked if each.sequences[0].is_given]
        assert len(asked) == len(compared) + len(flagged), (
            "where it is unsure, the model also writes the text"
        )
        assert [each.source for each in compared] == [
            SourceText(said[0, "spa"], "spa"),
            SourceText(said[0, "fra"], "fra"),
        ]
        assert [[(spec.language, spec.given_text) for spec in each.sequences] for each in compared] == [
            [("eng", "Where is it?")]
        ] * 2
        assert warned(events) == flagged
        (done,) = of(events, UtteranceDone)
        scores = (read,) * (3 + 1)
        expected = BY_SOURCE.confidence([SURE] * 2, (), Agreement(transcript=scores))
        assert [each.confidence for each in done.confidences] == [expected] * 2


@pytest.mark.parametrize(
    ("typed", "written", "is_same"),
    [
        ("where is it", "Where is it?", True),
        ("ou est-il", "Ou est-il ?", True),
        ("where is it", "Where is she?", False),
        ("where is it", "", False),
        ("schon", "Schön.", False),
    ],
)
def test_a_text_typed_carelessly_counts_as_the_model_writes_it(
    typed: str, written: str, is_same: bool
) -> None:
    def script(request: Request) -> ScriptedRequest:
        (spec,) = request.sequences
        if spec.is_given:
            return ScriptedRequest((ScriptedSequence(log_probability=-9.0),))
        if spec.language == "eng":
            deltas = tuple(written[start : start + 4] for start in range(0, len(written), 4))
            return ScriptedRequest((ScriptedSequence(deltas, log_probability=SURE / 2),))
        return ScriptedRequest((ScriptedSequence(log_probability=SURE),))

    async def scenario() -> list[SessionEvent]:
        async with house(script) as home:
            home.negotiator = dataclasses.replace(home.negotiator, confidence=BY_SOURCE)
            call = TranslateRequest(typed, (TargetSettings("es", speech=False),), OUTPUT, "en")
            return await collect(home.translate(call))

    with virtual_time() as runner:
        events = runner.run(scenario())
    assert texts(events) == {(0, "spa"): "hello world"}, "what is compared is told to nobody"
    assert warned(events) == ([] if is_same else [(0, "spa")])
    own = (SURE / 2,) * -(-len(written) // 4)
    given = (-9.0,) * (len(typed.split()) + 1)
    agreement = Agreement(transcript=own if is_same else given)
    (done,) = of(events, UtteranceDone)
    assert done.confidences[0].confidence == BY_SOURCE.confidence([SURE] * 2, (), agreement)
