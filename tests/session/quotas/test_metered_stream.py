"""A stream whose caller has no audio left ends after what came before was translated and taken."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.session.harness import (
    RATE_HZ,
    House,
    chunks,
    clip,
    config,
    house,
    of,
    silence,
    speech,
    utterances,
)
from tests.virtual_time import virtual_time
from translate_svc.errors import ResourceExhausted
from translate_svc.session.quotas.audio_meter import AudioMeter
from translate_svc.session.session import Session
from translate_svc.types import (
    Closed,
    EndReason,
    Progress,
    SessionEvent,
    SpeechEnded,
    UtteranceDone,
    UtteranceStatus,
)

LATE = chunks(silence(0.05))[0]


def metered(home: House, seconds: float) -> Session:
    """A stream that may send so much audio."""
    used_s = 0.0

    async def draw(more_s: float, *, patient: bool) -> float:
        nonlocal used_s
        assert not patient
        if used_s >= seconds:
            raise ResourceExhausted("no audio is left", retry_after_s=1.0)
        used_s += more_s
        return 0.0

    stream = config()
    return home.open(stream, AudioMeter(stream.input, draw))


async def send(session: Session, count: int) -> None:
    """``count`` utterances of two seconds, all of them within the quota."""
    for message in chunks(utterances(count)):
        await session.receive(message)


async def refused_after_s(session: Session) -> float:
    """How long the refusal of more audio takes."""
    began_s = asyncio.get_running_loop().time()
    with pytest.raises(ResourceExhausted):
        await session.receive(LATE)
    return asyncio.get_running_loop().time() - began_s


def run(scenario: Callable[[House], object]) -> None:
    async def in_house() -> None:
        async with house() as home:
            await scenario(home)  # type: ignore[misc]

    with virtual_time() as runner:
        runner.run(in_house())


def test_what_was_heard_is_taken_before_the_refusal() -> None:
    async def scenario(home: House) -> None:
        session, taken = metered(home, 4.0), list[SessionEvent]()

        async def read_slowly() -> None:
            async for event in session.events():
                taken.append(event)
                await asyncio.sleep(0.01)

        await send(session, 2)
        reading = asyncio.create_task(read_slowly())
        assert await refused_after_s(session) < 9.0
        assert len(of(taken, UtteranceDone)) == 2
        assert session.queued_s == 0
        await session.cancel()
        await reading

    run(scenario)


def test_what_somebody_was_saying_is_translated_before_the_refusal() -> None:
    """At once: no input would end the utterance. It is not committed, so a resumed stream says it whole."""

    async def scenario(home: House) -> None:
        session, taken = metered(home, 3.0), list[SessionEvent]()

        async def read() -> None:
            async for event in session.events():
                taken.append(event)

        for message in chunks(clip(utterances(1), speech(1.0))):
            await session.receive(message)
        reading = asyncio.create_task(read())
        assert await refused_after_s(session) < 3.0
        assert [each.reason for each in of(taken, SpeechEnded)] == [EndReason.SILENCE, EndReason.GOING_AWAY]
        assert [each.status for each in of(taken, UtteranceDone)] == [UtteranceStatus.OK] * 2
        assert max(each.committed_samples for each in of(taken, Progress)) <= 2 * RATE_HZ
        assert not of(taken, Closed)
        await session.cancel()
        await reading

    run(scenario)


def test_a_client_that_reads_nothing_is_not_waited_for_without_end() -> None:
    async def scenario(home: House) -> None:
        session = metered(home, 2.0)
        await send(session, 1)
        assert await refused_after_s(session) == pytest.approx(10.0)
        await session.cancel()

    run(scenario)


def test_a_stream_that_ends_meanwhile_is_not_waited_for() -> None:
    async def scenario(home: House) -> None:
        session = metered(home, 2.0)
        await send(session, 1)
        refusal = asyncio.create_task(refused_after_s(session))
        await asyncio.sleep(1.0)
        assert not refusal.done()
        await session.cancel()
        assert await refusal == pytest.approx(1.0)

    run(scenario)
