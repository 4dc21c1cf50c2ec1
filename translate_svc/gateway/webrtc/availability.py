"""Calls over WebRTC where the extra ``webrtc`` is installed, and a clear refusal where it is not."""

from __future__ import annotations

from importlib.util import find_spec
from typing import NoReturn, Protocol

from aiohttp import web

from translate_svc.errors import InvalidArgument
from translate_svc.gateway.context import GatewayContext
from translate_svc.gateway.failures import NotInstalled
from translate_svc.gateway.options import GatewayOptions

_HOW = "install 'translate-svc[webrtc]'"


class Calls(Protocol):
    """The endpoint of calls."""

    async def create(self, request: web.Request) -> web.Response:
        """``POST /v1/realtime/translations/calls``."""

    async def offer_again(self, request: web.Request) -> web.Response:
        """``POST`` of an offer to a call: ICE is restarted."""

    async def change(self, request: web.Request) -> web.Response:
        """``PATCH`` of a call: its ICE connection."""

    async def hang_up(self, request: web.Request) -> web.Response:
        """``DELETE`` of a call, or ``POST /v1/realtime/calls/{call_id}/hangup``."""

    async def stop(self) -> None:
        """Ends the calls that a drain has left."""


class Broadcasts(Protocol):
    """The endpoint of WHIP and WHEP."""

    async def publish(self, request: web.Request) -> web.Response:
        """``POST /v1/whip/{room}``."""

    async def listen(self, request: web.Request) -> web.Response:
        """``POST /v1/whep/{room}``."""

    async def change(self, request: web.Request) -> web.Response:
        """``PATCH`` of a ``Location``."""

    async def leave(self, request: web.Request) -> web.Response:
        """``DELETE`` of a ``Location``."""

    async def accepts(self, request: web.Request) -> web.Response:
        """``OPTIONS``."""

    async def stop(self) -> None:
        """Ends the rooms that a drain has left."""


class _NoCalls:
    """Refuses every call and every room."""

    async def create(self, request: web.Request) -> NoReturn:
        """Implements ``Calls.create``."""
        raise NotInstalled(f"this server does not take calls: {_HOW} on it, or use a WebSocket")

    async def change(self, request: web.Request) -> NoReturn:
        """Implements ``Calls.change``."""
        await self.create(request)

    offer_again = hang_up = publish = listen = leave = accepts = change

    async def stop(self) -> None:
        """Implements ``Calls.stop``."""


def calls_of(context: GatewayContext) -> Calls:
    """The endpoint of calls, as far as this machine has one.

    Raises:
        InvalidArgument: as ``check_ice_servers``.
    """
    check_ice_servers(context.options)
    if not _installed():
        return _NoCalls()
    # imported here because only machines with the extra have it
    from translate_svc.gateway.webrtc.calls_endpoint import CallsEndpoint

    return CallsEndpoint(context)


def broadcasts_of(context: GatewayContext) -> Broadcasts:
    """The endpoint of WHIP and WHEP, as far as this machine has one.

    Raises:
        InvalidArgument: as ``check_ice_servers``.
    """
    check_ice_servers(context.options)
    if not _installed():
        return _NoCalls()
    from translate_svc.gateway.whip.endpoint import WhipEndpoint

    return WhipEndpoint(context)


def check_ice_servers(options: GatewayOptions) -> None:
    """Raises InvalidArgument if an ICE server of ``options`` is wrong, or if nothing here would use it."""
    if not options.ice_servers:
        return
    if not _installed():
        raise InvalidArgument(f"has no effect without WebRTC: {_HOW}", field="http_ice_servers")
    from translate_svc.gateway.webrtc.ice_servers import parse_ice_server

    for url in options.ice_servers:
        parse_ice_server(url)


def _installed() -> bool:
    return find_spec("aiortc") is not None
