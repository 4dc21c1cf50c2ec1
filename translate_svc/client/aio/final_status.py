"""The final status of a ``grpc.aio`` call."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import grpc

from translate_svc.client.failures import error_of, is_incident, is_interruption
from translate_svc.errors import TranslateSvcError

_OF_A_WRITE = (grpc.StatusCode.INTERNAL, "Internal error from Core")
"""What grpc.aio says when a write fails (https://github.com/grpc/grpc/issues/36066)."""
_ASKS, _ASKS_EVERY_S = 100, 0.01


class FinalStatus:
    """Saves a call's status at the moment when gRPC sets it.

    A write that is pending when the server's status arrives fails, and grpc.aio then says ``INTERNAL:
    Internal error from Core``: in place of the server's status, or a moment before it has read that one.
    """

    def __init__(self, call: Any) -> None:
        self._status: tuple[Any, ...] | None = None
        call.add_done_callback(self._save)

    async def settle(self, call: Any) -> None:
        """Waits for the server's status where ``call`` has only that of a write. It may never come.

        It waits a second, and longer on an event loop so busy that gRPC is late to tell.
        """
        for _ in range(_ASKS):  # gRPC does not call back a second time
            if not self._is_of_a_write:
                return
            await asyncio.sleep(_ASKS_EVERY_S)
            self._save(call)

    @property
    def _is_of_a_write(self) -> bool:
        return self._status is not None and self._status[:2] == _OF_A_WRITE

    def error(self) -> TranslateSvcError | None:
        """The error of the call; None until the call has ended."""
        return None if self._status is None else error_of(*self._status)

    @property
    def is_interruption(self) -> bool:
        """Whether the call has ended in a way after which another server can continue its stream."""
        return self._status is not None and is_interruption(self._status[0], self._status[2])

    @property
    def is_incident(self) -> bool:
        """Whether the call has ended because its server failed at it."""
        return self._status is not None and is_incident(self._status[0], self._status[2])

    def _save(self, call: Any) -> None:
        if self._status is None or self._is_of_a_write:
            results = map(_result_of, (call.code(), call.details(), call.trailing_metadata()))
            self._status = tuple(results)


def _result_of(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    coroutine.close()
    raise RuntimeError("the call has not ended")
