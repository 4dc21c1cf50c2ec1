"""``GET /status.json``: what the server is and what it is doing now."""

from __future__ import annotations

from dataclasses import asdict

from aiohttp import hdrs, web

from translate_svc.gateway.context import GatewayContext
from translate_svc.types import Scope


class StatusEndpoint:
    """The numbers of ``translate-svc top``, for the page."""

    def __init__(self, context: GatewayContext) -> None:
        self._context = context

    async def get(self, request: web.Request) -> web.Response:
        """``{version, model, limits, load}``; most counters in ``load`` only grow (``ServerLoad``)."""
        who, _ = await self._context.authenticator.session_caller(request, Scope.INFO)
        info = self._context.service.info()
        limits = who.caller.limits.within(info.limits)
        body = {
            "version": info.version,
            "model": asdict(info.model),
            "limits": {"max_streams": limits.max_streams, "max_targets": limits.max_targets},
            "load": asdict(info.load),
        }
        return web.json_response(body, headers={hdrs.CACHE_CONTROL: "no-store"})
