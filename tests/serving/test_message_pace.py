"""How long a stream waits that sends too much, on virtual time."""

from __future__ import annotations

import asyncio

import pytest

from tests.serving.fakes import FakeClient, FakeSession, now_s, play
from translate_svc.serving.options import CallOptions
from translate_svc.serving.stream_driver import MessagePace, StreamDriver
from translate_svc.types import (
    AckInput,
    AudioInput,
    ClearInput,
    ClientMessage,
    EndInput,
    FinalizeInput,
    SilenceInput,
)

AUDIO = AudioInput(b"12")


@pytest.mark.parametrize("flood", [ClearInput(), FinalizeInput(), SilenceInput(57_600_000)], ids=str)
def test_a_flood_of_control_messages_is_held(flood: ClientMessage) -> None:
    """A burst of 1,000: 300 go through, and then 100 each second."""

    async def scenario() -> None:
        client, talk = FakeClient(), FakeSession()
        began_s = now_s()
        for message in (*(flood,) * 1_000, EndInput(0), None):
            client.say(message)
        await StreamDriver(client, client, talk, CallOptions(idle_timeout_s=5)).run()
        assert now_s() - began_s == pytest.approx(7, abs=0.1)
        assert len(talk.received) == 1_001, "nothing is lost"

    play(scenario)


def test_a_long_silence_saves_no_more_than_300() -> None:
    """A burst of 700 after it: 300 go through, the others wait for 4 s."""

    async def scenario() -> None:
        pace = MessagePace()
        await asyncio.sleep(3_600)
        began_s = now_s()
        for _ in range(700):
            await pace.keep(ClearInput())
        assert now_s() - began_s == pytest.approx(4, abs=0.1)

    play(scenario)


def test_a_talk_never_waits() -> None:
    """Frames of 2.5 ms, the shortest of Opus, all events acknowledged, and somebody who interrupts."""

    async def scenario() -> None:
        pace = MessagePace()
        for index in range(400 * 60):
            await asyncio.sleep(0.0025)
            waited_from_s = now_s()
            await pace.keep(AUDIO)
            if index % 4 == 0:
                await pace.keep(AckInput(index))
            if index % 100 == 0:
                await pace.keep(ClearInput())
                await pace.keep(FinalizeInput())
            assert now_s() == waited_from_s

    play(scenario)
