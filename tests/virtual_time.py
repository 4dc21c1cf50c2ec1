"""An event loop on virtual time: it never sleeps, it jumps.

Timers run in their order, and between two of them the clock stands still however long the code takes, so a
test of an hour's stream takes no time and gives the same times on every machine. Work for an executor is done
on the spot, and its result arrives ``executor_s`` of virtual time later: nothing depends on threads.

    def test_something() -> None:
        with virtual_time() as runner:
            runner.run(scenario())
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


class _JumpingSelector(selectors.SelectSelector):
    """Instead of waiting for a timer, moves its loop's clock there."""

    loop: VirtualTimeLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("deadlock: every task waits, and nothing is scheduled that could wake one")
        self.loop.jump(max(0.0, timeout))
        return super().select(0)


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """See the module."""

    def __init__(self, executor_s: float = 0.0) -> None:
        selector = _JumpingSelector()
        super().__init__(selector)
        selector.loop = self
        self._now_s = 0.0
        self._executor_s = executor_s

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._now_s

    def jump(self, seconds: float) -> None:
        """Moves the clock."""
        self._now_s += seconds

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """Calls ``func`` now; the future it returns is done ``executor_s`` later."""
        future: asyncio.Future[T] = self.create_future()
        try:
            result = func(*args)
        except Exception as error:
            self.call_later(self._executor_s, _settle, future, future.set_exception, error)
        else:
            self.call_later(self._executor_s, _settle, future, future.set_result, result)
        return future


def _settle(future: asyncio.Future[T], settle: Callable[[Any], None], outcome: object) -> None:
    if not future.done():
        settle(outcome)


@contextmanager
def virtual_time(executor_s: float = 0.0) -> Iterator[asyncio.Runner]:
    """A runner on a fresh loop; in the end every task must be gone."""
    with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(executor_s)) as runner:
        yield runner
        assert not asyncio.all_tasks(runner.get_loop()), "tasks were left behind"
