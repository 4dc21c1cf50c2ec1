"""``GET /v1/voices?language=es``: the voices of a language."""

from __future__ import annotations

from aiohttp import web

from translate_svc.errors import Unsupported
from translate_svc.gateway.context import GatewayContext
from translate_svc.types import Scope


class VoicesEndpoint:
    """Lists the voices that speak a language."""

    def __init__(self, context: GatewayContext) -> None:
        self._context = context

    async def list_voices(self, request: web.Request) -> web.Response:
        """``GET /v1/voices``."""
        await self._context.authenticator.session_caller(request, Scope.INFO)
        language = self._context.languages.resolve(request.query.get("language", ""), "language")
        if not language.speech_out:
            raise Unsupported("is not spoken", field="language")
        voices = [{"id": speaker_id, "object": "voice"} for speaker_id in language.speaker_ids]
        return web.json_response({"object": "list", "data": voices})
