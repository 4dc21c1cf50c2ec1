"""STUN and TURN servers, as an operator writes them."""

from __future__ import annotations

from aiortc import RTCIceServer
from aiortc.rtcicetransport import parse_stun_turn_uri

from translate_svc.errors import InvalidArgument


def parse_ice_server(text: str) -> RTCIceServer:
    """``stun:HOST[:PORT]`` or ``turn:USER:PASSWORD@HOST[:PORT][?transport=tcp]``; ``turns:`` for TLS.

    Raises:
        InvalidArgument: it is neither. The message does not repeat it, because it may hold a password.
    """
    scheme, _, rest = text.partition(":")
    login, at, place = rest.rpartition("@")
    user, colon, password = login.partition(":")
    url = f"{scheme}:{place}"
    try:
        parse_stun_turn_uri(url)
    except ValueError:
        raise InvalidArgument(
            "must be like stun:HOST:PORT or turn:USER:PASSWORD@HOST:PORT", field="http_ice_servers"
        ) from None
    if scheme in ("turn", "turns") and not (at and colon):
        raise InvalidArgument("a TURN server needs USER:PASSWORD@ before its host", field="http_ice_servers")
    return RTCIceServer(url, username=user or None, credential=password or None)
