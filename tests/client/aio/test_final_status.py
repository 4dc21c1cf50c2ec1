"""A call that is refused while it is written to says why, although gRPC says INTERNAL of the write, too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import grpc
import pytest

from tests.virtual_time import virtual_time
from translate_svc.client.aio.final_status import FinalStatus
from translate_svc.errors import TranslateSvcError, Unauthenticated

REFUSED = (grpc.StatusCode.UNAUTHENTICATED, "the caller was revoked")
OF_A_WRITE = (grpc.StatusCode.INTERNAL, "Internal error from Core")


class Call:
    """A call of ``grpc.aio``, which calls back when its status is set for the first time."""

    def __init__(self) -> None:
        self._callbacks: list[Callable[[Any], None]] = []
        self._status: tuple[Any, Any] = (None, None)

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        self._callbacks.append(callback)

    def end(self, status: tuple[Any, Any]) -> None:
        self._status = status
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback(self)

    async def code(self) -> Any:
        return self._status[0]

    async def details(self) -> Any:
        return self._status[1]

    async def trailing_metadata(self) -> Any:
        return ()


@pytest.mark.parametrize(
    ("statuses", "error", "is_interruption"),
    [
        ((REFUSED,), Unauthenticated, False),
        ((REFUSED, OF_A_WRITE), Unauthenticated, False),
        ((OF_A_WRITE, REFUSED), Unauthenticated, False),
        ((OF_A_WRITE, REFUSED, OF_A_WRITE), Unauthenticated, False),
        ((OF_A_WRITE, OF_A_WRITE), TranslateSvcError, True),
        ((OF_A_WRITE,), TranslateSvcError, True),
    ],
)
def test_the_servers_status_counts_whichever_comes_first(
    statuses: Sequence[tuple[Any, Any]], error: type[TranslateSvcError], is_interruption: bool
) -> None:
    """``statuses``: what gRPC sets, one after the other, 50 ms apart."""

    async def scenario() -> tuple[TranslateSvcError | None, bool, float]:
        call = Call()
        final, clock = FinalStatus(call), asyncio.get_running_loop().time
        await final.settle(call)
        assert final.error() is None
        call.end(statuses[0])
        for number, status in enumerate(statuses[1:], start=1):
            asyncio.get_running_loop().call_later(0.05 * number, call.end, status)
        began_s = clock()
        await final.settle(call)
        return final.error(), final.is_interruption, clock() - began_s

    with virtual_time() as runner:
        found, interrupted, waited_s = runner.run(scenario())
    assert type(found) is error
    assert interrupted is is_interruption
    assert waited_s < 1.1


def test_a_busy_event_loop_waits_longer() -> None:
    """Its turns count, and not the time: gRPC tells a status in one of them."""

    async def scenario() -> TranslateSvcError | None:
        call, clock = Call(), asyncio.get_running_loop().time
        final, ends_s = FinalStatus(call), clock() + 1.6
        call.end(OF_A_WRITE)

        async def others() -> None:
            while clock() < ends_s:
                busy_s = clock() + 0.1
                while clock() < busy_s:
                    pass
                await asyncio.sleep(0)
            call.end(REFUSED)

        busy = asyncio.create_task(others())
        await final.settle(call)
        await busy
        return final.error()

    assert isinstance(asyncio.run(scenario()), Unauthenticated)
