"""``GET /v1/models``: the loaded checkpoint."""

from __future__ import annotations

import time
from typing import Any

from aiohttp import web

from translate_svc.gateway.context import GatewayContext
from translate_svc.gateway.failures import ModelNotFound
from translate_svc.languages import Language
from translate_svc.types import Scope


class ModelsEndpoint:
    """Lists the one model there is, with its languages as a further field."""

    def __init__(self, context: GatewayContext) -> None:
        self._context = context
        self._created = int(time.time())

    async def list_models(self, request: web.Request) -> web.Response:
        """``GET /v1/models``."""
        await self._context.authenticator.session_caller(request, Scope.INFO)
        return web.json_response({"object": "list", "data": [self._model()]})

    async def get_model(self, request: web.Request) -> web.Response:
        """``GET /v1/models/{model}``."""
        await self._context.authenticator.session_caller(request, Scope.INFO)
        model = self._model()
        if request.match_info["model"] != model["id"]:
            raise ModelNotFound("is not the loaded model", field="model")
        return web.json_response(model)

    def _model(self) -> dict[str, Any]:
        info = self._context.service.info()
        return {
            "id": info.model.name,
            "object": "model",
            "created": self._created,
            "owned_by": "translate-svc",
            "revision": info.model.revision,
            "license": info.model.license,
            "server_version": info.version,
            "simultaneous": self._context.service.calibrated,
            "languages": [_language(language) for language in self._context.languages],
        }


def _language(language: Language) -> dict[str, Any]:
    return {
        "language": language.bcp47,
        "code": language.code,
        "name": language.name,
        "speech_in": language.speech_in,
        "text": language.text,
        "translated": language.translated,
        "speech_out": language.speech_out,
        "detected": language.detected,
        "speaker_ids": list(language.speaker_ids),
    }
