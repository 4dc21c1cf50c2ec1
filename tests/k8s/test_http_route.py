"""The HTTPRoute lets out what the server serves of its protocols, and follows each new path."""

from __future__ import annotations

from tests.fakes.model_free_service import model_free_service
from tests.k8s.manifests import Manifests
from tests.k8s.rules.routes import HTTP_PATHS
from translate_svc.gateway.server import GatewayServer

_INSIDE = {"/v1/realtime/calls", "/v1/realtime/translations/calls", "/v1/whip", "/v1/whep"}
"""Calls over WebRTC and rooms of WHIP: their sound does not come through the gateway."""


def test_the_route_has_every_path() -> None:
    (rule,) = Manifests.of("everything").one("HTTPRoute", "translate-svc")["spec"]["rules"]
    assert {match["path"]["value"]: match["path"]["type"] for match in rule["matches"]} == HTTP_PATHS


async def test_every_path_of_the_protocol_is_let_out_or_kept_in() -> None:
    async with model_free_service() as service:
        router = GatewayServer(service)._runner.app.router
        served = {resource.canonical.partition("/{")[0] for resource in router.resources()}
    assert {path for path in served if path.startswith(("/v1/", "/ws/"))} == set(HTTP_PATHS) | _INSIDE
