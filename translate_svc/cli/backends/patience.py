"""Waits while a server is full, and says so."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TypeVar

from translate_svc.cli.backends.backend import Translator
from translate_svc.errors import ResourceExhausted, Unavailable
from translate_svc.types import SessionEvent, TranslateRequest

T = TypeVar("T")

_MAX_WAIT_S = 600.0
_MIN_PAUSE_S = 0.1


class Patience:
    """Tries again what a full server refuses, for ten minutes. One for all that a command translates: while
    one part of it has a place, the others do not give up, and one of them takes that place when it is free.

    That there is no place is told on standard error at once, and no more than once in ten minutes; not while
    the places are the command's own.
    """

    def __init__(self) -> None:
        self._held = 0
        self._waiting: deque[asyncio.Event] = deque()
        self._placed_s: float | None = None
        self._told_s: float | None = None

    @asynccontextmanager
    async def place(self, opening: Callable[[], AbstractAsyncContextManager[T]]) -> AsyncIterator[T]:
        """Opens what ``opening`` makes, when the server has a place for it; closes it at the end.

        Raises:
            Unavailable: the server was full for ten minutes.
        """
        async with AsyncExitStack() as opened:
            place = await self.result(lambda: opened.enter_async_context(opening()))
            self._held += 1
            try:
                yield place
            finally:
                self._held -= 1
                self._placed_s = asyncio.get_running_loop().time()
        self._wake()

    async def result(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """What ``attempt`` returns, when the server takes it.

        Raises:
            Unavailable: the server was full for ten minutes.
        """
        clock = asyncio.get_running_loop().time
        began_s = clock()
        while True:
            try:
                return await attempt()
            except ResourceExhausted as error:
                since_s = clock() if self._held else max(began_s, self._placed_s or began_s)
                left_s = since_s + _MAX_WAIT_S - clock()
                if left_s <= 0:
                    raise Unavailable(f"no place for ten minutes: {error}") from None
                self._tell(error, clock())
                await self._pause(min(max(error.retry_after_s, _MIN_PAUSE_S), left_s))

    async def events(self, translator: Translator, request: TranslateRequest) -> list[SessionEvent]:
        """Those of one text or clip, when the server takes it. Raises as ``result`` and the translator."""

        async def attempt() -> list[SessionEvent]:
            self._held += 1  # perhaps: whether the server takes it is known by its first event, which is late
            try:
                events = [event async for event in translator.translate(request)]
            finally:
                self._held -= 1
            self._placed_s = asyncio.get_running_loop().time()
            self._wake()
            return events

        return await self.result(attempt)

    async def _pause(self, pause_s: float) -> None:
        """Ends early when a place of the command's own is free."""
        free = asyncio.Event()
        self._waiting.append(free)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await free.wait()
        finally:
            if free in self._waiting:
                self._waiting.remove(free)

    def _wake(self) -> None:
        """Lets one try that waits go on."""
        if self._waiting:
            self._waiting.popleft().set()

    def _tell(self, error: ResourceExhausted, now_s: float) -> None:
        if self._held:
            return
        if self._told_s is None or now_s - self._told_s > _MAX_WAIT_S:
            self._told_s = now_s
            print(
                f"translate-svc: no place yet: {error}; trying again for up to ten minutes", file=sys.stderr
            )
