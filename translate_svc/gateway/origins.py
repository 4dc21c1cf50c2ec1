"""Which web pages may call, and the headers that tell browsers so (CORS)."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from translate_svc.errors import InvalidArgument
from translate_svc.gateway.failures import OriginRefused

ANY = "*"

_ALLOWED_METHODS = "GET, POST, PATCH, DELETE, OPTIONS"
_ALLOWED_HEADERS = (
    "authorization, content-type, if-match, openai-safety-identifier, openai-organization, openai-project"
)
_EXPOSED = "x-request-id, x-warnings, retry-after, location, etag, accept-patch"
_PREFLIGHT_AGE_S = "600"


class Origins:
    """Checks the ``Origin`` that browsers send. Programs that are no browsers send none and may call."""

    def __init__(
        self,
        allowed: tuple[str, ...],
        *,
        keys_required: Callable[[], bool],
        is_secure: bool = False,
        is_local: bool = False,
    ) -> None:
        """``allowed``: as in ``GatewayOptions.origins``.

        ``keys_required``: whether callers need a key. Without keys only the address keeps strangers out, or
        a certificate, which browsers show for every page; and a page may reach it under a name of its own
        (DNS rebinding). So the server's own pages count as its own only where it is called by an IP address
        or as ``localhost``. ``is_secure``: callers come by TLS. ``is_local``: only this machine reaches it,
        in plaintext. Then nothing but a page can call it by another name, and what pages read is refused.

        Raises:
            InvalidArgument: an origin is not ``scheme://host`` or ``scheme://host:port``.
        """
        for origin in allowed:
            parts = urlsplit(origin)
            if origin != ANY and (
                parts.scheme not in ("http", "https") or origin != _origin(parts.scheme, parts.netloc)
            ):
                raise InvalidArgument("must be like https://example.org", field="http_origins")
        self._allowed = frozenset(allowed)
        self._keys_required = keys_required
        self._scheme = "https" if is_secure else "http"
        self._is_local = is_local

    def check(self, request: web.Request) -> None:
        """Raises OriginRefused if a page of another origin sent the request, or may have sent it."""
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is not None and not self._allows(origin, request):
            raise OriginRefused("this server does not take calls of pages from there (--http-origins)")
        if origin is None and not self._may_be_read(request):
            raise OriginRefused(
                "call it by an IP address or as localhost, or name this host in --http-origins"
            )

    def headers(self, request: web.Request) -> dict[str, str]:
        """The CORS headers of the response."""
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is None or not self._allows(origin, request):
            return {}
        headers: dict[str, str] = {
            hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: origin,
            hdrs.ACCESS_CONTROL_EXPOSE_HEADERS: _EXPOSED,
            hdrs.VARY: hdrs.ORIGIN,
        }
        if is_preflight(request):
            wanted = request.headers.get(hdrs.ACCESS_CONTROL_REQUEST_HEADERS, "")
            stainless = [
                name.strip() for name in wanted.split(",") if name.strip().lower().startswith("x-stainless-")
            ]
            headers[hdrs.ACCESS_CONTROL_ALLOW_METHODS] = _ALLOWED_METHODS
            headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = ", ".join([_ALLOWED_HEADERS, *stainless])
            headers[hdrs.ACCESS_CONTROL_MAX_AGE] = _PREFLIGHT_AGE_S
        return headers

    def _may_be_read(self, request: web.Request) -> bool:
        """Whether a request without an ``Origin`` is no page's that was loaded under a bound name. Browsers
        leave it out where a page only reads from where it came; a WebSocket and a POST always have one.
        """
        if not self._is_local or self._keys_required() or hdrs.UPGRADE in request.headers:
            return True
        host, own = request.host, _origin(self._scheme, request.host)
        return is_plain_host(host) or ANY in self._allowed or own in self._allowed

    def _allows(self, origin: str, request: web.Request) -> bool:
        if ANY in self._allowed or origin in self._allowed:
            return True
        own = origin == _origin(self._scheme, request.host)
        return own and (self._keys_required() or is_plain_host(request.host))


def is_preflight(request: web.Request) -> bool:
    """Whether a browser asks if a page may send a request."""
    return request.method == hdrs.METH_OPTIONS and hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers


def _origin(scheme: str, netloc: str) -> str:
    return f"{scheme}://{netloc}".lower()


def is_plain_host(host: str) -> bool:
    """Whether a request was made to an IP address or ``localhost``, which nobody else can bind to a name."""
    name = urlsplit(f"//{host}").hostname or ""
    if name == "localhost":
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
