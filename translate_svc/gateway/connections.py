"""The connections of the HTTP port: how many, and what each one answers before a request has been read."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, cast

from aiohttp import hdrs, web

from translate_svc.gateway.failures import Failure, failure_of

SERVER = "translate-svc"
"""What responses call the server: neither its version nor what it is made of."""

_log = logging.getLogger(__name__)


class HttpConnection(web.RequestHandler):
    """One connection. aiohttp calls it a handler of requests."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answers a request that cannot be read, or whose answer failed; the connection ends.

        What strangers send writes no traceback, and nothing of it is logged.

        Raises:
            ConnectionError: a part of an answer was sent already, or the client has left.
        """
        if isinstance(exc, ConnectionError) or request.writer.output_size > 0:
            raise ConnectionError("the answer cannot be sent")
        if status == HTTPStatus.INTERNAL_SERVER_ERROR and exc is not None:
            failure = failure_of(exc)
        else:
            _log.info("a request could not be read: %s", type(exc).__name__)
            said = "The request is not HTTP, or its head is too large."
            failure = Failure(status, 0, "invalid_request_error", "invalid_request", said)
        response = web.json_response({"error": failure.to_json()}, status=failure.status)
        response.headers[hdrs.SERVER] = SERVER
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kwargs: Any) -> None:
        """Logs what ended the connection, unless it is a body that cannot be read: its answer says so."""
        if not isinstance(kwargs.get("exc_info"), web.RequestPayloadError):
            super().log_exception(*args, **kwargs)


class ConnectionBound:
    """Makes the protocol of each new connection. One above the limit is closed, and nothing of it is read.

    Those that are open stay: most of them may be sessions.
    """

    def __init__(self, server: web.Server, most: int, options: Mapping[str, Any]) -> None:
        """``options``: of ``web.RequestHandler``."""
        self._server = server
        self._most = most
        self._options = options

    def __call__(self) -> asyncio.BaseProtocol:
        """The factory of ``loop.create_server``."""
        if len(self._server.connections) >= self._most:
            return _Refusal()
        return HttpConnection(self._server, loop=asyncio.get_running_loop(), **self._options)


class _Refusal(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).abort()
