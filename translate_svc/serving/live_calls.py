"""The calls that one front door carries now, from their admission until the door is shut."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Iterator
from contextlib import contextmanager

from translate_svc.errors import ResourceExhausted, TranslateSvcError, Unavailable
from translate_svc.serving.call_driver import CallDriver
from translate_svc.serving.options import CallOptions
from translate_svc.serving.protocols import Service

DRAINING = Unavailable("the server is draining")
"""Why a server leaves, unless it has another reason."""


class LiveCalls:
    """Lets calls in, runs them, and sees them out."""

    def __init__(self, service: Service, options: CallOptions) -> None:
        self._service = service
        self._options = options
        self._calls: set[CallDriver] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self._leaving: TranslateSvcError | None = None
        self._unopened = 0

    def __len__(self) -> int:
        """Streams and calls that are open now."""
        return len(self._calls)

    @contextmanager
    def admission(self) -> Iterator[None]:
        """Around an admission: the service counts every call that is kept out, whatever kept it out."""
        try:
            yield
        except Exception as error:
            self._service.record_rejected(error)
            raise

    @contextmanager
    def opening(self) -> Iterator[None]:
        """While the first message of a stream is waited for.

        Raises:
            ResourceExhausted: ``CallOptions.max_unopened_streams`` are.
        """
        if self._unopened >= self._options.max_unopened_streams:
            raise ResourceExhausted(f"{self._unopened} streams are being opened")
        self._unopened += 1
        try:
            yield
        finally:
            self._unopened -= 1

    def check_open(self) -> None:
        """Raises what new calls are refused with, once ``drain`` was called."""
        if self._leaving is not None:
            raise copy.copy(self._leaving)  # a shared exception would collect every caller's traceback

    async def run(self, call: CallDriver) -> None:
        """Carries an admitted call to its end. Nothing may be awaited between its admission and here.

        Raises:
            TranslateSvcError, asyncio.CancelledError: as ``CallDriver.run``.
        """
        self._calls.add(call)
        self._empty.clear()
        try:
            await call.run()
        finally:
            self._calls.discard(call)
            if not self._calls:
                self._empty.set()

    async def drain(self, grace_s: float, reason: TranslateSvcError) -> None:
        """Refuses new streams and calls, sends ``go_away`` on open streams, and waits until all are gone.

        New ones, and those still open after ``grace_s``, fail with ``reason``. Called again, the earlier end
        counts. What calls may wait for past the grace has its own deadlines (the response that is on its way,
        the status behind it, and the session); a call that misses them is left behind.
        """
        self._leaving = reason
        for call in tuple(self._calls):
            call.go_away(grace_s, reason)
        slack_s = 2 * self._options.abort_timeout_s + self._options.cancel_timeout_s
        try:
            async with asyncio.timeout(grace_s + slack_s):
                await self._empty.wait()
        except TimeoutError:
            pass
