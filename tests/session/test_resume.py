"""A stream that breaks anywhere and continues in another session: its client gets every event once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.engine_script import Script, echo_script
from tests.session.harness import (
    RATE_HZ,
    House,
    check_contract,
    chunks,
    clip,
    config,
    count_samples,
    house,
    of,
    silence,
    speech,
    utterances,
)
from tests.session.simultaneous.test_continued_utterances import BUFFER_MS, LONG, a_sentence
from tests.virtual_time import virtual_time
from translate_svc.client.resuming.stream_state import StreamState
from translate_svc.errors import InvalidArgument, OutOfRange, Unavailable
from translate_svc.session.dependencies import SessionDependencies
from translate_svc.session.resume_point import ResumePoint
from translate_svc.session.session import Session
from translate_svc.types import (
    Cleared,
    ClearInput,
    ClientMessage,
    Closed,
    EndInput,
    EndReason,
    FinalizeInput,
    GuardSettings,
    Opened,
    Progress,
    Segmentation,
    SessionEvent,
    SilenceInput,
    SimultaneousSettings,
    SpeechChunk,
    SpeechEnded,
    StreamConfig,
    StreamSettings,
    TargetSettings,
    TextDelta,
    Updated,
    UpdateInput,
    UtteranceDone,
)

MODEL = "starter@1"


def _token(point: ResumePoint) -> bytes:
    return json.dumps(replace(point, model=MODEL).state()).encode()


def resumable(rooms: House, stream: StreamConfig) -> Session:
    """A session, as the service opens it, but for the seal of its tokens."""
    start = None
    if stream.resume_token:
        start = ResumePoint.restore(json.loads(stream.resume_token), stream, MODEL)
        stream = StreamConfig(stream.input, stream.output, start.commit.settings)
    negotiated, first_settings = rooms.negotiator.negotiate(stream)
    dependencies = SessionDependencies(
        engine=rooms.engine,
        vad_stream=rooms.vad_loop.open_stream(),
        negotiator=rooms.negotiator,
        options=rooms.options,
        slot=rooms.admission.admit(),
        issue_token=_token,
    )
    session = Session(f"s{len(rooms.sessions)}", negotiated, first_settings, dependencies, start)
    rooms.sessions.append(session)
    return session


async def _receive(session: Session, state: StreamState) -> list[SessionEvent]:
    """Sends what ``state`` has not sent, while all events are read."""

    async def read() -> list[SessionEvent]:
        return [event async for event in session.events()]

    reader = asyncio.create_task(read())
    while (entry := state.messages.next_unsent()) is not None:
        await session.receive(entry.message)
        state.messages.mark_sent(entry)
    return await reader


async def _run(
    rooms: House, stream: StreamConfig, messages: Sequence[ClientMessage], breaks: Sequence[float]
) -> list[SessionEvent]:
    """What the program gets when the call breaks after these parts of the events of each session."""
    state = StreamState(stream, 1 << 30)
    for message in (*messages, EndInput(count_samples(messages))):
        state.append(message)
    got: list[SessionEvent] = []
    session = resumable(rooms, stream)
    for part in breaks:
        events = await _receive(session, state)
        heard = 1 + int(part * (len(events) - 1))  # never the last one: that is the end
        for event in events[: min(heard, len(events) - 1)]:
            got += state.accept(event)
        plan = state.plan()
        session = resumable(rooms, plan.config)
        opened = await anext(aiter(session.events()))
        assert isinstance(opened, Opened)
        got += state.resumed(plan, opened)
    for event in await _receive(session, state):
        got += state.accept(event)
    return got


def _broken(
    stream: StreamConfig,
    messages: Sequence[ClientMessage],
    breaks: Sequence[float],
    script: Script = echo_script,
) -> list[SessionEvent]:
    async def scenario() -> list[SessionEvent]:
        async with house(script) as rooms:
            return await _run(rooms, stream, messages, breaks)

    with virtual_time() as runner:
        return runner.run(scenario())


def _content(events: Sequence[SessionEvent]) -> dict[str, Any]:
    """What must be the same, however often a stream breaks."""
    content: dict[str, Any] = {"updated": of(events, Updated), "closed": of(events, Closed)}
    for event in events:
        if isinstance(event, TextDelta):
            key = f"text {event.utterance_id} {event.language} {event.transcript}"
            content[key] = content.get(key, "") + event.delta
        elif isinstance(event, SpeechChunk):
            key = f"speech {event.utterance_id} {event.language}"
            assert event.start_sample * 2 == len(content.get(key, b"")), "speech goes on without a gap"
            content[key] = content.get(key, b"") + event.data
        elif isinstance(event, UtteranceDone):
            content[f"done {event.utterance_id}"] = event.source, event.status, event.usage
    return content


def _update(segmentation: Segmentation, gate: bool) -> UpdateInput:
    targets = (TargetSettings("es"), TargetSettings("fr"))
    return UpdateInput(
        StreamSettings(targets, segmentation=segmentation, guards=GuardSettings(voice_gate=gate))
    )


parts = st.sampled_from(
    [chunks(speech(0.8)), chunks(silence(0.9)), chunks(speech(0.05)), [SilenceInput(9_000)]]
)
updates = st.builds(_update, st.sampled_from(Segmentation), st.booleans()).map(lambda update: [update])
moves: st.SearchStrategy[list[ClientMessage]] = st.one_of(parts, parts, updates, st.just([FinalizeInput()]))
breaks_at = st.lists(st.floats(0, 1), min_size=1, max_size=3)


@given(st.lists(moves, max_size=12), st.sampled_from(Segmentation), breaks_at)
@settings(max_examples=60)
def test_wherever_it_breaks_nothing_is_lost_and_nothing_comes_twice(
    script: list[list[ClientMessage]], segmentation: Segmentation, breaks: list[float]
) -> None:
    messages = [message for move in script for message in move]
    stream = config(segmentation=segmentation)
    whole, broken = _broken(stream, messages, []), _broken(stream, messages, breaks)
    check_contract(broken)
    assert _content(broken) == _content(whole)


@given(st.lists(moves | st.just([ClearInput()]), max_size=12), st.sampled_from(Segmentation), breaks_at)
@settings(max_examples=60)
def test_a_clear_stays_one_clear_and_ids_are_given_once(
    script: list[list[ClientMessage]], segmentation: Segmentation, breaks: list[float]
) -> None:
    messages = [message for move in script for message in move]
    broken = _broken(config(segmentation=segmentation), messages, breaks)
    check_contract(broken)
    places = [
        count_samples(messages[:index]) for index, each in enumerate(messages) if isinstance(each, ClearInput)
    ]
    assert of(broken, Cleared) == [Cleared(place) for place in places]


async def _cut_off(
    rooms: House, stream: StreamConfig, messages: Sequence[ClientMessage], heard: int
) -> list[SessionEvent]:
    """What a client has that stays until a server that goes away hears it no more, after ``heard`` messages,
    and is resumed from its last token: an utterance that comes once more takes the place of what came before.
    """
    state = StreamState(stream, 1 << 30)
    for message in (*messages, EndInput(count_samples(messages))):
        state.append(message)
    session = resumable(rooms, stream)
    for _ in range(heard):
        entry = state.messages.next_unsent()
        assert entry is not None
        await session.receive(entry.message)
        state.messages.mark_sent(entry)
    await session.half_close(cut_off=True)
    first = [event async for event in session.events()]
    check_contract(first)
    assert all(each.committed_samples <= count_samples(messages[:heard]) for each in of(first, Progress))
    for event in first:
        if isinstance(event, Opened | Progress | UtteranceDone):
            state.accept(event)
    session = resumable(rooms, state.plan().config)
    again = session.start.commit.next_utterance_id
    kept = [event for event in first if getattr(event, "utterance_id", again) < again]
    assert all(each.reason is not EndReason.GOING_AWAY for each in of(kept, SpeechEnded))
    opened = await anext(aiter(session.events()))
    assert isinstance(opened, Opened)
    state.resumed(state.plan(), opened)
    return kept + await _receive(session, state)


@given(st.lists(moves, max_size=12), st.sampled_from(Segmentation), st.floats(0, 1))
@settings(max_examples=60)
def test_who_is_cut_off_by_a_server_that_goes_away_has_every_word_after_the_resume(
    script: list[list[ClientMessage]], segmentation: Segmentation, part: float
) -> None:
    messages = [message for move in script for message in move]
    stream = config(segmentation=segmentation)

    async def scenario() -> list[SessionEvent]:
        async with house(echo_script) as rooms:
            return await _cut_off(rooms, stream, messages, int(part * len(messages)))

    with virtual_time() as runner:
        resumed = _content(runner.run(scenario()))
    whole = _content(_broken(stream, messages, []))
    assert {name: resumed[name] for name in resumed if name not in ("updated", "closed")} == {
        name: whole[name] for name in whole if name not in ("updated", "closed")
    }


@given(breaks_at)
@settings(max_examples=10)
def test_simultaneous_translation_goes_on_in_the_same_sentence(breaks: list[float]) -> None:
    stream = config(simultaneous=SimultaneousSettings(step_ms=640, max_buffer_ms=BUFFER_MS))
    messages = chunks(LONG, 3_200)
    whole, broken = (_broken(stream, messages, where, a_sentence) for where in ([], breaks))
    check_contract(broken)
    assert _content(broken) == _content(whole)


def test_a_token_in_the_middle_of_a_sentence_carries_its_history() -> None:
    stream = config(simultaneous=SimultaneousSettings(step_ms=640, max_buffer_ms=BUFFER_MS))
    events = _broken(stream, chunks(LONG, 3_200), [], a_sentence)
    states = [json.loads(event.resume_token) for event in of(events, Progress)]
    kept = [state for state in states if "continuation" in state["commit"]]
    assert kept, "an utterance was cut while somebody spoke"
    token = json.dumps(kept[0]).encode()
    point = ResumePoint.restore(kept[0], replace(stream, resume_token=token), MODEL)
    assert point.commit.continuation is not None
    assert point.commit.continuation.hypotheses[0].history_token_ids
    with pytest.raises(InvalidArgument, match="another model") as refused:
        ResumePoint.restore(kept[0], replace(stream, resume_token=token), "other@1")
    assert refused.value.field == "config.resume_token"
    moved = replace(stream, resume_token=token, resume_from_sample=point.commit.position + 1)
    assert ResumePoint.restore(kept[0], moved, MODEL).commit.continuation is None


@pytest.mark.parametrize("utterance_id", [0, 2**63 - 1])
def test_an_utterance_id_that_was_given_already_or_leaves_none_is_refused(utterance_id: int) -> None:
    (last,) = of(_broken(config(), chunks(utterances(1)), []), Progress)[-1:]
    wanted = replace(config(), resume_utterance_id=utterance_id)
    with pytest.raises(OutOfRange) as refused:
        ResumePoint.restore(json.loads(last.resume_token), wanted, MODEL)
    assert refused.value.field == "config.resume_utterance_id"


def test_a_token_of_another_version_is_refused() -> None:
    (last,) = of(_broken(config(), chunks(utterances(1)), []), Progress)[-1:]
    state = json.loads(last.resume_token) | {"version": 99}
    with pytest.raises(InvalidArgument, match="another version"):
        ResumePoint.restore(state, config(), MODEL)


def test_what_is_sent_before_the_commit_point_is_a_run_up() -> None:
    """As Opus needs it: the audio is decoded and dropped, and positions stay right."""

    async def scenario() -> list[SessionEvent]:
        async with house() as rooms:
            first = resumable(rooms, config())
            spoken = chunks(clip(speech(1), silence(1), speech(1), silence(1)))
            state = StreamState(config(), 1 << 30)
            for message in spoken[:20]:
                state.append(message)
            await first.receive(FinalizeInput())
            for message in spoken[:20]:
                await first.receive(message)
            await first.receive(FinalizeInput())
            events = aiter(first.events())
            progress = await anext(events)
            while not isinstance(progress, Progress):
                progress = await anext(events)
            await first.cancel()
            token, start = progress.resume_token, progress.committed_samples - 800
            again = resumable(rooms, replace(config(), resume_token=token, resume_from_sample=start))
            await again.receive(SilenceInput(300))
            rest = clip(speech(1), silence(1), speech(1), silence(1))[start + 300 :]
            for message in chunks(rest):
                await again.receive(message)
            await again.receive(EndInput(4 * RATE_HZ))
            return [event async for event in again.events()]

    with virtual_time() as runner:
        events = runner.run(scenario())
    (done,) = of(events, UtteranceDone)
    assert done.utterance_id == 1
    assert 1.4 * RATE_HZ < done.source.start <= 2 * RATE_HZ
    assert of(events, Progress)[-1].committed_samples == 4 * RATE_HZ
    assert of(events, Closed)[0].usage.utterances == 2


def test_a_server_without_tokens_cannot_be_left() -> None:
    state = StreamState(config(), 1 << 20)
    state.accept(Opened("s", config()))
    with pytest.raises(Unavailable, match="does not offer"):
        state.plan()
