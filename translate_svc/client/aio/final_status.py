"""How a call of the asynchronous gRPC ended."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from translate_svc.client.failures import error_of
from translate_svc.errors import TranslateSvcError


class FinalStatus:
    """Takes a call's status in the moment it is set.

    Later is too late: a write that is under way when the server's status arrives fails, and grpc.aio then
    puts ``INTERNAL: Internal error from Core`` in the place of that status, for good.
    """

    def __init__(self, call: Any) -> None:
        self._status: tuple[Any, Any, Any] | None = None
        call.add_done_callback(self._take)

    def error(self) -> TranslateSvcError | None:
        """What the call failed with; None while it is not over."""
        return None if self._status is None else error_of(*self._status)

    def _take(self, call: Any) -> None:
        if self._status is None:
            self._status = (_now(call.code()), _now(call.details()), _now(call.trailing_metadata()))


def _now(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that has nothing left to wait for."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    coroutine.close()
    raise RuntimeError("the call is not over")
