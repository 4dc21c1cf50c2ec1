"""While the pieces of a stretch are tried, the stream goes on behind them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from tests.fakes.engine_script import Script, ScriptedRequest
from tests.session.doubtful_cuts import (
    END_S,
    FLAGS_BELOW_A_HALF,
    SENTENCE_S,
    SHORT_PAUSE_S,
    VAD,
    play,
    recording,
    sure_of_all,
    sure_of_two,
)
from tests.session.harness import (
    RATE_HZ,
    House,
    check_contract,
    chunks,
    clip,
    collect,
    config,
    converse,
    house,
    of,
    silence,
    speak,
    speech,
)
from translate_svc.engine.request import Request
from translate_svc.errors import EngineLost
from translate_svc.session.options import SessionOptions
from translate_svc.session.session import Session
from translate_svc.types import (
    ClearInput,
    EndInput,
    FinalizeInput,
    Progress,
    Samples,
    Segmentation,
    SessionEvent,
    SimultaneousSettings,
    SpeechEnded,
    StreamSettings,
    TargetSettings,
    TextDelta,
    Updated,
    UpdateInput,
    UtteranceDone,
)

TWO_PIECES = recording(SHORT_PAUSE_S)
TWO_SENTENCES = TWO_PIECES[: -round(END_S * RATE_HZ)]
THREE_PIECES = recording(SHORT_PAUSE_S, SHORT_PAUSE_S)
IN_SECOND_PIECE = round((0.5 + SENTENCE_S + SHORT_PAUSE_S + SENTENCE_S / 2) * RATE_HZ)
FRENCH_BY_UTTERANCE = StreamSettings((TargetSettings("fr"),))
FRENCH = replace(FRENCH_BY_UTTERANCE, segmentation=Segmentation.HINDSIGHT)


def slow(script: Script, encode_s: float) -> Script:
    def slowly(request: Request) -> ScriptedRequest:
        return replace(script(request), encode_s=encode_s)

    return slowly


@asynccontextmanager
async def recorded(
    script: Script, options: SessionOptions | None = None, *targets: TargetSettings
) -> AsyncIterator[tuple[House, Session]]:
    async with house(script, confidence=FLAGS_BELOW_A_HALF, vad_options=VAD, options=options) as home:
        yield home, home.open(config(*targets, segmentation=Segmentation.HINDSIGHT))


async def cleared(session: Session, silence_s: float) -> tuple[Samples, list[SessionEvent]]:
    """Two pieces, finalized behind ``silence_s`` and cleared a second later: what was said, all events."""
    reader = asyncio.create_task(collect(session))
    await speak(session, said := clip(TWO_SENTENCES, silence(silence_s)))
    await session.receive(FinalizeInput())
    await asyncio.sleep(1)
    await session.receive(ClearInput())
    await session.receive(EndInput(len(said)))
    return said, await reader


def test_the_input_goes_on_while_pieces_are_tried() -> None:
    async def scenario() -> None:
        async with recorded(slow(sure_of_all, encode_s=60)) as (home, session):
            await speak(session, clip(TWO_PIECES, speech(2.0)))
            assert len(home.engine.submitted) == 2
            assert session.queued_s < 0.1

    play(scenario())


def test_the_input_is_no_more_than_one_stretch_ahead() -> None:
    async def scenario() -> None:
        async with recorded(slow(sure_of_all, encode_s=60)) as (home, session):
            reader = asyncio.create_task(collect(session))
            speaker = asyncio.create_task(speak(session, clip(TWO_PIECES, TWO_PIECES, TWO_PIECES)))
            await asyncio.sleep(20)
            assert len(home.engine.submitted) == 2
            assert session.queued_s > 1.0
            speaker.cancel()
            reader.cancel()

    play(scenario())


def test_an_update_waits_for_the_pieces_before_it() -> None:
    """A client may send a hundred updates a second, and each may hold a glossary."""

    async def scenario() -> None:
        async with recorded(slow(sure_of_all, encode_s=60)) as (_, session):
            reader = asyncio.create_task(collect(session))
            await speak(session, TWO_PIECES)
            await session.receive(UpdateInput(FRENCH))
            await speak(session, silence(2.0))
            assert session.queued_s > 1.5
            reader.cancel()

    play(scenario())


def test_what_comes_while_pieces_are_tried_takes_effect_behind_them() -> None:
    async def scenario() -> None:
        async with recorded(slow(sure_of_two, encode_s=6)) as (home, session):
            reader = asyncio.create_task(collect(session))
            await speak(session, TWO_PIECES)
            await session.receive(UpdateInput(FRENCH_BY_UTTERANCE))
            more = clip(speech(1.0), silence(1.0), silence(20.0))
            await speak(session, more[: 2 * RATE_HZ])
            assert len(home.engine.submitted) == 2, "the pieces are still tried"
            for chunk in chunks(more[2 * RATE_HZ :]):
                await session.receive(chunk)
            await session.receive(EndInput(len(TWO_PIECES) + len(more)))
            events = await reader
        check_contract(events)
        assert {each.utterance_id: each.language for each in of(events, TextDelta)} == {0: "spa", 1: "fra"}
        assert [each.from_utterance_id for each in of(events, Updated)] == [1]
        assert of(events, Progress)[-1].committed_samples == len(TWO_PIECES) + len(more)

    play(scenario())


@pytest.mark.parametrize("updated_stretch", [0, 1])
def test_clear_drops_two_stretches_and_keeps_the_settings_between_pieces(updated_stretch: int) -> None:
    async def scenario() -> None:
        one = SessionOptions(max_utterances_in_flight=1)
        async with recorded(slow(sure_of_two, encode_s=60), one) as (home, session):
            reader = asyncio.create_task(collect(session))
            for stretch in range(2):
                await speak(session, THREE_PIECES[:IN_SECOND_PIECE])
                if stretch == updated_stretch:
                    await session.receive(UpdateInput(FRENCH))
                await speak(session, THREE_PIECES[IN_SECOND_PIECE:])
            await session.receive(ClearInput())
            assert not home.engine.live_request_ids
            await speak(session, more := clip(silence(0.5), speech(1.0), silence(1.0)))
            await session.receive(EndInput(2 * len(THREE_PIECES) + len(more)))
            events = await reader
            assert len(home.engine.submitted) == 2, "what waited for its turn is never tried"
        check_contract(events)
        assert {each.utterance_id: each.language for each in of(events, TextDelta)} == {0: "fra"}
        assert [each.from_utterance_id for each in of(events, Updated)] == [0]

    play(scenario())


@pytest.mark.parametrize("simultaneous", [None, SimultaneousSettings()])
def test_clear_drops_an_utterance_that_waits_behind_pieces(
    simultaneous: SimultaneousSettings | None,
) -> None:
    async def scenario() -> None:
        async with recorded(slow(sure_of_two, encode_s=60)) as (_, session):
            reader = asyncio.create_task(collect(session))
            await speak(session, THREE_PIECES[:IN_SECOND_PIECE])
            await session.receive(UpdateInput(replace(FRENCH_BY_UTTERANCE, simultaneous=simultaneous)))
            await speak(session, THREE_PIECES[IN_SECOND_PIECE:])
            await speak(session, one := clip(silence(0.5), speech(1.0), silence(1.0)))
            await session.receive(ClearInput())
            await speak(session, one)
            await session.receive(EndInput(len(THREE_PIECES) + 2 * len(one)))
            events = await reader
        check_contract(events)
        (ended,) = of(events, SpeechEnded)
        assert ended.source.start >= len(THREE_PIECES) + len(one)
        assert {each.language for each in of(events, TextDelta)} == {"fra"}

    play(scenario())


@pytest.mark.parametrize("silence_s", [0.2, 1.0, 2.0])
def test_clear_commits_what_it_drops(silence_s: float) -> None:
    """A client that resumes behind a ``clear`` sends nothing of it again."""

    async def scenario() -> None:
        async with recorded(slow(sure_of_two, encode_s=60)) as (_, session):
            said, events = await cleared(session, silence_s)
        check_contract(events)
        assert not of(events, UtteranceDone)
        assert of(events, Progress)[-1].committed_samples == len(said)

    play(scenario())


def test_clear_commits_a_piece_that_waits_for_its_place_once() -> None:
    def slow_to_speak(request: Request) -> ScriptedRequest:
        script = sure_of_all(request)
        return replace(script, sequences=tuple(replace(each, text_to_unit_s=60) for each in script.sequences))

    async def scenario() -> None:
        async with recorded(slow_to_speak, SessionOptions(max_utterances_in_flight=1)) as (_, session):
            said, events = await cleared(session, 0.2)
        check_contract(events)
        assert len(of(events, SpeechEnded)) == 2, "the second piece is an utterance, and waits"
        assert [each.committed_samples for each in of(events, Progress)] == [len(said)]

    play(scenario())


def test_an_engine_that_is_lost_while_pieces_are_tried_ends_the_stream() -> None:
    async def scenario() -> None:
        async with recorded(slow(sure_of_two, encode_s=60)) as (home, session):
            reader = asyncio.create_task(collect(session))
            home.engine.lose_device()
            with pytest.raises(EngineLost):
                await speak(session, clip(TWO_PIECES, silence(1.0)))
            with pytest.raises(EngineLost):
                await reader

    play(scenario())


def test_no_more_pieces_are_tried_at_once_than_utterances_may_be_in_flight() -> None:
    three, text = SessionOptions(max_utterances_in_flight=3), TargetSettings("es", speech=False)

    async def scenario() -> None:
        async with recorded(sure_of_two, three, text) as (home, session):
            talk = asyncio.create_task(converse(session, chunks(recording(*[SHORT_PAUSE_S] * 5))))
            live = set[int]()
            while not talk.done():
                live.add(len(home.engine.live_request_ids))
                await asyncio.sleep(0.01)
        check_contract(events := await talk)
        assert len(of(events, UtteranceDone)) == 3
        assert max(live) == 3

    play(scenario())
