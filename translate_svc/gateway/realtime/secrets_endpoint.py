"""``POST /v1/realtime/translations/client_secrets``: credentials for a web page."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

from aiohttp import web

from translate_svc.errors import InvalidArgument, OutOfRange
from translate_svc.gateway.context import GatewayContext
from translate_svc.gateway.json_object import JsonObject
from translate_svc.gateway.realtime.translation_settings import TranslationSettings, first_settings

MIN_LIFETIME_S, DEFAULT_LIFETIME_S, MAX_LIFETIME_S = 10, 600, 7_200


class SecretsEndpoint:
    """Makes client secrets. A secret opens several sessions; each begins with the settings asked for here."""

    def __init__(self, context: GatewayContext) -> None:
        self._context = context

    async def create(self, request: web.Request) -> web.Response:
        """Answers ``{value, expires_at, session}``."""
        caller = self._context.authenticator.caller(request)
        body = JsonObject(await _json(request), "")
        body.refuse_unknown(("session", "expires_after"))
        lifetime_s = _lifetime_s(body)
        wanted = body.object("session")
        settings, model, values = first_settings(self._context.options, self._context.service), "", {}
        if wanted is not None:
            settings, model, values = (
                self._settings(settings, wanted),
                wanted.text("model", ""),
                wanted.values,
            )
        value, expires_at = self._context.authenticator.secrets.seal(caller, values, lifetime_s)
        session = {
            "id": f"sess_{uuid.uuid4().hex}",
            "type": "translation",
            "model": model or self._context.service.info().model.name,
            "expires_at": int(time.time() + self._context.options.session_lifetime_s),
            **settings.to_json(self._context.languages),
        }
        return web.json_response({"value": value, "expires_at": expires_at, "session": session})

    def _settings(self, former: TranslationSettings, wanted: JsonObject) -> TranslationSettings:
        """The settings of the sessions. Their languages are checked now: no secret is made in vain."""
        settings, languages = former.updated(wanted), self._context.languages
        for target in settings.targets:
            languages.resolve(target.language, "session.audio.output.language")
        if settings.source_language:
            languages.resolve(settings.source_language, "session.audio.input.language")
        return settings


async def _json(request: web.Request) -> Any:
    data = await request.read()
    try:
        return json.loads(data) if data else {}
    except (ValueError, RecursionError):
        raise InvalidArgument("the body is not JSON") from None


def _lifetime_s(body: JsonObject) -> int:
    wanted = body.object("expires_after")
    if wanted is None:
        return DEFAULT_LIFETIME_S
    wanted.refuse_unknown(("anchor", "seconds"))
    wanted.choice("anchor", ("created_at",), None)
    seconds = wanted.whole("seconds", DEFAULT_LIFETIME_S)
    if not MIN_LIFETIME_S <= seconds <= MAX_LIFETIME_S:
        raise OutOfRange(
            f"must be within {MIN_LIFETIME_S} and {MAX_LIFETIME_S}", field=wanted.under("seconds")
        )
    return seconds
