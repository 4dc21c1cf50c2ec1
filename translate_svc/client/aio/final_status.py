"""The final status of a ``grpc.aio`` call."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import grpc

from translate_svc.client.failures import error_of, is_interruption
from translate_svc.errors import TranslateSvcError

_OF_A_WRITE = (grpc.StatusCode.INTERNAL, "Internal error from Core")
"""What grpc.aio says when a write fails (https://github.com/grpc/grpc/issues/36066)."""
_SETTLES_WITHIN_S = 1.0


class FinalStatus:
    """Saves a call's status at the moment when gRPC sets it.

    A write that is pending when the server's status arrives fails, and grpc.aio then says ``INTERNAL:
    Internal error from Core``: in place of the server's status, or a moment before it has read that one.
    """

    def __init__(self, call: Any) -> None:
        self._status: tuple[Any, ...] | None = None
        self._is_settled = asyncio.Event()
        call.add_done_callback(self._save)

    async def settle(self) -> None:
        """Waits for the server's status where only that of a write is known. It may never come."""
        if self._status is not None and not self._is_settled.is_set():
            try:
                async with asyncio.timeout(_SETTLES_WITHIN_S):
                    await self._is_settled.wait()
            except TimeoutError:
                self._is_settled.set()

    def error(self) -> TranslateSvcError | None:
        """The error of the call; None until the call has ended."""
        return None if self._status is None else error_of(*self._status)

    @property
    def is_interruption(self) -> bool:
        """Whether the call has ended in a way after which another server can continue its stream."""
        return self._status is not None and is_interruption(self._status[0], self._status[2])

    def _save(self, call: Any) -> None:
        status = tuple(map(_result_of, (call.code(), call.details(), call.trailing_metadata())))
        if self._status is None or (status[:2] != _OF_A_WRITE and not self._is_settled.is_set()):
            self._status = status
        if status[:2] != _OF_A_WRITE:
            self._is_settled.set()


def _result_of(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    coroutine.close()
    raise RuntimeError("the call has not ended")
