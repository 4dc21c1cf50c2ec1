"""The gRPC server and the guard in front of it, as one server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from translate_svc.cli.guard.guard import Guard

if TYPE_CHECKING:
    from translate_svc.errors import TranslateSvcError
    from translate_svc.serving.protocols import TransportServer


class GuardedServer:
    """The ``TransportServer`` of a server that callers reach through Envoy.

    The server listens before Envoy does, and drains through it: Envoy ends last.
    """

    def __init__(self, server: TransportServer, guard: Guard) -> None:
        self._server = server
        self._guard = guard

    @property
    def target(self) -> str:
        """The address that a client connects to: Envoy's."""
        return self._guard.target

    @property
    def live_streams(self) -> int:
        """Streams and calls that are open now."""
        return self._server.live_streams

    async def start(self) -> None:
        """Starts the server, then Envoy.

        Raises:
            InvalidArgument: the server's socket cannot be used.
            Unavailable: Envoy does not listen. It has said why in the log.
        """
        from translate_svc.serving.live_calls import DRAINING

        await self._server.start()
        try:
            await self._guard.start()
        except BaseException:
            await asyncio.shield(self._server.stop(0, DRAINING))
            raise

    async def stop(self, grace_s: float, reason: TranslateSvcError) -> None:
        """Drains the server for up to ``grace_s``, then ends Envoy. Idempotent; again: sooner."""
        await self._server.stop(grace_s, reason)
        await self._guard.stop()
