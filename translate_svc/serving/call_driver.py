"""One live call: the events of whatever answers it, on their way to one client."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import logging
import math
from collections.abc import Coroutine
from typing import Any

from translate_svc.errors import StreamTimeout, TranslateSvcError, Unavailable
from translate_svc.serving.options import CallOptions
from translate_svc.serving.protocols import CallHandler, EventSink
from translate_svc.types import CallOutcome, SessionEvent

_log = logging.getLogger(__name__)


class CallDriver:
    """Carries the events of an ``CallHandler`` out, until either side is done.

    The output is bounded: one event at a time is taken, and the next one when that has left.
    """

    def __init__(
        self, sink: EventSink, answer: CallHandler, options: CallOptions, *, last: type[SessionEvent]
    ) -> None:
        """``last`` is the event without which the answer is not whole."""
        self._sink = sink
        self._answer = answer
        self._options = options
        self._last = last
        self._writing: asyncio.Future[None] | None = None
        self._clock = asyncio.get_running_loop().time
        self._grace_s = math.inf
        self._leave_at_s = math.inf
        self._leave_reason: TranslateSvcError = Unavailable("the server ended the call")
        self._told_to_leave = asyncio.Event()

    async def run(self) -> None:
        """Returns after the last event has left.

        Raises:
            TranslateSvcError: the call is to be failed with it.
            asyncio.CancelledError: the client is gone.
        """
        error: BaseException | None = None
        try:
            async with asyncio.TaskGroup() as tasks:
                helpers = [tasks.create_task(helper) for helper in self._helpers()]
                await self._write()
                for helper in helpers:
                    helper.cancel()
        except BaseExceptionGroup as failures:
            # the first is the cause; what the others say comes of being cancelled
            error = failures.exceptions[0]
            raise error from None
        except asyncio.CancelledError as cancelled:
            error = cancelled
            raise
        finally:
            await self._give_back(CallOutcome(self._sink.status_of(error), error, self._sink.bytes_out))
            await self._finish_writing()

    def go_away(self, deadline_s: float, reason: TranslateSvcError) -> None:
        """After ``deadline_s`` the call fails with ``reason``. Said again, the earlier end counts."""
        if self._clock() + deadline_s < self._leave_at_s:
            self._grace_s, self._leave_at_s = deadline_s, self._clock() + deadline_s
            self._leave_reason = reason
            self._told_to_leave.set()

    def _helpers(self) -> list[Coroutine[Any, Any, None]]:
        """What runs beside the writing and is cancelled after it."""
        return [self._leave_after_go_away()]

    def _announce_leave(self, deadline_s: float) -> None:
        """Tells the client, where the contract has words for it."""

    def _end_input(self) -> None:
        """Nothing more is taken from the client: what was begun is to be finished before the call fails."""

    def _check(self, event: SessionEvent) -> None:
        """Raises instead of an event that must not be told."""

    async def _write(self) -> None:
        event: SessionEvent | None = None
        async for event in self._answer.events():
            self._check(event)
            self._writing = asyncio.ensure_future(self._sink.send(event))
            try:
                async with asyncio.timeout(self._options.write_timeout_s):
                    await asyncio.shield(self._writing)
            except TimeoutError:
                waited_s = self._options.write_timeout_s
                raise StreamTimeout(
                    f"no response could be written for {waited_s:g} s: keep reading"
                ) from None

        if not isinstance(event, self._last):
            # the service dropped it; success would tell the client that it had got everything
            raise Unavailable("the server ended the call")

    async def _finish_writing(self) -> None:
        """Lets the response that is on its way leave, which a status cannot overtake.

        A transport may go on with a write whose coroutine was cancelled, and refuse a status beside it.
        """
        if self._writing is not None:
            await asyncio.wait({self._writing}, timeout=self._options.abort_timeout_s)
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)

    async def _leave_after_go_away(self) -> None:
        await self._told_to_leave.wait()
        self._announce_leave(self._grace_s)
        await self._sleep_until_leaving(min(self._options.drain_finish_s, self._grace_s / 2))
        self._end_input()
        await self._sleep_until_leaving(0)
        raise self._departure()

    def _departure(self) -> TranslateSvcError:
        """The reason, as this call's own exception: a shared one would collect all tracebacks."""
        return copy.copy(self._leave_reason)

    async def _sleep_until_leaving(self, earlier_s: float) -> None:
        """Returns ``earlier_s`` before the call fails, which may come to be sooner."""
        while (left_s := self._leave_at_s - earlier_s - self._clock()) > 0:
            self._told_to_leave.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await self._told_to_leave.wait()

    async def _give_back(self, end: CallOutcome) -> None:
        """Ends the answer, whether or not this task is cancelled once more meanwhile."""
        cancelling = asyncio.ensure_future(self._answer.cancel(end))
        try:
            async with asyncio.timeout(self._options.cancel_timeout_s):
                await asyncio.shield(cancelling)
        except TimeoutError:
            _log.error("a call did not drop its work within %g s", self._options.cancel_timeout_s)
