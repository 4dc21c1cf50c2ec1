"""``progress``: received and committed input, reported after the last events of the committed part.

That much ``check_contract`` asks of every stream; here it meets everything a client may send.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.engine_script import ScriptedRequest, ScriptedSequence
from tests.session.harness import (
    RATE_HZ,
    check_contract,
    chunks,
    clip,
    collect,
    config,
    converse,
    count_samples,
    house,
    of,
    silence,
    speech,
)
from tests.virtual_time import virtual_time
from translate_svc.engine.request import Request
from translate_svc.session.options import SessionOptions
from translate_svc.types import (
    Cleared,
    ClearInput,
    ClientMessage,
    EndInput,
    FinalizeInput,
    GuardSettings,
    Progress,
    Segmentation,
    SessionEvent,
    SilenceInput,
    SpeechEnded,
    StreamSettings,
    TargetSettings,
    Updated,
    UpdateInput,
    UtteranceDone,
    UtteranceStatus,
)

MANUAL, VAD = Segmentation.MANUAL, Segmentation.VAD


def _slow(request: Request) -> ScriptedRequest:
    says = ScriptedSequence(deltas=("slow", " talk"), token_interval_s=0.5)
    return ScriptedRequest((says,) * len(request.sequences), encode_s=1.0)


def _update(segmentation: Segmentation, gate: bool) -> UpdateInput:
    targets = (TargetSettings("es"), TargetSettings("fr"))
    return UpdateInput(
        StreamSettings(targets, segmentation=segmentation, guards=GuardSettings(voice_gate=gate))
    )


updates = st.builds(_update, st.sampled_from(Segmentation), st.booleans())
pieces = st.sampled_from(
    [chunks(speech(0.8)), chunks(silence(0.9)), chunks(speech(0.05)), [SilenceInput(9_000)]]
)
moves: st.SearchStrategy[list[ClientMessage]] = st.one_of(
    pieces, pieces, updates.map(lambda update: [update]), st.just([FinalizeInput()]), st.just([ClearInput()])
)


@given(st.lists(moves, max_size=12), st.sampled_from(Segmentation), st.sampled_from([0.0, 0.1]))
@settings(max_examples=60)
def test_whatever_is_sent_all_of_it_is_committed_in_the_end(
    script: list[list[ClientMessage]], segmentation: Segmentation, pace_s: float
) -> None:
    messages = [message for move in script for message in move]
    total = count_samples(messages)

    async def scenario() -> list[SessionEvent]:
        async with house(_slow) as home:
            session = home.open(config(segmentation=segmentation))
            reader = asyncio.create_task(collect(session))
            for message in messages:
                await asyncio.sleep(pace_s)
                await session.receive(message)
            await session.receive(EndInput(total))
            return await reader

    with virtual_time() as runner:
        events = runner.run(scenario())
    check_contract(events)
    assert len(of(events, Updated)) == sum(isinstance(each, UpdateInput) for each in messages)
    assert len(of(events, Cleared)) == sum(isinstance(each, ClearInput) for each in messages)
    if total:
        assert of(events, Progress)[-1] == Progress(total, total)


def _progress(messages: Sequence[ClientMessage], segmentation: Segmentation = VAD) -> list[SessionEvent]:
    async def scenario() -> list[SessionEvent]:
        async with house() as home:
            return await converse(home.open(config(segmentation=segmentation)), messages)

    with virtual_time() as runner:
        events = runner.run(scenario())
    check_contract(events)
    return events


def test_with_manual_segmentation_a_cut_commits_exactly_there() -> None:
    cut: list[ClientMessage] = [*chunks(clip(silence(1), speech(1))), FinalizeInput()]
    events = _progress([*cut, *cut, *chunks(speech(0.5))], MANUAL)
    committed = [event.committed_samples for event in of(events, Progress)]
    assert committed == [2 * RATE_HZ, 4 * RATE_HZ, round(4.5 * RATE_HZ)]


@pytest.mark.parametrize("segmentation", [VAD, MANUAL])
def test_an_utterance_in_which_nobody_speaks_is_committed_like_any_other(segmentation: Segmentation) -> None:
    events = _progress([*chunks(silence(2)), FinalizeInput(), *chunks(silence(1))], segmentation)
    assert 2 * RATE_HZ in [event.committed_samples for event in of(events, Progress)]
    assert of(events, Progress)[-1] == Progress(3 * RATE_HZ, 3 * RATE_HZ)


def test_silence_commits_though_nobody_ever_speaks() -> None:
    events = _progress([SilenceInput(60 * RATE_HZ)])
    assert len(of(events, Progress)) >= 2
    assert of(events, Progress)[0].committed_samples > 40 * RATE_HZ


def test_a_clear_at_the_commit_point_of_what_it_drops_tells_that_point() -> None:
    """Nothing was received between the cut and the clear: the restart has no other point to tell."""

    async def scenario() -> list[SessionEvent]:
        async with house(_slow) as home:
            session = home.open(config())
            reader = asyncio.create_task(collect(session))
            for message in chunks(speech(0.8)):
                await session.receive(message)
            await session.receive(FinalizeInput())
            await asyncio.sleep(0.5)
            await session.receive(ClearInput())
            await session.receive(EndInput(count_samples(chunks(speech(0.8)))))
            return await reader

    with virtual_time() as runner:
        events = runner.run(scenario())
    check_contract(events)
    (cut,) = of(events, SpeechEnded)
    assert of(events, Progress) == [Progress(cut.source.end, cut.source.end)]


def test_a_clear_at_the_commit_point_of_an_utterance_that_waits_tells_that_point() -> None:
    """The second utterance waits for the first one, so its commit point was not reported before the clear."""
    spoken: list[ClientMessage] = [*chunks(speech(0.8)), FinalizeInput()]
    total = 2 * count_samples(spoken)

    async def scenario() -> list[SessionEvent]:
        async with house(_slow, options=SessionOptions(max_utterances_in_flight=1)) as home:
            session = home.open(config(segmentation=MANUAL))
            reader = asyncio.create_task(collect(session))
            for message in [*spoken, *spoken]:
                await session.receive(message)
            await asyncio.sleep(0.5)
            await session.receive(ClearInput())
            await session.receive(EndInput(total))
            return await reader

    with virtual_time() as runner:
        events = runner.run(scenario())
    check_contract(events)
    assert [done.status for done in of(events, UtteranceDone)] == [UtteranceStatus.CLEARED] * 2
    assert of(events, Progress) == [Progress(total, total)]
