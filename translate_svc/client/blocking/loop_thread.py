"""An event loop in a thread of its own, for programs without one."""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from collections.abc import Callable, Coroutine
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from translate_svc.client.aio.channels import FORKED
from translate_svc.errors import TranslateSvcError

T = TypeVar("T")

_JOIN_S = 5.0
_CLOSED = "the client is closed"

_CHECK_S = 1.0
"""Seconds between two looks for a signal and for the end of the loop. A signal that arrives just before
CPython blocks on a lock does not end that wait."""


class LoopThread:
    """Runs coroutines for other threads. It starts with the first of them, so a fork before that is safe.

    The loop ends with ``close``, when the object is collected, or when the interpreter ends. Coroutines
    that still run are then cancelled.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._finalizer: weakref.finalize[..., Any] | None = None
        self._pid = 0
        self._closed = False

    def run(self, start: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The result of the coroutine that ``start`` makes. Waits for it.

        If the wait is interrupted, by a signal for instance, the coroutine is cancelled.

        Raises:
            TranslateSvcError: the client is closed.
            RuntimeError: the process was forked after the loop had started.
        """
        loop = self._running()
        coroutine = start()
        tasks: list[asyncio.Task[T]] = []
        done: SimpleQueue[asyncio.Task[T]] = SimpleQueue()

        def begin() -> None:
            tasks.append(loop.create_task(coroutine))
            tasks[0].add_done_callback(end)

        def end(task: asyncio.Task[T]) -> None:
            if not task.cancelled():
                task.exception()  # counts as retrieved, although perhaps nobody waits any more
            done.put(task)

        def abandon() -> None:
            for task in tasks:
                task.cancel()
            if not tasks:
                coroutine.close()

        try:
            loop.call_soon_threadsafe(begin)
            task = _first(done, loop)
        except BaseException:
            if loop.is_closed():
                abandon()
            else:
                loop.call_soon_threadsafe(abandon)
            raise
        if task.cancelled():
            raise TranslateSvcError(_CLOSED)
        return task.result()

    def call(self, function: Callable[[], object]) -> None:
        """Calls a function on the loop soon, without waiting. Does nothing after the end."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(function)

    def finish(self, start: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """As ``run``, for a clean-up. The garbage collector may call it on the loop's own thread."""
        loop = self._loop
        if loop is None or loop.is_closed() or self._pid != os.getpid():
            return
        try:
            here = asyncio.get_running_loop()
        except RuntimeError:
            self.run(start)
            return
        if here is loop:
            loop.create_task(start())
        else:
            asyncio.run_coroutine_threadsafe(start(), loop)

    def close(self) -> None:
        """Ends the loop and its thread. Idempotent."""
        with self._lock:
            self._closed = True
            finalizer, self._finalizer = self._finalizer, None
        if finalizer is not None and self._pid == os.getpid():
            finalizer()

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._closed:
                raise TranslateSvcError(_CLOSED)
            if self._loop is None:
                loop = asyncio.new_event_loop()
                thread = threading.Thread(
                    target=_serve, args=(loop,), name="translate-svc-client", daemon=True
                )
                thread.start()
                self._pid = os.getpid()
                self._finalizer = weakref.finalize(self, _stop, loop, thread)
                self._loop = loop
            elif self._pid != os.getpid():
                raise RuntimeError(FORKED)
            return self._loop


def _first(done: SimpleQueue[asyncio.Task[T]], loop: asyncio.AbstractEventLoop) -> asyncio.Task[T]:
    """Waits for a finished task. The queue is written in C: a signal cannot leave it locked, as it can leave
    the condition of a ``concurrent.futures.Future``, on which the loop would then wait for ever.
    """
    while True:
        try:
            return done.get(timeout=_CHECK_S)
        except Empty:
            if loop.is_closed() and done.empty():
                raise TranslateSvcError(_CLOSED) from None


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    finally:
        loop.close()


def _stop(loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(loop.stop)
    if thread is not threading.current_thread():
        thread.join(_JOIN_S)
