"""The connections of a client, and who may use them: one event loop, in one process."""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import Callable

import grpc

from translate_svc.errors import TranslateSvcError

FORKED = (
    "this process was forked while a client was in use, and gRPC never answers in it: "
    "fork before the first use or after close(), or start processes by 'spawn'"
)


class Channels:
    """Opened by the first use, so that a client can be made before its loop runs, or before a fork."""

    def __init__(self, connect: Callable[[], list[grpc.aio.Channel]]) -> None:
        self._connect = connect
        self._open: list[grpc.aio.Channel] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    def get(self) -> list[grpc.aio.Channel]:
        """One for each server.

        Raises:
            TranslateSvcError: they are closed.
            RuntimeError: another event loop has opened them, or the process was forked while any were open.
        """
        if self._closed:
            raise TranslateSvcError("the client is closed")
        if _fork.was_in_use:
            raise RuntimeError(FORKED)
        loop = _running_loop()
        if not self._open:
            self._open, self._loop = self._connect(), loop
            _fork.in_use.add(self)
        elif loop is not None and self._loop not in (None, loop):
            raise RuntimeError("this client belongs to another event loop: make one in each, or use Client")
        return self._open

    async def close(self) -> None:
        """Ends all streams and calls."""
        self._closed = True
        channels, self._open = self._open, []
        for channel in channels:
            await channel.close(None)
        _fork.in_use.discard(self)


class _Fork:
    """What a child process knows of its parent's channels: gRPC's thread that serves them is missing."""

    def __init__(self) -> None:
        self.in_use: weakref.WeakSet[Channels] = weakref.WeakSet()
        self.was_in_use = False

    def enter_child(self) -> None:
        self.was_in_use = self.was_in_use or bool(self.in_use)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


_fork = _Fork()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_fork.enter_child)
