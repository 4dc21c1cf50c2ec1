"""The recipe "An endpoint over HTTP": the voices of a language."""

from __future__ import annotations

import pytest

from tests.recipes.repository_copy import MakeCopy

SERVER = "translate_svc/gateway/server.py"


@pytest.mark.slow
def test_an_endpoint_is_a_class_and_a_line(copy_for: MakeCopy) -> None:
    copy = copy_for("An endpoint over HTTP.")
    copy.add("voices_endpoint.py", "translate_svc/gateway")
    copy.append(
        SERVER,
        "from translate_svc.gateway.options import GatewayOptions\n",
        "from translate_svc.gateway.voices_endpoint import VoicesEndpoint\n",
    )
    copy.append(
        SERVER,
        "        router = application.router\n",
        '        router.add_get("/v1/voices", VoicesEndpoint(self._context).list_voices)\n',
    )
    copy.test("tests/recipes/examples/check_voices_endpoint.py")
