"""What happens around every request: origin, errors in OpenAI's shape, a request id."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from translate_svc.errors import InvalidArgument
from translate_svc.gateway.connections import SERVER
from translate_svc.gateway.failures import Failure, failure_of
from translate_svc.gateway.options import Proxy
from translate_svc.gateway.origins import Origins, is_plain_host, is_preflight
from translate_svc.gateway.peer import find_host
from translate_svc.observability.telemetry import attach_trace_context

_HSTS = "max-age=31536000"
_HTTP_ERRORS = {
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address does not take such requests."),
    413: ("request_too_large", "The request is larger than this server takes."),
    426: ("upgrade_required", "This address takes WebSockets alone: ask for an upgrade."),
}
_TOLD = (hdrs.ALLOW, hdrs.CONNECTION, hdrs.UPGRADE, hdrs.SEC_WEBSOCKET_VERSION)
"""What RFC 9110 and RFC 6455 want beside the statuses 405 and 426."""


def error_response(failure: Failure) -> web.Response:
    """A response with OpenAI's error object."""
    headers = {}
    if failure.retry_after_s is not None:
        headers[hdrs.RETRY_AFTER] = str(max(1, round(failure.retry_after_s)))
    if failure.status == HTTPStatus.UNAUTHORIZED:
        headers[hdrs.WWW_AUTHENTICATE] = "Bearer"
    return web.json_response({"error": failure.to_json()}, status=failure.status, headers=headers)


def middleware(origins: Origins, proxy: Proxy | None) -> Middleware:
    """The middleware of the application. ``proxy``: what stands in front."""

    @web.middleware
    async def around(request: web.Request, handler: Handler) -> web.StreamResponse:
        find_host(request, proxy)
        response = await _answer(request, handler, origins)
        if not response.prepared:
            response.headers["x-request-id"] = f"req_{secrets.token_hex(16)}"
            response.headers.update(origins.headers(request))
        return response

    return around


def every_response(*, is_secure: bool) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Adds the headers of every response, also of those that an endpoint has begun by itself.

    ``is_secure``: callers come by TLS.
    """

    async def add(request: web.Request, response: web.StreamResponse) -> None:
        response.headers[hdrs.SERVER] = SERVER
        if is_secure and not is_plain_host(request.host):
            # browsers take no promise from an address, and one of localhost would bind the ports of others
            response.headers["Strict-Transport-Security"] = _HSTS

    return add


async def _answer(request: web.Request, handler: Handler, origins: Origins) -> web.StreamResponse:
    attach_trace_context((name.lower(), value) for name, value in request.headers.items())
    try:
        origins.check(request)
        if is_preflight(request):
            return web.Response(status=HTTPStatus.NO_CONTENT)
        return await handler(request)
    except (asyncio.CancelledError, ConnectionError):
        raise
    except web.HTTPException as error:
        if error.status < HTTPStatus.BAD_REQUEST:
            raise
        code, said = _HTTP_ERRORS.get(error.status, ("invalid_request", f"{error.reason}."))
        response = error_response(Failure(error.status, 0, "invalid_request_error", code, said))
        response.headers.update({name: error.headers[name] for name in _TOLD if name in error.headers})
        return response
    except web.RequestPayloadError:
        response = error_response(failure_of(InvalidArgument("the body is not encoded as its headers say")))
        response.force_close()  # nobody knows where the next request would begin
        return response
    except Exception as error:
        return error_response(failure_of(error))
