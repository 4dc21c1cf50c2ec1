"""Who does not read is not served further, and holds no more than he may."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from tests.fakes.engine_script import ScriptedRequest, ScriptedSequence, samples_of
from tests.session.harness import (
    RATE_HZ,
    check_contract,
    chunks,
    collect,
    config,
    house,
    of,
    speak,
    speech,
    utterances,
)
from tests.virtual_time import virtual_time
from translate_svc.engine.request import Request
from translate_svc.session.options import SessionOptions
from translate_svc.types import (
    EndInput,
    SilenceInput,
    SpeechChunk,
    StreamSettings,
    TargetSettings,
    Updated,
    UpdateInput,
    UtteranceDone,
)


def play(scenario: Coroutine[Any, Any, None]) -> None:
    with virtual_time() as runner:
        runner.run(scenario)


def _talkative(request: Request) -> ScriptedRequest:
    """Thirty pieces of speech an utterance."""
    return ScriptedRequest(tuple(ScriptedSequence(piece_units=(25,) * 30) for _ in request.sequences))


def test_a_reader_who_does_not_read_stops_the_engines_pieces() -> None:
    async def scenario() -> None:
        async with house(_talkative, initial_credit_pieces=3) as home:
            session = home.open(config())
            for message in chunks(utterances(1)):
                await session.receive(message)
            await asyncio.sleep(600)
            assert home.engine.granted == [], "no piece was taken, so none is paid for"
            taken = []
            async for event in session.events():
                taken.append(event)
                if len(of(taken, SpeechChunk)) == 2:
                    break
            assert len(home.engine.granted) == 2
            await asyncio.sleep(600)
            assert len(home.engine.granted) == 2
            reader = asyncio.create_task(collect(session))
            await session.receive(EndInput(2 * RATE_HZ))
            events = taken + await reader
        check_contract(events)
        assert len(of(events, SpeechChunk)) == 30

    play(scenario())


@pytest.mark.parametrize("output_rate_hz", [8_000, 16_000, 48_000])
def test_every_piece_is_paid_for_at_every_rate(output_rate_hz: int) -> None:
    """Pieces of 20 ms vanish in the output resampler at first; their credit must not."""

    def crumbs(request: Request) -> ScriptedRequest:
        return ScriptedRequest(tuple(ScriptedSequence(piece_units=(1,) * 40) for _ in request.sequences))

    async def scenario() -> None:
        async with house(crumbs, initial_credit_pieces=1) as home:
            session = home.open(config(output_rate_hz=output_rate_hz))
            reader = asyncio.create_task(collect(session))
            for message in chunks(utterances(2)):
                await session.receive(message)
            await session.half_close()
            events = await asyncio.wait_for(reader, 3_600)
        check_contract(events)
        assert [done.usage.speech_ms for done in of(events, UtteranceDone)] == [800, 800]

    play(scenario())


def test_the_input_waits_behind_utterances_that_nobody_reads() -> None:
    async def scenario() -> None:
        options = SessionOptions(max_utterances_in_flight=2, max_queued_input_ms=1_000)
        async with house(options=options) as home:
            session = home.open(config())

            async def send() -> None:
                for message in chunks(utterances(10)):
                    await session.receive(message)
                await session.half_close()

            sender = asyncio.create_task(send())
            await asyncio.sleep(3_600)
            assert not sender.done(), "the client is not read from either"
            assert len(home.engine.submitted) == 2
            events = await collect(session)
            await sender
        check_contract(events)
        assert len(of(events, UtteranceDone)) == 10

    play(scenario())


@pytest.mark.parametrize("reads", [True, False])
def test_input_behind_who_does_not_read_does_not_wait_for_the_server(reads: bool) -> None:
    async def scenario() -> None:
        options = SessionOptions(max_utterances_in_flight=2, max_queued_input_ms=1_000)
        script = ScriptedRequest((ScriptedSequence(("uno",)),), encode_s=60)
        async with house(lambda _: script, options=options) as home:
            session = home.open(config())
            reader = asyncio.create_task(collect(session) if reads else asyncio.sleep(3_600))
            sender = asyncio.create_task(speak(session, utterances(10)))
            await asyncio.sleep(30)
            assert (session.queued_s > 0.9) is reads
            sender.cancel()
            reader.cancel()

    play(scenario())


def test_what_lies_in_line_is_bounded_whatever_is_sent() -> None:
    """Updates cost nothing to send and make an event each: a reader who does not read stops them too."""

    async def scenario() -> None:
        options = SessionOptions(max_queued_events=20, max_queued_input_ms=1_000)
        async with house(options=options) as home:
            session = home.open(config())
            update = UpdateInput(StreamSettings((TargetSettings("fr"),)))
            sent = 0

            async def flood() -> None:
                nonlocal sent
                while True:
                    await session.receive(update)
                    await session.receive(SilenceInput(1))
                    sent += 2

            flooder = asyncio.create_task(flood())
            await asyncio.sleep(60)
            stuck_at = sent
            assert stuck_at < 200
            taken = [await anext(session.events()) for _ in range(15)]
            await asyncio.sleep(60)
            assert len(of(taken, Updated)) == 14
            assert stuck_at < sent < stuck_at + 100, "it goes on as far as was read"
            flooder.cancel()

    play(scenario())


def test_one_message_may_stand_above_the_queue_and_no_more() -> None:
    async def scenario() -> None:
        options = SessionOptions(max_utterances_in_flight=1, max_queued_input_ms=500)
        async with house(options=options) as home:
            session = home.open(config())
            received = 0

            async def send() -> None:
                nonlocal received
                for message in chunks(utterances(4)):
                    await session.receive(message)
                    received += len(message.data) // 2

            sender = asyncio.create_task(send())
            await asyncio.sleep(60)
            submitted_samples = sum(len(samples_of(request)) for request in home.engine.submitted)
            assert received < 4 * 2 * RATE_HZ
            assert received - submitted_samples < 4 * RATE_HZ
            sender.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sender

    play(scenario())


def test_a_receive_that_was_cancelled_has_sent_nothing() -> None:
    async def scenario() -> None:
        options = SessionOptions(max_utterances_in_flight=1, max_queued_input_ms=500)
        async with house(options=options) as home:
            session = home.open(config())
            messages = chunks(utterances(3))
            sent = 0
            for message in messages:
                try:
                    await asyncio.wait_for(session.receive(message), 5)
                except TimeoutError:
                    break
                sent += 1
            assert 0 < sent < len(messages)
            reader = asyncio.create_task(collect(session))
            for message in messages[sent:]:
                await session.receive(message)
            await session.receive(EndInput(3 * 2 * RATE_HZ))
            check_contract(await reader)

    play(scenario())


def test_a_reader_that_is_cancelled_loses_nothing() -> None:
    async def scenario() -> None:
        async with house() as home:
            session = home.open(config())
            for message in chunks(speech(1)):
                await session.receive(message)
            await session.half_close()
            events = []
            while True:
                try:
                    events.append(await asyncio.wait_for(anext(session.events()), 0.013))
                except TimeoutError:
                    continue
                except StopAsyncIteration:
                    break
        check_contract(events)

    play(scenario())
