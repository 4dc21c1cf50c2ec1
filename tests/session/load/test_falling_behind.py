"""Streams on an engine that is too slow for them: they are told, degraded, and nobody else is let in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from tests.fakes.engine_script import ScriptedRequest, ScriptedSequence
from tests.session.harness import (
    House,
    check_contract,
    chunks,
    clip,
    collect,
    config,
    count_samples,
    house,
    of,
    silence,
    speak,
    speech,
    utterances,
)
from tests.virtual_time import virtual_time
from translate_svc.engine.request import Request
from translate_svc.session.capacity.degradation import Degradation
from translate_svc.session.capacity.estimate import CapacityOptions
from translate_svc.session.capacity.load_monitor import LoadMonitor, common_lag_s
from translate_svc.session.session import Session
from translate_svc.types import (
    EndInput,
    SessionEvent,
    SimultaneousSettings,
    SpeechChunk,
    StreamConfig,
    StreamWarning,
    TargetSettings,
    TextDelta,
)

SIMULTANEOUS = config(TargetSettings("es", speech=False), simultaneous=SimultaneousSettings(step_ms=500))


UNO_DOS = ScriptedSequence(("uno", " dos"))


@asynccontextmanager
async def watched_house(
    seconds_an_utterance: float, sequence: ScriptedSequence = UNO_DOS
) -> AsyncIterator[tuple[House, LoadMonitor]]:
    """One request at a time, each of which takes so long before ``sequence`` begins."""

    def script(request: Request) -> ScriptedRequest:
        return ScriptedRequest((sequence,) * len(request.sequences), encode_s=seconds_an_utterance)

    async with house(script) as made:
        made.engine.max_running_requests = 1
        monitor = LoadMonitor(
            made.engine,
            CapacityOptions(32),
            lambda: [each for each in made.sessions if isinstance(each, Session)],
            lambda: made.admission.live,
        )
        watching = asyncio.create_task(monitor.run())
        try:
            yield made, monitor
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)


async def talk(session: Session, count: int) -> list[SessionEvent]:
    """``count`` utterances of a second each, with a pause of a second, as somebody speaks them."""
    reader = asyncio.create_task(collect(session))
    samples = utterances(count)
    await speak(session, samples)
    await session.receive(EndInput(count_samples(chunks(samples))))
    return await reader


def warnings(events: list[SessionEvent], code: str) -> list[StreamWarning]:
    return [warning for warning in of(events, StreamWarning) if warning.code == code]


async def talk_together(
    seconds_an_utterance: float, streams: int, *targets: TargetSettings
) -> tuple[list[list[SessionEvent]], int, bool]:
    async with watched_house(seconds_an_utterance) as (made, monitor):
        sessions = [made.open(config(*targets)) for _ in range(streams)]
        kept_up = True

        async def watch() -> None:
            nonlocal kept_up
            while True:
                await asyncio.sleep(0.5)
                kept_up = kept_up and monitor.keeps_up

        watching = asyncio.create_task(watch())
        events = await asyncio.gather(*(talk(session, 20) for session in sessions))
        watching.cancel()
        return list(events), monitor.capacity, kept_up


def test_an_engine_that_keeps_up_says_nothing() -> None:
    with virtual_time() as runner:
        events, capacity, kept_up = runner.run(talk_together(0.1, 4))
    assert kept_up
    assert capacity == 32
    assert not [warning for each in events for warning in of(each, StreamWarning)]


def test_streams_are_told_how_far_behind_they_are_and_lose_their_speech_last() -> None:
    """Four speakers make an utterance each two seconds, and each takes a second: half of it is too much."""
    with virtual_time() as runner:
        events, capacity, kept_up = runner.run(talk_together(1.0, 4))
    assert not kept_up
    assert capacity <= 4
    for each in events:
        check_contract(each)
        told = warnings(each, "falling_behind")
        assert 2 <= len(told) <= 5, "again each time that it has doubled, not twice a second"
        lags_ms = [warning.lag_ms or 0 for warning in told]
        assert lags_ms == sorted(lags_ms)
        assert lags_ms[0] >= 2_000
        skipped = {warning.utterance_id for warning in warnings(each, "speech_skipped")}
        spoken = {chunk.utterance_id for chunk in of(each, SpeechChunk)}
        assert skipped, "those that are very late get their text only"
        assert not skipped & spoken
        assert skipped | spoken == {delta.utterance_id for delta in of(each, TextDelta)} == set(range(20))
        assert spoken >= set(range(4)), "those at the beginning are in time"


@pytest.mark.parametrize("others", [(), (TargetSettings("fr"),)])
def test_a_late_utterance_is_spoken_where_its_text_is_not_sent(others: tuple[TargetSettings, ...]) -> None:
    """As on a telephone: without its speech the words would be lost. The warning tells of the others."""
    with virtual_time() as runner:
        events, _, kept_up = runner.run(talk_together(1.0, 4, TargetSettings("es", text=False), *others))
    assert not kept_up
    assert any(warnings(each, "speech_skipped") for each in events) is bool(others)
    for each in events:
        check_contract(each)
        spanish = {chunk.utterance_id for chunk in of(each, SpeechChunk) if chunk.language == "spa"}
        assert spanish == set(range(20))


def test_one_stream_whose_reader_sleeps_is_not_the_engines_fault() -> None:
    async def scenario() -> float | None:
        async with watched_house(0.1) as (made, monitor):
            session = made.open(config())
            await speak(session, utterances(10))
            await asyncio.sleep(5)
            assert session.lag_s is None
            return monitor.lag_s

    with virtual_time() as runner:
        assert runner.run(scenario()) == 0.0


async def worst_lag_s(
    stream: StreamConfig, sequence: ScriptedSequence, heard_in: float
) -> tuple[float, bool]:
    """Of a stream of three long utterances, whose reader takes ``heard_in`` times as long as speech lasts to
    take it; and whether the server kept up all the time.
    """
    async with watched_house(0.1, sequence) as (made, monitor):
        made.engine.max_running_requests = 8
        session = made.open(stream)

        async def read() -> None:
            async for event in session.events():
                if isinstance(event, SpeechChunk):
                    await asyncio.sleep(heard_in * len(event.data) / 2 / 16_000)

        reading = asyncio.create_task(read())
        speaking = asyncio.create_task(speak(session, utterances(3, speech_s=10)))
        worst_s, kept_up = 0.0, True
        for _ in range(600):
            await asyncio.sleep(0.5)
            worst_s, kept_up = max(worst_s, monitor.lag_s), kept_up and monitor.keeps_up
        reading.cancel()
        speaking.cancel()
        await asyncio.gather(reading, speaking, return_exceptions=True)
        return worst_s, kept_up


@pytest.mark.parametrize("text", [True, False])
@pytest.mark.parametrize("simultaneous", [None, SimultaneousSettings(step_ms=500)])
@pytest.mark.parametrize("heard_in", [1.0, 6.0])
def test_who_plays_speech_as_it_reads_keeps_nobody_out(
    text: bool, simultaneous: SimultaneousSettings | None, heard_in: float
) -> None:
    """The engine makes no speech ahead of its reader, and the next draft waits for the one before: for the
    client, not for the server.
    """
    stream = config(TargetSettings("es", text=text), simultaneous=simultaneous)
    with virtual_time() as runner:
        lag_s, kept_up = runner.run(worst_lag_s(stream, replace(UNO_DOS, piece_units=(70,) * 14), heard_in))
    assert kept_up
    assert lag_s < 1.5


@pytest.mark.parametrize("text", [True, False])
def test_speech_alone_is_as_late_as_its_text_would_be(text: bool) -> None:
    """Its last piece comes 14 s after the text that nobody asked for."""
    sequence = replace(UNO_DOS, piece_units=(70,) * 14, piece_interval_s=1.0)
    with virtual_time() as runner:
        lag_s, kept_up = runner.run(worst_lag_s(config(TargetSettings("es", text=text)), sequence, 0.0))
    assert kept_up
    assert lag_s < 0.5


@pytest.mark.parametrize("message_s", [0.02, 1.0, 4.0])
def test_who_sends_speech_in_long_messages_keeps_nobody_out(message_s: float) -> None:
    """What its client held back was not late here."""

    async def scenario() -> tuple[float, bool]:
        async with watched_house(0.1) as (made, monitor):
            session = made.open(config(TargetSettings("es", speech=False), input_rate_hz=8_000))
            reading = asyncio.create_task(collect(session))
            samples = clip(*[speech(1.0, 8_000), silence(1.3, 8_000)] * 20)
            size = round(message_s * 8_000)
            speaking = asyncio.create_task(speak(session, samples, size=size, rate_hz=8_000))
            worst_s, kept_up = 0.0, True
            while not speaking.done():
                await asyncio.sleep(0.5)
                worst_s, kept_up = max(worst_s, monitor.lag_s), kept_up and monitor.keeps_up
            reading.cancel()
            return worst_s, kept_up

    with virtual_time() as runner:
        lag_s, kept_up = runner.run(scenario())
    assert kept_up
    assert lag_s < 1.0


@pytest.mark.parametrize("said_s", [0.02, 0.1, 1.0])
def test_who_pauses_in_the_middle_of_a_frame_keeps_nobody_out(said_s: float) -> None:
    """The frame waits for the rest that its client has not sent, not for the server."""

    async def scenario() -> tuple[float, bool, int]:
        async with watched_house(0.1) as (made, monitor):
            session = made.open(config())
            await speak(session, silence(said_s))
            await asyncio.sleep(30)
            return monitor.lag_s, monitor.keeps_up, monitor.capacity

    with virtual_time() as runner:
        assert runner.run(scenario()) == (0.0, True, 32)


@pytest.mark.parametrize(
    ("degradation", "fewest", "most"),
    [
        (Degradation.NONE, 18, 22),
        (Degradation.RARE_DRAFTS, 9, 11),
        (Degradation.RARER_DRAFTS, 4, 6),
        (Degradation.FEWEST_DRAFTS, 1, 3),
        (Degradation.NO_LATE_SPEECH, 1, 3),
    ],
)
def test_hypotheses_get_rarer(degradation: Degradation, fewest: int, most: int) -> None:
    """Of ten seconds of speech with a hypothesis each half a second."""

    async def scenario() -> int:
        async with house() as made:
            session = made.open(SIMULTANEOUS)
            session.degrade(degradation)
            reader = asyncio.create_task(collect(session))
            samples = utterances(1, speech_s=10)
            await speak(session, samples)
            await session.receive(EndInput(count_samples(chunks(samples))))
            check_contract(await reader)
            requests = made.engine.submitted
            longest = max(len(request.source) for request in requests)  # type: ignore[arg-type]
            assert longest <= 12 * 16_000
            return len(requests) - 1

    with virtual_time() as runner:
        assert fewest <= runner.run(scenario()) <= most


@pytest.mark.parametrize(
    ("lags_s", "common_s"),
    [
        ([], 0.0),
        ([None, None], 0.0),
        ([3.0], 3.0),
        ([0.1, 0.2, 0.3, 60.0], 0.3),
        ([0.1, 0.2, 5.0, 60.0], 5.0),
        ([None, 0.1, 60.0, None], 60.0),
    ],
)
def test_the_lag_of_all_is_that_of_the_slower_ones_but_not_of_one_alone(
    lags_s: list[float | None], common_s: float
) -> None:
    assert common_lag_s(lags_s) == common_s
