"""The admin port: ``/metrics`` for Prometheus, ``/healthz`` and ``/readyz`` for probes."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
from collections.abc import Mapping
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

from aiohttp import web
from prometheus_client.exposition import choose_encoder

from translate_svc.admin.options import AdminOptions
from translate_svc.admin.probes import Probes
from translate_svc.errors import InvalidArgument
from translate_svc.observability.metrics import Metrics
from translate_svc.serving.listener import bound_address, listen

_MAX_HEADER_BYTES = 4 * 1024
_log = logging.getLogger(__name__)


class AdminConnection(web.RequestHandler):
    """One connection. What strangers send writes no traceback, and nothing of it is logged."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answers a request that cannot be read, or whose answer failed; the connection ends.

        Raises:
            ConnectionError: a part of an answer was sent already, or the client has left.
        """
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:
            return super().handle_error(request, status, exc, message)
        _log.info("a request to the admin port could not be read: %s", type(exc).__name__)
        response = web.Response(text="the request is not HTTP, or its head is too large\n", status=status)
        response.force_close()
        return response


class ConnectionLimit:
    """Makes the protocol of each new connection. The oldest connections give way to it above the limit.

    So callers who hold connections open cannot keep a probe out: it needs its connection for milliseconds,
    and there are always older ones.
    """

    def __init__(self, server: web.Server, most: int, options: Mapping[str, Any]) -> None:
        """``options``: of ``web.RequestHandler``."""
        self._server = server
        self._most = most
        self._options = options

    def __call__(self) -> web.RequestHandler:
        """The factory of ``loop.create_server``."""
        # a handler that was closed stays in the list until its task has ended
        live = [each for each in self._server.connections if each.connected]
        for oldest in live[: max(0, len(live) + 1 - self._most)]:
            oldest.force_close()
        return AdminConnection(self._server, loop=asyncio.get_running_loop(), **self._options)


class AdminServer:
    """Serves HTTP on the event loop of the streams, so that probes fail if that loop hangs.

    * ``/healthz``: 200 while the process is live, also while it loads; otherwise 503 and the reason.
    * ``/readyz``: 200 while new streams are accepted; otherwise 503 and the reason.
    * ``/metrics``: the text format of Prometheus, or OpenMetrics if the scraper asks for it.

    Use it as a context manager.
    """

    def __init__(self, options: AdminOptions, metrics: Metrics, probes: Probes) -> None:
        self._options = options
        self._metrics = metrics
        self._probes = probes
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._scrape)
        self._runner = web.AppRunner(app, shutdown_timeout=1.0)
        self._listener: asyncio.Server | None = None
        self._address = ""

    @property
    def address(self) -> str:
        """``host:port`` as bound; empty before it is bound."""
        return self._address

    async def __aenter__(self) -> Self:
        """Binds the address and serves.

        Raises:
            InvalidArgument: the address cannot be bound. Says why, and names the setting.
        """
        await self._runner.setup()
        assert self._runner.server is not None
        each: dict[str, Any] = {
            "access_log": None,
            "keepalive_timeout": self._options.request_timeout_s,
            "max_line_size": _MAX_HEADER_BYTES,
            "max_field_size": _MAX_HEADER_BYTES,
        }
        limit = ConnectionLimit(self._runner.server, self._options.max_connections, each)
        try:
            self._listener = await listen(limit, self._options.host, self._options.port)
        except OSError as error:
            await self._runner.cleanup()
            raise _bind_problem(self._options, error) from None
        host, port = bound_address(self._listener)
        self._address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._listener is not None:
            self._listener.close()
        await self._runner.cleanup()

    async def _healthz(self, request: web.Request) -> web.Response:
        return _probe_response(self._probes.not_live_reason)

    async def _readyz(self, request: web.Request) -> web.Response:
        return _probe_response(self._probes.not_ready_reason)

    async def _scrape(self, request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self._metrics.registry), headers={"Content-Type": content_type})


def _probe_response(problem: str) -> web.Response:
    return web.Response(text=f"{problem or 'ok'}\n", status=503 if problem else 200)


def _bind_problem(options: AdminOptions, error: OSError) -> InvalidArgument:
    address = f"{options.host}:{options.port}"
    if error.errno == errno.EADDRINUSE:
        message = f"{address} is in use: choose another (0 takes a free one), or none with --no-admin"
        return InvalidArgument(message, field="admin_port")
    # asyncio gives no number where it has tried several addresses
    if isinstance(error, socket.gaierror) or error.errno in (errno.EADDRNOTAVAIL, None):
        return InvalidArgument("is not an address of this machine", field="admin_host")
    return InvalidArgument(f"{address} cannot be bound: {os.strerror(error.errno)}", field="admin_port")
