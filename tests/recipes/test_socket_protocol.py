"""The recipe "A socket protocol": captions."""

from __future__ import annotations

import pytest

from tests.recipes.repository_copy import MakeCopy

SERVER = "translate_svc/gateway/server.py"


@pytest.mark.slow
def test_a_protocol_is_a_file_and_a_line(copy_for: MakeCopy) -> None:
    copy = copy_for("A socket protocol.")
    copy.add("captions_endpoint.py", "translate_svc/gateway")
    copy.append(
        SERVER,
        "from translate_svc.gateway.authentication import Authenticator\n",
        "from translate_svc.gateway.captions_endpoint import CaptionsEndpoint\n",
    )
    copy.append(
        SERVER,
        "        router = application.router\n",
        '        router.add_get("/v1/captions", CaptionsEndpoint(self._context).connect)\n',
    )
    copy.test("tests/recipes/examples/check_captions_endpoint.py")
