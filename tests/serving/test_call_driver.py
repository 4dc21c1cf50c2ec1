"""One call on virtual time: patience with the client, going away, giving back."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import weakref

import pytest

from tests.serving.fakes import DONE, WORD, FakeClient, FakeSession, now_s, play
from translate_svc.errors import StreamTimeout, TranslateSvcError, Unavailable
from translate_svc.serving.call_driver import CallDriver
from translate_svc.serving.options import CallOptions
from translate_svc.types import SessionEvent, UtteranceDone

OPTIONS = CallOptions(write_timeout_s=10, abort_timeout_s=1, cancel_timeout_s=5, drain_finish_s=10)
LEAVING = Unavailable("leaving")


def driver(client: FakeClient, talk: FakeSession) -> CallDriver:
    return CallDriver(client, talk, OPTIONS, last=UtteranceDone)


def test_an_answer_without_its_last_event_is_not_whole() -> None:
    async def scenario() -> None:
        client, talk = FakeClient(), FakeSession()
        talk.say(WORD)
        talk.say(None)
        with pytest.raises(Unavailable, match="ended the call"):
            await driver(client, talk).run()

    play(scenario)


@pytest.mark.parametrize(("write_s", "late"), [(9.9, False), (10.1, True)])
def test_a_reader_may_take_so_long_and_no_longer(write_s: float, late: bool) -> None:
    async def scenario() -> None:
        client, talk = FakeClient(write_s), FakeSession()
        talk.say(DONE)
        if not late:
            await driver(client, talk).run()
            return
        with pytest.raises(StreamTimeout, match="10 s"):
            await driver(client, talk).run()
        assert now_s() == pytest.approx(write_s), "the response on its way leaves before the status does"
        assert client.got == [DONE]

    play(scenario)


def test_a_response_that_never_leaves_is_given_up() -> None:
    async def scenario() -> None:
        client, talk = FakeClient(write_s=1_000), FakeSession()
        talk.say(DONE)
        with pytest.raises(StreamTimeout):
            await driver(client, talk).run()
        assert now_s() == pytest.approx(OPTIONS.write_timeout_s + OPTIONS.abort_timeout_s)
        assert client.got == []

    play(scenario)


def test_a_call_that_was_left_is_freed_without_a_collection() -> None:
    async def scenario() -> None:
        client, talk = FakeClient(), FakeSession()
        call = driver(client, talk)
        running = asyncio.create_task(call.run())
        await asyncio.sleep(1)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        talk.end = None
        freed = weakref.ref(call)
        del call, running
        await asyncio.sleep(1)
        assert freed() is None

    gc.disable()
    try:
        play(scenario)
    finally:
        gc.enable()


async def _leaving(call: CallDriver) -> tuple[float, TranslateSvcError]:
    """When the call failed, and with what."""
    with pytest.raises(TranslateSvcError) as caught:
        await call.run()
    return now_s(), caught.value


def test_a_call_that_is_told_to_go_fails_at_the_deadline_with_the_reason() -> None:
    async def scenario() -> None:
        talk = FakeSession()
        call = driver(FakeClient(), talk)
        call.go_away(30, LEAVING)
        left_s, error = await _leaving(call)
        assert left_s == pytest.approx(30)
        assert (type(error), str(error)) == (Unavailable, "leaving")
        assert error is not LEAVING, "each call has an exception of its own"
        assert LEAVING.__traceback__ is None

    play(scenario)


def test_a_cancelled_call_gives_back_even_when_it_is_cancelled_again() -> None:
    async def scenario() -> None:
        talk = FakeSession(cancel_s=2)
        running = asyncio.create_task(driver(FakeClient(), talk).run())
        await asyncio.sleep(1)
        running.cancel()
        await asyncio.wait({running})
        assert now_s() == pytest.approx(3)
        assert talk.end is not None
        assert (talk.end.status, type(talk.end.error)) == ("CancelledError", asyncio.CancelledError)

    play(scenario)


def test_a_write_that_fails_behind_a_cancelled_call_is_no_error_of_the_server() -> None:
    """The client left: gRPC cancels the call, and again when the server stops, and the write fails then."""

    class Leaving(FakeClient):
        async def send(self, event: SessionEvent) -> None:
            with contextlib.suppress(asyncio.CancelledError):
                await super().send(event)
            raise ConnectionResetError

    async def scenario() -> None:
        logged: list[dict[str, object]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: logged.append(context))
        talk = FakeSession()
        talk.say(WORD)
        running = asyncio.create_task(driver(Leaving(write_s=5), talk).run())
        await asyncio.sleep(1)
        for _ in range(2):
            running.cancel()
            await asyncio.sleep(0.1)
        await asyncio.gather(running, return_exceptions=True)
        del running
        await asyncio.sleep(10)
        gc.collect()
        assert logged == []

    play(scenario)


def test_a_session_that_does_not_let_go_is_left_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        talk = FakeSession(cancel_s=8)
        talk.say(DONE)
        await driver(FakeClient(), talk).run()
        assert now_s() == pytest.approx(OPTIONS.cancel_timeout_s)
        await asyncio.sleep(10)

    with caplog.at_level(logging.ERROR):
        play(scenario)
    assert "did not stop within 5 s of its cancellation" in caplog.text
