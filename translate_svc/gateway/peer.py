"""Where a request comes from: its connection, or what the proxy says that alone can reach this server."""

from __future__ import annotations

from contextvars import ContextVar

from aiohttp import web

from translate_svc.gateway.options import Proxy
from translate_svc.types import Caller

_host: ContextVar[str] = ContextVar("host", default="")


def find_host(request: web.Request, proxy: Proxy | None) -> None:
    """Finds out what ``holder`` goes by from now on, in all code that a request runs."""
    if proxy is None:
        _host.set(request.remote or "")
        return
    said = request.headers.getall(proxy.peer_header, [])
    _host.set(said[0].rpartition(":")[0] if len(said) == 1 else "")


def holder(caller: Caller) -> str:
    """Who takes a place among others: the caller by name, or the address of who does not have to say who
    they are. Empty: neither is known.
    """
    return caller.holder(_host.get())
