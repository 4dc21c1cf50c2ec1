"""The final status of a ``grpc.aio`` call."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from translate_svc.client.failures import error_of, is_interruption
from translate_svc.errors import TranslateSvcError


class FinalStatus:
    """Saves a call's status at the moment when gRPC sets it.

    Later it may be lost: a write that is pending when the server's status arrives fails, and grpc.aio then
    replaces that status by ``INTERNAL: Internal error from Core``.
    """

    def __init__(self, call: Any) -> None:
        self._status: tuple[Any, Any, Any] | None = None
        call.add_done_callback(self._save)

    def error(self) -> TranslateSvcError | None:
        """The error of the call; None until the call has ended."""
        return None if self._status is None else error_of(*self._status)

    @property
    def is_interruption(self) -> bool:
        """Whether the call has ended in a way after which another server can continue its stream."""
        return self._status is not None and is_interruption(self._status[0], self._status[2])

    def _save(self, call: Any) -> None:
        if self._status is None:
            self._status = (
                _result_of(call.code()),
                _result_of(call.details()),
                _result_of(call.trailing_metadata()),
            )


def _result_of(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    coroutine.close()
    raise RuntimeError("the call has not ended")
