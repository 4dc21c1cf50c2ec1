"""STUN and TURN servers as an operator writes them."""

from __future__ import annotations

import pytest

from translate_svc.errors import InvalidArgument
from translate_svc.gateway.webrtc.ice_servers import parse_ice_server


def test_a_turn_server_brings_its_login() -> None:
    server = parse_ice_server("turn:alice:p:w@turn.example:3478?transport=tcp")
    assert (server.urls, server.username, server.credential) == (
        "turn:turn.example:3478?transport=tcp", "alice", "p:w",
    )  # fmt: skip
    assert parse_ice_server("stun:stun.example").urls == "stun:stun.example"


@pytest.mark.parametrize(
    "text", ["", "stun.example", "http://x", "turn:secret@turn.example", "turn:turn.example"]
)
def test_what_is_wrong_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        parse_ice_server(text)
    assert refused.value.field == "http_ice_servers"
    assert "secret" not in str(refused.value)
