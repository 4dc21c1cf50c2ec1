"""Fakes for both ends of a driver: the client and the session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from tests.virtual_time import virtual_time
from translate_svc.errors import TranslateSvcError
from translate_svc.types import (
    CallOutcome,
    ClientMessage,
    Closed,
    EndInput,
    GoAway,
    SampleRange,
    SessionEvent,
    TextDelta,
    Usage,
    UtteranceDone,
    UtteranceStatus,
)

RANGE = SampleRange(0, 0)
WORD = TextDelta(0, RANGE, "spa", "uno", False, transcript=False)
DONE = UtteranceDone(0, RANGE, UtteranceStatus.OK, Usage(utterances=1))
CLOSED = Closed(True, Usage())
EVENT_BYTES = 10


def play(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with virtual_time() as runner:
        runner.run(scenario())


def now_s() -> float:
    return asyncio.get_running_loop().time()


class FakeClient:
    """Sink and source of one call: a client that takes ``write_s`` to take an event.

    Attributes:
        got: the events that it has.
        write_s: of virtual time; a write continues when its coroutine is cancelled, as gRPC's does.
    """

    def __init__(self, write_s: float = 0.0) -> None:
        self.got: list[SessionEvent] = []
        self.write_s = write_s
        self.bytes_out = 0
        self._said: asyncio.Queue[ClientMessage | TranslateSvcError | None] = asyncio.Queue()

    def say(self, message: ClientMessage | TranslateSvcError | None) -> None:
        """Sends a message, one that cannot be read, or the end."""
        self._said.put_nowait(message)

    async def send(self, event: SessionEvent) -> None:
        self.bytes_out += EVENT_BYTES
        await asyncio.sleep(self.write_s)
        self.got.append(event)

    def status_of(self, error: BaseException | None) -> str:
        return "fine" if error is None else type(error).__name__

    async def receive(self) -> ClientMessage | None:
        message = await self._said.get()
        if isinstance(message, TranslateSvcError):
            raise message
        return message


class FakeSession:
    """A session that returns the events passed to ``say``, and ``Closed`` at the end of its input.

    Attributes:
        received: the messages in order, and when the input had ended.
        finish_s: from the end of the input to ``Closed``.
        cancel_s: what ``cancel`` takes.
        end: the argument of ``cancel``; None before.
    """

    def __init__(self, finish_s: float = 0.0, cancel_s: float = 0.0) -> None:
        self.received: list[ClientMessage] = []
        self.half_closed_s: float | None = None
        self.was_cut_off = False
        self.finish_s = finish_s
        self.cancel_s = cancel_s
        self.end: CallOutcome | None = None
        self._events: asyncio.Queue[SessionEvent | Exception | None] = asyncio.Queue()

    def say(self, event: SessionEvent | Exception | None) -> None:
        """An event, a failure, or an end without ``Closed``."""
        self._events.put_nowait(event)

    async def events(self) -> AsyncIterator[SessionEvent]:
        while (event := await self._events.get()) is not None:
            if isinstance(event, Exception):
                raise event
            yield event
            if isinstance(event, Closed | UtteranceDone):
                return

    async def receive(self, message: ClientMessage) -> None:
        self.received.append(message)
        if isinstance(message, EndInput):
            self.say(CLOSED)

    async def half_close(self, *, cut_off: bool = False) -> None:
        self.half_closed_s, self.was_cut_off = now_s(), cut_off
        if not any(isinstance(message, EndInput) for message in self.received):
            asyncio.get_running_loop().call_later(self.finish_s, self.say, Closed(False, Usage()))

    def go_away(self, deadline_ms: int) -> None:
        self.say(GoAway(deadline_ms))

    async def cancel(self, end: CallOutcome | None = None) -> None:
        self.end = self.end or end
        await asyncio.sleep(self.cancel_s)
