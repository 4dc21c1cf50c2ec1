"""The live calls of one transport server, from their admission until the server has drained."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Callable, Iterator, Set
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from translate_svc.errors import (
    QuotaExceeded,
    ResourceExhausted,
    TranslateSvcError,
    Unauthenticated,
    Unavailable,
)
from translate_svc.serving.call_driver import CallDriver
from translate_svc.serving.held_places import HeldPlaces
from translate_svc.serving.options import CallOptions
from translate_svc.serving.protocols import TranslationService
from translate_svc.types import Caller

DRAINING = Unavailable("the server is draining")
"""The default reason of a drain."""
_NOT_ADMITTED = Unauthenticated("the caller was revoked, or its token has expired")


@dataclass(frozen=True, slots=True, eq=False)
class _Watched:
    may_stay: Callable[[], bool]
    end: Callable[[], None]


class LiveCalls:
    """Opens, runs and drains calls."""

    def __init__(self, service: TranslationService, options: CallOptions) -> None:
        self._service = service
        self._options = options
        self._calls: dict[CallDriver, asyncio.Task[object] | None] = {}
        """And the task in which each runs."""
        self._watched: set[_Watched] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self._drain_reason: TranslateSvcError | None = None
        self._unopened = HeldPlaces()

    def __len__(self) -> int:
        """Streams and calls that are open now."""
        return len(self._calls)

    @property
    def tasks(self) -> Set[asyncio.Task[object] | None]:
        """The tasks that run the calls."""
        return frozenset(self._calls.values())

    @contextmanager
    def admission(self) -> Iterator[None]:
        """Wraps an admission, so that the service counts every call that fails in it."""
        try:
            yield
        except Exception as error:
            self._service.record_rejected(error)
            raise

    @contextmanager
    def opening(self, caller: Caller, holder: str = "") -> Iterator[None]:
        """Wraps the wait for the first message of a stream, which counts for ``holder``, or else ``caller``.

        Raises:
            ResourceExhausted: ``CallOptions.max_unopened_streams`` streams wait already. Or a quarter of
                them, or as many as this caller may have, are of this holder. Where nothing tells anonymous
                callers apart, this does not count for them.
        """
        who = holder or caller.holder()
        everybody, own = self._unopened.total, self._unopened.of(who)
        if everybody >= self._options.max_unopened_streams:
            raise ResourceExhausted(f"{everybody} streams are being opened")
        share = max(1, self._options.max_unopened_streams // 4)
        if who and own >= min(share, caller.limits.max_streams or share):
            raise QuotaExceeded(f"{own} streams of this caller are being opened")
        with self._unopened.hold(who):
            yield

    def check_open(self) -> None:
        """Raises the reason of the drain once ``drain`` has been called."""
        if self._drain_reason is not None:
            raise copy.copy(self._drain_reason)  # a shared exception would collect every caller's traceback

    async def run(self, call: CallDriver, may_stay: Callable[[], bool] = lambda: True) -> None:
        """Runs an admitted call to its end. The caller must not await between the admission and this.

        A drain may have begun while the call was being admitted: then it ends at once.

        ``may_stay``: whether its caller is still admitted; ``end_revoked`` asks.

        Raises:
            TranslateSvcError, asyncio.CancelledError: as in ``CallDriver.run``.
        """
        if self._drain_reason is not None:
            call.go_away(0, self._drain_reason)
        self._calls[call] = asyncio.current_task()
        self._empty.clear()
        try:
            with self.watching(may_stay, lambda: call.go_away(0, _NOT_ADMITTED)):
                await call.run()
        finally:
            del self._calls[call]
            if not self._calls:
                self._empty.set()

    @contextmanager
    def watching(self, may_stay: Callable[[], bool], end: Callable[[], None]) -> Iterator[None]:
        """Wraps what a caller has for as long as it is admitted: ``end_revoked`` calls ``end`` when
        ``may_stay`` says no, perhaps more than once.
        """
        watched = _Watched(may_stay, end)
        self._watched.add(watched)
        try:
            yield
        finally:
            self._watched.remove(watched)

    @asynccontextmanager
    async def staying(self, may_stay: Callable[[], bool]) -> AsyncIterator[None]:
        """Wraps the calls that a client makes on one stream, and the waits between them.

        Raises:
            Unauthenticated: ``end_revoked`` has found that ``may_stay`` says no.
        """
        stay = asyncio.timeout(None)

        def end() -> None:
            if not stay.expired():
                stay.reschedule(0)

        try:
            async with stay:
                with self.watching(may_stay, end):
                    yield
        except TimeoutError:
            if not stay.expired():
                raise
            raise copy.copy(_NOT_ADMITTED) from None

    async def end_revoked(self) -> None:
        """Fails each call whose caller is not admitted any more, ``revocation_check_s`` later at most, and
        ends what else is watched.

        It looks twice before: a file of keys that is written in place lacks them for a moment. Never returns.
        """
        doubted: set[_Watched] = set()
        while True:
            await asyncio.sleep(self._options.revocation_check_s / 2)
            refused = {watched for watched in tuple(self._watched) if not watched.may_stay()}
            for watched in refused & doubted:
                watched.end()
            doubted = refused

    async def drain(self, grace_s: float, reason: TranslateSvcError) -> None:
        """Refuses new streams and calls, sends ``go_away`` on open streams, and waits until all have ended.

        New ones, and those still open after ``grace_s``, fail with ``reason``. If called again, the earlier
        deadline counts. Streams are heard until the engine needs the rest of the time. After the grace, a
        call may still wait for a pending write, for its status to be sent and for its session to stop. Each
        of these has a timeout; a call that exceeds them is abandoned.
        """
        self._drain_reason = reason
        for call in tuple(self._calls):
            call.go_away(grace_s, reason, lambda: self._service.finish_s)
        slack_s = 2 * self._options.abort_timeout_s + self._options.cancel_timeout_s
        try:
            async with asyncio.timeout(grace_s + slack_s):
                await self._empty.wait()
        except TimeoutError:
            pass
