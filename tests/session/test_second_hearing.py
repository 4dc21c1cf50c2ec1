"""Recordings whose doubtful cuts the model takes back: one script says how sure it is of which piece."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.fakes.engine_script import Script, ScriptedRequest, ScriptedSequence, samples_of
from tests.session.doubtful_cuts import (
    CLEAR_PAUSE_S,
    FLAGS_BELOW_A_HALF,
    JUST_TRIED,
    SENTENCE_S,
    SHORT_PAUSE_S,
    SURE,
    UNSURE,
    VAD,
    WHOLE_S,
    fewer_words_in_two,
    play,
    recording,
    sure_of_all,
    sure_of_two,
    unsure_of_all,
)
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
)
from translate_svc.engine.request import Request
from translate_svc.types import (
    ClearInput,
    Closed,
    EndInput,
    Progress,
    Segmentation,
    SessionEvent,
    SpeechChunk,
    SpeechEnded,
    SpeechStarted,
    StreamSettings,
    TargetSettings,
    TextDelta,
    Updated,
    UpdateInput,
    UtteranceDone,
)
from translate_svc.vad.options import VadOptions


def heard(script: Script, *pauses_s: float, **settings: Any) -> tuple[list[SessionEvent], list[Request]]:
    """The events of a recording, and what the engine was asked."""
    found: list[SessionEvent] = []
    asked: list[Request] = []

    async def scenario() -> None:
        async with house(script, confidence=FLAGS_BELOW_A_HALF, vad_options=VAD) as home:
            session = home.open(config(segmentation=Segmentation.HINDSIGHT, **settings))
            found.extend(await converse(session, chunks(recording(*pauses_s))))
            asked.extend(home.engine.submitted)

    play(scenario())
    check_contract(found)
    return found, asked


@pytest.mark.parametrize(
    ("script", "pauses_s", "utterances", "requests"),
    [
        pytest.param(sure_of_all, [SHORT_PAUSE_S] * 2, 3, 3, id="sure of each: nothing is heard twice"),
        pytest.param(sure_of_two, [SHORT_PAUSE_S], 1, 3, id="unsure of both, sure of them as one"),
        pytest.param(sure_of_two, [SHORT_PAUSE_S] * 3, 2, 7, id="four are two pairs"),
        pytest.param(unsure_of_all, [SHORT_PAUSE_S], 2, 3, id="as unsure of both as one"),
        pytest.param(
            fewer_words_in_two, [SHORT_PAUSE_S], 2, 3, id="words that are lost do not count as right"
        ),
        pytest.param(sure_of_two, [CLEAR_PAUSE_S], 2, 2, id="a clear pause ends a sentence"),
        pytest.param(sure_of_two, [CLEAR_PAUSE_S, SHORT_PAUSE_S], 2, 4, id="one clear pause, one short"),
    ],
)
def test_who_is_unsure_of_two_pieces_hears_them_as_one(
    script: Script, pauses_s: list[float], utterances: int, requests: int
) -> None:
    events, asked = heard(script, *pauses_s)
    assert len(of(events, UtteranceDone)) == utterances
    assert len(asked) == requests


def test_two_as_one_reach_from_the_start_of_the_first_to_the_end_of_the_second() -> None:
    apart, _ = heard(sure_of_all, SHORT_PAUSE_S)
    together, _ = heard(sure_of_two, SHORT_PAUSE_S)
    first, second = of(apart, SpeechEnded)
    (whole,) = of(together, SpeechEnded)
    assert (whole.source.start, whole.source.end) == (first.source.start, second.source.end)
    assert whole.reason is second.reason
    assert of(together, SpeechStarted)[0].speech_position == of(apart, SpeechStarted)[0].speech_position
    assert of(together, Progress)[-1].committed_samples == of(apart, Progress)[-1].committed_samples


def test_what_was_heard_before_the_choice_is_told_whole() -> None:
    """Text and speech of a chosen piece came before anybody took them."""
    events, _ = heard(sure_of_two, SHORT_PAUSE_S)
    assert texts(events) == {(0, "spa"): " 5" * 5}
    assert of(events, SpeechChunk)[-1].final


def test_two_pieces_longer_than_an_utterance_may_be_stay_two() -> None:
    longest = VadOptions(good_utterance_ms=2_300, max_utterance_ms=5_000)

    async def scenario() -> None:
        async with house(sure_of_two, confidence=FLAGS_BELOW_A_HALF, vad_options=longest) as home:
            session = home.open(config(segmentation=Segmentation.HINDSIGHT))
            events = await converse(session, chunks(recording(SHORT_PAUSE_S)))
        assert len(of(events, UtteranceDone)) == 2

    play(scenario())


def test_all_texts_of_a_piece_say_together_whether_it_is_unsure() -> None:
    def one_of(log_probabilities: tuple[float, ...]) -> Script:
        def script(request: Request) -> ScriptedRequest:
            whole = len(samples_of(request)) / RATE_HZ > WHOLE_S
            return ScriptedRequest(
                tuple(
                    ScriptedSequence(deltas=(" a",) * 4, log_probability=SURE if whole else each)
                    for each in log_probabilities
                )
            )

        return script

    targets = tuple(TargetSettings(code, speech=False) for code in ("es", "fr", "de"))

    async def scenario(script: Script, utterances: int) -> None:
        async with house(script, confidence=FLAGS_BELOW_A_HALF, vad_options=VAD) as home:
            session = home.open(config(*targets, segmentation=Segmentation.HINDSIGHT))
            events = await converse(session, chunks(recording(SHORT_PAUSE_S)))
        assert len(of(events, UtteranceDone)) == utterances

    play(scenario(one_of((UNSURE, UNSURE, SURE)), 2))
    play(scenario(one_of((UNSURE, UNSURE, UNSURE)), 1))


def test_clear_while_pieces_are_tried_leaves_nothing_of_them() -> None:
    async def scenario() -> None:
        async with house(sure_of_two, confidence=FLAGS_BELOW_A_HALF, vad_options=VAD) as home:
            session = home.open(config(segmentation=Segmentation.HINDSIGHT))
            reader = asyncio.create_task(collect(session))
            await speak(session, tried := JUST_TRIED)
            assert len(home.engine.live_request_ids) == 2
            await session.receive(ClearInput())
            assert not home.engine.live_request_ids
            await speak(session, more := recording())
            await session.receive(EndInput(len(tried) + len(more)))
            events = await reader
        check_contract(events)
        (ended,) = of(events, SpeechEnded)
        assert ended.source.start >= len(tried)
        assert isinstance(events[-1], Closed)

    play(scenario())


def test_new_settings_between_two_pieces_keep_them_apart() -> None:
    async def scenario() -> None:
        async with house(sure_of_two, confidence=FLAGS_BELOW_A_HALF, vad_options=VAD) as home:
            session = home.open(config(segmentation=Segmentation.HINDSIGHT))
            reader = asyncio.create_task(collect(session))
            samples = recording(SHORT_PAUSE_S)
            middle = round((0.5 + SENTENCE_S) * RATE_HZ)
            french = StreamSettings((TargetSettings("fr"),), segmentation=Segmentation.HINDSIGHT)
            await speak(session, samples[:middle])
            await session.receive(UpdateInput(french))
            await speak(session, samples[middle:])
            await session.receive(EndInput(len(samples)))
            events = await reader
        check_contract(events)
        languages = {delta.utterance_id: delta.language for delta in of(events, TextDelta)}
        assert languages == {0: "spa", 1: "fra"}
        assert [each.from_utterance_id for each in of(events, Updated)] == [1]

    play(scenario())


def test_an_engine_that_has_no_room_for_trials_translates_the_pieces() -> None:
    async def scenario() -> None:
        async with house(sure_of_two, confidence=FLAGS_BELOW_A_HALF, vad_options=VAD) as home:
            home.engine.max_running_requests, home.engine.max_waiting_requests = 1, 0
            session = home.open(config(segmentation=Segmentation.HINDSIGHT))
            events = await converse(session, chunks(recording(SHORT_PAUSE_S)))
        check_contract(events)
        assert len(of(events, UtteranceDone)) == 2
        assert all(texts(events).values())

    play(scenario())


def test_a_stream_that_is_cancelled_meanwhile_leaves_no_request() -> None:
    async def scenario() -> None:
        async with house(sure_of_two, confidence=FLAGS_BELOW_A_HALF, vad_options=VAD) as home:
            session = home.open(config(segmentation=Segmentation.HINDSIGHT))
            await speak(session, JUST_TRIED)
            assert len(home.engine.live_request_ids) == 2
            await session.cancel()
            assert not home.engine.live_request_ids

    play(scenario())
