"""One stream on virtual time: the messages read, the waits for them, and where reading ends."""

from __future__ import annotations

import asyncio

import pytest

from tests.serving.fakes import CLOSED, FakeClient, FakeSession, now_s, play
from translate_svc.errors import InvalidArgument, QuotaExceeded, StreamTimeout, Unavailable
from translate_svc.serving.options import CallOptions
from translate_svc.serving.stream_driver import StreamDriver
from translate_svc.types import AudioInput, ClientMessage, EndInput, GoAway

OPTIONS = CallOptions(idle_timeout_s=60, drain_finish_s=10)
AUDIO = AudioInput(b"12")
LEAVING = Unavailable("leaving")


def driver(client: FakeClient, talk: FakeSession) -> StreamDriver:
    return StreamDriver(client, client, talk, OPTIONS)


def test_a_message_that_cannot_be_read_fails_the_stream() -> None:
    async def scenario() -> None:
        client, talk = FakeClient(), FakeSession()
        client.say(InvalidArgument("is no message"))
        with pytest.raises(InvalidArgument, match="is no message"):
            await driver(client, talk).run()
        assert talk.end is not None
        assert talk.end.status == "InvalidArgument"

    play(scenario)


def test_a_client_that_says_nothing_is_given_up_from_its_last_message_on() -> None:
    async def scenario() -> None:
        client, talk = FakeClient(), FakeSession()
        asyncio.get_running_loop().call_later(50, client.say, AUDIO)
        with pytest.raises(StreamTimeout, match="60 s"):
            await driver(client, talk).run()
        assert now_s() == pytest.approx(110)

    play(scenario)


def test_the_time_that_the_session_takes_is_not_the_clients() -> None:
    class Full(FakeSession):
        async def receive(self, message: ClientMessage) -> None:
            await asyncio.sleep(200)
            await super().receive(message)

    async def scenario() -> None:
        client, talk = FakeClient(), Full()
        client.say(AUDIO)
        client.say(EndInput(1))
        await driver(client, talk).run()
        assert now_s() == pytest.approx(400)

    play(scenario)


def test_after_the_end_nothing_more_is_waited_for() -> None:
    class Slow(FakeSession):
        async def receive(self, message: ClientMessage) -> None:
            self.received.append(message)
            asyncio.get_running_loop().call_later(600, self.say, CLOSED)

    async def scenario() -> None:
        client, talk = FakeClient(), Slow()
        client.say(EndInput(0))
        await driver(client, talk).run()
        assert now_s() == pytest.approx(600)

    play(scenario)


def test_a_stream_that_stays_is_heard_until_shortly_before_the_deadline() -> None:
    """What it had said is finished; it gets the reason in place of ``Closed``."""

    async def scenario() -> None:
        client, talk = FakeClient(), FakeSession(finish_s=4)
        call = driver(client, talk)
        call.go_away(30, LEAVING)
        with pytest.raises(Unavailable, match="leaving"):
            await call.run()
        assert talk.half_closed_s == pytest.approx(20)
        assert talk.was_cut_off, "it may have had more to say"
        assert now_s() == pytest.approx(24), "it does not wait for the deadline when all is said"
        assert client.got == [GoAway(30_000)]

    play(scenario)


def test_a_stream_that_ends_when_told_is_closed_like_any_other() -> None:
    async def scenario() -> None:
        client, talk = FakeClient(), FakeSession()
        call = driver(client, talk)
        call.go_away(30, LEAVING)
        asyncio.get_running_loop().call_later(19, client.say, EndInput(0))
        await call.run()
        assert client.got == [GoAway(30_000), CLOSED]

    play(scenario)


@pytest.mark.parametrize(
    ("needed_s", "heard_s"),
    [
        (4.0, 20.0),  # ten seconds before the deadline in any case
        (25.0, 5.0),
        (100.0, 0.0),  # more than the engine can do: at least it gets no more
    ],
)
def test_the_more_has_been_begun_the_sooner_hearing_stops(needed_s: float, heard_s: float) -> None:
    async def scenario() -> None:
        talk = FakeSession(finish_s=1)
        call = driver(FakeClient(), talk)
        call.go_away(30, LEAVING, lambda: needed_s)
        with pytest.raises(Unavailable, match="leaving"):
            await call.run()
        assert talk.half_closed_s == pytest.approx(heard_s)

    play(scenario)


@pytest.mark.parametrize(("plays_s", "waited_s"), [(12, 12), (10_000, 35)])
def test_a_stream_that_ends_at_its_callers_limit_is_heard_first(plays_s: float, waited_s: float) -> None:
    class Limited(FakeSession):
        async def receive(self, message: ClientMessage) -> None:
            raise QuotaExceeded("no audio is left")

    async def scenario() -> None:
        client, talk = FakeClient(), Limited()
        client.say(AUDIO)
        client.say(AUDIO)  # is not heard
        with pytest.raises(QuotaExceeded):
            await StreamDriver(client, client, talk, OPTIONS, heard=lambda: asyncio.sleep(plays_s)).run()
        assert now_s() == pytest.approx(waited_s)

    play(scenario)
