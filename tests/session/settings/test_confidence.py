"""How sure the model is of each text, at the end of its utterance; and the warning of an unsure one."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import pytest

from tests.fakes.engine_script import Script, ScriptedRequest, ScriptedSequence
from tests.session.harness import check_contract, chunks, config, converse, house, of, texts, utterances
from tests.session.simultaneous.test_continued_utterances import LONG
from tests.virtual_time import virtual_time
from translate_svc.engine.request import Request
from translate_svc.models.confidence.rule import UNCALIBRATED, ConfidenceRule, Logistic, Threshold
from translate_svc.types import (
    ClientMessage,
    GuardSettings,
    Inspect,
    Opened,
    SessionEvent,
    SimultaneousSettings,
    SpeechChunk,
    StreamConfig,
    StreamWarning,
    TargetSettings,
    TextConfidence,
    TextDelta,
    UtteranceDone,
    UtteranceStatus,
)

RULE = ConfidenceRule(
    Logistic(-2.5, (-1.0, -2.0, 0.0)),
    Logistic(-3.0, (-1.0, -1.0, 0.0, -1.0, -1.0, 0.0)),
    threshold=Threshold(0.0, 0.0),
)
SURE, UNSURE = -0.1, -1.5
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
) -> list[SessionEvent]:
    async def scenario() -> list[SessionEvent]:
        async with house(script) as home:
            home.negotiator = dataclasses.replace(
                home.negotiator, confidence=rule, warn_low_confidence=server_warns
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


def test_a_draft_s_tokens_count_as_one_text_at_the_utterance_s_end() -> None:
    """Each draft commits two tokens; those of the first are unsure, the later ones would be sure alone."""
    drafts: list[Request] = []

    def script(request: Request) -> ScriptedRequest:
        drafts.append(request)
        return answer(UNSURE if len(drafts) == 1 else SURE)(request)

    asked = config(TargetSettings("es", speech=False), simultaneous=SimultaneousSettings(step_ms=640))
    events = stream(script, asked, chunks(utterances(1, speech_s=3.0)))
    (done,) = of(events, UtteranceDone)
    assert len(drafts) > 2
    heard = [UNSURE] * 2 + [SURE] * 2 * (len(drafts) - 1)
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
