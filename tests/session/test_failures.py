"""What one utterance suffers, the stream survives."""

from __future__ import annotations

import asyncio

import pytest

from tests.fakes.engine_script import Script, ScriptedRequest, ScriptedSequence, echo_script
from tests.session.harness import (
    CHUNK_SAMPLES,
    RATE_HZ,
    House,
    check_contract,
    chunks,
    collect,
    config,
    converse,
    house,
    of,
    texts,
    utterances,
)
from tests.virtual_time import virtual_time
from translate_svc.engine.events import StopReason
from translate_svc.engine.request import Request
from translate_svc.errors import InvalidArgument, OutOfRange, TranslateSvcError
from translate_svc.types import (
    ClearInput,
    Closed,
    SessionEvent,
    SpeechChunk,
    StreamWarning,
    TargetSettings,
    TextDelta,
    UtteranceDone,
    UtteranceStatus,
)

OK, FAILED, CLEARED = UtteranceStatus.OK, UtteranceStatus.FAILED, UtteranceStatus.CLEARED
TWO = (TargetSettings("es"), TargetSettings("fr"))


def _converse(script: dict[int, ScriptedRequest], count: int = 3) -> list[SessionEvent]:
    def answer(request: Request) -> ScriptedRequest:
        number = int(request.request_id.rsplit("/", 1)[1])
        return script.get(number) or echo_script(request)

    async def scenario() -> list[SessionEvent]:
        async with house(answer) as home:
            return await converse(home.open(config(*TWO)), chunks(utterances(count)))

    with virtual_time() as runner:
        events = runner.run(scenario())
    check_contract(events)
    return events


def _statuses(events: list[SessionEvent]) -> dict[int, UtteranceStatus]:
    return {done.utterance_id: done.status for done in of(events, UtteranceDone)}


def test_an_utterance_that_cannot_be_encoded_fails_alone() -> None:
    fine = ScriptedSequence()
    events = _converse({1: ScriptedRequest((fine, fine), encode_fails=True)})
    assert _statuses(events) == {0: OK, 1: FAILED, 2: OK}
    warnings = of(events, StreamWarning)
    assert {(each.code, each.utterance_id, each.language) for each in warnings} == {
        ("sequence_failed", 1, "spa"),
        ("sequence_failed", 1, "fra"),
    }
    assert {key[0] for key in texts(events)} == {0, 2}
    assert of(events, Closed)[0].complete


@pytest.mark.parametrize(
    "broken",
    [
        ScriptedSequence(fail_after_tokens=1),
        ScriptedSequence(fail_after_pieces=0),
        ScriptedSequence(fail_after_pieces=1),
    ],
)
def test_a_target_that_fails_leaves_the_others_whole(broken: ScriptedSequence) -> None:
    fine = ScriptedSequence(deltas=("fine",), piece_units=(25,))
    events = _converse({0: ScriptedRequest((broken, fine))})
    assert _statuses(events) == {0: FAILED, 1: OK, 2: OK}
    assert [(each.utterance_id, each.language) for each in of(events, StreamWarning)] == [(0, "spa")]
    assert texts(events)[0, "fra"] == "fine"
    french = [
        chunk for chunk in of(events, SpeechChunk) if (chunk.utterance_id, chunk.language) == (0, "fra")
    ]
    assert [chunk.final for chunk in french] == [True]
    cut_off = [each for each in of(events, TextDelta) if (each.utterance_id, each.language) == (0, "spa")]
    assert any(each.final for each in cut_off) == (broken.fail_after_tokens is None)


def test_a_text_that_is_cut_off_is_delivered_with_a_warning() -> None:
    long = ScriptedSequence(deltas=("all", " of", " it"), stop=StopReason.TOKEN_LIMIT)
    fine = ScriptedSequence()
    events = _converse({0: ScriptedRequest((long, fine))}, count=1)
    assert [(each.code, each.language) for each in of(events, StreamWarning)] == [("text_truncated", "spa")]
    assert texts(events)[0, "spa"] == "all of it"
    assert of(events, UtteranceDone)[0].status is OK


@pytest.mark.parametrize(
    "error", [InvalidArgument("is foreign", field="sequences"), OutOfRange("is too long", field="source")]
)
def test_an_utterance_that_the_engine_refuses_fails_alone(error: TranslateSvcError) -> None:
    async def scenario() -> tuple[list[SessionEvent], House]:
        async with house() as home:
            home.engine.refuse_next(error)
            return await converse(home.open(config(*TWO)), chunks(utterances(2))), home

    with virtual_time() as runner:
        events, home = runner.run(scenario())
    check_contract(events)
    assert _statuses(events) == {0: FAILED, 1: OK}
    assert [(each.code, each.utterance_id) for each in of(events, StreamWarning)] == [
        ("utterance_refused", 0)
    ]
    assert len(home.engine.submitted) == 1


def _slow(encode_s: float) -> Script:
    def script(request: Request) -> ScriptedRequest:
        return ScriptedRequest(tuple(ScriptedSequence() for _ in request.sequences), encode_s=encode_s)

    return script


def test_a_burst_waits_for_a_full_engine() -> None:
    """Three streams of four utterances each at an engine with room for two: nobody fails."""

    async def scenario() -> list[list[SessionEvent]]:
        async with house(_slow(2.0)) as home:
            home.engine.max_running_requests, home.engine.max_waiting_requests = 1, 1
            streams = [converse(home.open(config(*TWO)), chunks(utterances(4))) for _ in range(3)]
            return await asyncio.gather(*streams)

    with virtual_time() as runner:
        for events in runner.run(scenario()):
            check_contract(events)
            assert _statuses(events) == dict.fromkeys(range(4), OK)
            assert of(events, StreamWarning) == []


def test_the_input_waits_with_it() -> None:
    async def scenario() -> None:
        async with house(_slow(20.0)) as home:
            home.engine.max_running_requests, home.engine.max_waiting_requests = 1, 1
            session = home.open(config(*TWO))
            reader = asyncio.create_task(collect(session))
            sent = [asyncio.create_task(session.receive(each)) for each in chunks(utterances(20))]
            await asyncio.sleep(10)
            sent_samples = sum(each.done() for each in sent) * CHUNK_SAMPLES
            assert len(home.engine.submitted) == 2
            limit_samples = home.options.max_queued_input_ms * RATE_HZ // 1000
            assert sent_samples <= 3 * 2 * RATE_HZ + limit_samples + CHUNK_SAMPLES
            await session.receive(ClearInput())
            await asyncio.sleep(1)
            for each in sent:
                each.cancel()
            await session.half_close()
            statuses = _statuses(await reader)
        assert set(list(statuses.values())[:3]) == {CLEARED}

    with virtual_time() as runner:
        runner.run(scenario())


def test_an_engine_that_stays_full_fails_an_utterance_in_the_end() -> None:
    async def scenario() -> list[SessionEvent]:
        async with house(_slow(100.0)) as home:
            home.engine.max_running_requests, home.engine.max_waiting_requests = 1, 1
            return await converse(home.open(config(*TWO)), chunks(utterances(4)))

    with virtual_time() as runner:
        events = runner.run(scenario())
    check_contract(events)
    assert _statuses(events) == {0: OK, 1: OK, 2: FAILED, 3: FAILED}
    assert [(each.code, each.utterance_id) for each in of(events, StreamWarning)] == [
        ("engine_busy", 2),
        ("engine_busy", 3),
    ]
