"""A server and the door of the guard in front of it, as one server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from translate_svc.cli.guard.guard import Guard

if TYPE_CHECKING:
    from translate_svc.errors import TranslateSvcError
    from translate_svc.serving.protocols import TransportServer


class GuardedServer:
    """The ``TransportServer`` of a server that callers reach through Envoy.

    The server listens before Envoy does, and drains through it: Envoy ends last.
    """

    def __init__(
        self, server: TransportServer, guard: Guard, name: str, target: Callable[[str], str] = str
    ) -> None:
        """``name``: of the door. ``target`` makes what clients connect to of the door's address."""
        self._server = server
        self._guard = guard
        self._name = name
        self._target = target

    @property
    def target(self) -> str:
        """The address that a client connects to: Envoy's."""
        return self._target(self._guard.address(self._name))

    @property
    def live_streams(self) -> int:
        """Streams and calls that are open now."""
        return self._server.live_streams

    async def start(self) -> None:
        """Starts the server, then opens its door.

        Raises:
            InvalidArgument: the server's socket cannot be used.
            Unavailable: Envoy does not listen. It has said why in the log.
        """
        from translate_svc.serving.live_calls import DRAINING

        await self._server.start()
        try:
            await self._guard.open(self._name)
        except BaseException:
            await asyncio.shield(self.stop(0, DRAINING))
            raise

    async def stop(self, grace_s: float, reason: TranslateSvcError) -> None:
        """Drains the server for up to ``grace_s``, then closes its door. Idempotent; again: sooner."""
        await self._server.stop(grace_s, reason)
        await self._guard.close(self._name)
