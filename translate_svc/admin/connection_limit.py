"""Bounds the connections of an HTTP server that has no authentication."""

from __future__ import annotations

from aiohttp import web


class ConnectionLimit:
    """Makes the protocol of each new connection. The oldest connections give way to it above the limit.

    So callers who hold connections open cannot keep a probe out: it needs its connection for milliseconds,
    and there are always older ones.
    """

    def __init__(self, server: web.Server, most: int) -> None:
        self._server = server
        self._most = most

    def __call__(self) -> web.RequestHandler:
        """The factory of ``loop.create_server``."""
        # a handler that was closed stays in the list until its task has ended
        live = [each for each in self._server.connections if each.connected]
        for oldest in live[: max(0, len(live) + 1 - self._most)]:
            oldest.force_close()
        return self._server()
