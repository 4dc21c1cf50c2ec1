"""Bounds the number of connections to the HTTP port, of all callers and for all purposes."""

from __future__ import annotations

import asyncio
from typing import cast

from aiohttp import web


class ConnectionBound:
    """Makes the protocol of each new connection. One above the limit is closed, and nothing of it is read.

    Those that are open stay: most of them may be sessions.
    """

    def __init__(self, server: web.Server, most: int) -> None:
        self._server = server
        self._most = most

    def __call__(self) -> asyncio.BaseProtocol:
        """The factory of ``loop.create_server``."""
        return self._server() if len(self._server.connections) < self._most else _Refusal()


class _Refusal(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).abort()
