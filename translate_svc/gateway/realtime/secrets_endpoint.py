"""``POST /v1/realtime/[translations/]client_secrets``: credentials for a web page."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from translate_svc.errors import InvalidArgument, OutOfRange
from translate_svc.gateway.context import GatewayContext
from translate_svc.gateway.json_object import JsonObject
from translate_svc.gateway.realtime.dialect import Dialect
from translate_svc.gateway.realtime.realtime_session import session_head
from translate_svc.types import Scope

MIN_LIFETIME_S, DEFAULT_LIFETIME_S, MAX_LIFETIME_S = 10, 600, 7_200


class SecretsEndpoint:
    """Makes client secrets. A secret opens several sessions; each begins with the settings asked for here."""

    def __init__(self, context: GatewayContext, dialect: Dialect) -> None:
        """The sessions will be of ``dialect``."""
        self._context = context
        self._dialect = dialect

    async def create(self, request: web.Request) -> web.Response:
        """Answers ``{value, expires_at, session}``."""
        context = self._context
        caller = (await context.authenticator.identified(request, Scope.SECRETS)).caller
        body = JsonObject(await _json(request), "")
        body.refuse_unknown(("session", "expires_after"))
        lifetime_s = _lifetime_s(body)
        wanted = body.object("session") or JsonObject({}, "session")
        settings = self._dialect.first_settings(context.options, context.service).updated(wanted)
        settings.check(context.languages)  # no secret is made in vain
        value, expires_at = context.authenticator.secrets.seal(
            caller, wanted.values | {"type": self._dialect.kind}, lifetime_s
        )
        head = session_head(context, self._dialect, wanted.text("model", ""))
        session = head | settings.to_json(context.languages)
        return web.json_response({"value": value, "expires_at": expires_at, "session": session})


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
