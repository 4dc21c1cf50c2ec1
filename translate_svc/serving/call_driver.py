"""One live call: sends the events of its handler to one client."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import logging
import math
import traceback
from collections.abc import Callable, Coroutine
from typing import Any

from translate_svc.errors import StreamTimeout, TranslateSvcError, Unavailable
from translate_svc.serving.options import CallOptions
from translate_svc.serving.protocols import CallHandler, EventSink
from translate_svc.types import CallOutcome, SessionEvent

_FINISH_CHECK_S = 0.5
_log = logging.getLogger(__name__)


class CallDriver:
    """Sends the events of a ``CallHandler`` to the client, until either side ends the call.

    The output is bounded: the driver takes the next event only after it has sent the last one.
    """

    def __init__(
        self, sink: EventSink, handler: CallHandler, options: CallOptions, *, last: type[SessionEvent]
    ) -> None:
        """``last`` is the event that must end the call. Without it the call fails."""
        self._sink = sink
        self._handler = handler
        self._options = options
        self._last = last
        self._writing: asyncio.Future[None] | None = None
        self._clock = asyncio.get_running_loop().time
        self._grace_s = math.inf
        self._deadline_s = math.inf
        self._go_away_reason: TranslateSvcError = Unavailable("the server ended the call")
        self._needed_s: Callable[[], float] = lambda: 0.0
        self._going_away = asyncio.Event()

    async def run(self) -> None:
        """Returns after the last event has been sent.

        Raises:
            TranslateSvcError: the transport must fail the call with this error.
            asyncio.CancelledError: the client has left.
        """
        error = await self._failure()
        if error is not None:
            traceback.clear_frames(error.__traceback__)
        try:
            try:
                await self._cancel_handler(
                    CallOutcome(self._sink.status_of(error), error, self._sink.bytes_out)
                )
            finally:
                await self._finish_writing()
            if error is not None:
                raise error
        finally:
            del error  # it refers to this frame

    async def _failure(self) -> BaseException | None:
        """Sends the events. Returns why not all were sent, or None.

        The frames of a task group hold its errors, and those the frames: what the call has buffered would
        be kept until a collection. So they are cleared, here and by ``run``.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                helpers = [tasks.create_task(helper) for helper in self._helpers()]
                await self._write()
                for helper in helpers:
                    helper.cancel()
        except BaseExceptionGroup as failures:
            traceback.clear_frames(failures.__traceback__)
            # the first one is the cause; it cancelled the other tasks, whose errors follow from that
            return failures.exceptions[0]
        except asyncio.CancelledError as cancelled:
            return cancelled
        return None

    def go_away(
        self, grace_s: float, reason: TranslateSvcError, finish_s: Callable[[], float] = lambda: 0.0
    ) -> None:
        """Fails the call with ``reason`` after ``grace_s``. If called again, the earlier deadline counts.

        ``finish_s``: how long it takes now to finish what has been begun. Input is taken until only that much
        time is left before the deadline, and at most until ``CallOptions.drain_finish_s`` before it.
        """
        if self._clock() + grace_s < self._deadline_s:
            self._grace_s, self._deadline_s = grace_s, self._clock() + grace_s
            self._go_away_reason, self._needed_s = reason, finish_s
            self._going_away.set()

    def _helpers(self) -> list[Coroutine[Any, Any, None]]:
        """Tasks that run while events are sent, and are cancelled afterwards."""
        return [self._fail_after_go_away()]

    def _announce_go_away(self, grace_s: float) -> None:
        """Informs the client, if the contract has a message for it."""

    def _end_input(self) -> None:
        """Takes no more input, so that the handler can finish its work before the call fails."""

    async def _check(self, event: SessionEvent) -> None:
        """Raises an error if ``event`` must not be sent. May wait until that is to be told."""

    async def _write(self) -> None:
        event: SessionEvent | None = None
        async for event in self._handler.events():
            await self._check(event)
            self._writing = asyncio.ensure_future(self._sink.send(event))
            self._writing.add_done_callback(_retrieve)
            try:
                async with asyncio.timeout(self._options.write_timeout_s):
                    await asyncio.shield(self._writing)
            except TimeoutError:
                waited_s = self._options.write_timeout_s
                raise StreamTimeout(
                    f"no response could be written for {waited_s:g} s: keep reading"
                ) from None

        if not isinstance(event, self._last):
            # the service cancelled the handler; an OK status would claim that the client has everything
            raise Unavailable("the server ended the call")

    async def _finish_writing(self) -> None:
        """Waits for a pending write: the status can only follow it.

        A transport may continue a write whose coroutine was cancelled, and then refuses to send a status.
        """
        if self._writing is not None:
            await asyncio.wait({self._writing}, timeout=self._options.abort_timeout_s)
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
            self._writing = None

    async def _fail_after_go_away(self) -> None:
        await self._going_away.wait()
        self._announce_go_away(self._grace_s)
        await self._sleep_until_deadline(self._finish_s)
        self._end_input()
        await self._sleep_until_deadline(lambda: 0.0)
        raise self._go_away_error()

    def _finish_s(self) -> float:
        """How long before the deadline no more input is taken."""
        return max(self._options.finish_s(self._grace_s), self._needed_s())

    def _go_away_error(self) -> TranslateSvcError:
        """A copy of the reason: a shared exception would collect the tracebacks of all calls."""
        return copy.copy(self._go_away_reason)

    async def _sleep_until_deadline(self, earlier_s: Callable[[], float]) -> None:
        """Returns ``earlier_s`` before the deadline. Both may change meanwhile."""
        while (left_s := self._deadline_s - earlier_s() - self._clock()) > 0:
            self._going_away.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left_s, _FINISH_CHECK_S)):
                    await self._going_away.wait()

    async def _cancel_handler(self, outcome: CallOutcome) -> None:
        """Cancels the handler, even if this task is cancelled again meanwhile."""
        cancelling = asyncio.ensure_future(self._handler.cancel(outcome))
        try:
            async with asyncio.timeout(self._options.cancel_timeout_s):
                await asyncio.shield(cancelling)
        except TimeoutError:
            _log.error("a call did not stop within %g s of its cancellation", self._options.cancel_timeout_s)


def _retrieve(writing: asyncio.Future[None]) -> None:
    """Its failure is that of the call, which may have ended first: then nobody waits for it."""
    if not writing.cancelled():
        writing.exception()
