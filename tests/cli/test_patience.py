"""How long a command tries again what a full server refuses, and what it says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from tests.virtual_time import virtual_time
from translate_svc.cli.backends.patience import Patience
from translate_svc.errors import ResourceExhausted, Unavailable
from translate_svc.types import DEFAULT_ENCODING, AudioFormat, SessionEvent, TranslateRequest, Updated


def _now_s() -> float:
    return asyncio.get_running_loop().time()


class _Server:
    """Has a number of places, and says when to come again."""

    def __init__(self, places: int, retry_after_s: float = 1.0) -> None:
        self.places = places
        self._retry_after_s = retry_after_s

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        await self.take()
        try:
            yield
        finally:
            self.places += 1

    @property
    def opening(self) -> Callable[[], AbstractAsyncContextManager[None]]:
        return self._place

    async def take(self) -> None:
        if not self.places:
            raise ResourceExhausted("all streams are in use", retry_after_s=self._retry_after_s)
        self.places -= 1


class _Translator:
    """Takes a second for each text."""

    def __init__(self, server: _Server) -> None:
        self._server = server

    async def translate(self, request: TranslateRequest) -> AsyncIterator[SessionEvent]:
        async with self._server.opening():
            await asyncio.sleep(1)
            yield Updated(0)


@pytest.mark.parametrize("retry_after_s", [0.0, 1.0, 7_200.0])
def test_it_ends_after_ten_minutes_whatever_the_server_asks_for(retry_after_s: float) -> None:
    async def scenario() -> None:
        with pytest.raises(Unavailable, match="no place for ten minutes: all streams are in use"):
            await Patience().result(_Server(0, retry_after_s).take)
        assert 600 <= _now_s() <= 602

    with virtual_time() as runner:
        runner.run(scenario())


def test_many_waits_are_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    async def scenario() -> None:
        server, patience = _Server(0), Patience()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(3):
                tasks.create_task(patience.result(server.take))
            await asyncio.sleep(60)
            server.places = 3
        async with patience.place(_Server(1).opening):
            pass

    with virtual_time() as runner:
        runner.run(scenario())
    told = "translate-svc: no place yet: all streams are in use; trying again for up to ten minutes\n"
    assert capsys.readouterr().err == told


def test_files_wait_for_as_long_as_the_places_are_their_own() -> None:
    """A server with one place, two files of a batch, and an hour for each."""

    async def scenario() -> None:
        server, patience = _Server(1), Patience()

        async def translate() -> None:
            async with patience.place(server.opening):
                await asyncio.sleep(3_600)

        await asyncio.gather(translate(), translate())
        assert 7_200 <= _now_s() <= 7_202

    with virtual_time() as runner:
        runner.run(scenario())


def test_texts_that_wait_for_places_of_their_own_go_on_at_once_and_say_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A server with two places that asks for a minute, and a command that sends four texts at once."""

    async def scenario() -> None:
        translator, patience = _Translator(_Server(2, 60.0)), Patience()
        request = TranslateRequest("Hi.", (), AudioFormat(DEFAULT_ENCODING, 16_000))
        await asyncio.gather(*(patience.events(translator, request) for _ in range(4)))  # type: ignore[arg-type]
        assert _now_s() < 10

    with virtual_time() as runner:
        runner.run(scenario())
    assert capsys.readouterr().err == ""
