"""What keeps a command from its server, in one short line."""

from __future__ import annotations

import asyncio
import os
import re
from urllib.parse import unquote

from translate_svc.addresses import is_local
from translate_svc.errors import TranslateSvcError

AWAY = "not reachable"

_CLOSES = "closes connections: it may want TLS (--tls-ca) or a client certificate (--tls-certificate)"
_MEANINGS = (
    ("hostname verification", "has a certificate for other names than this"),
    ("errors resolving", "is not the name of a machine that can be found"),
    ("failed to connect", AWAY),
    ("connect failed", AWAY),
    ("takes nothing new", "takes nothing new: it is ending"),
    ("http1.x server", "speaks HTTP and not gRPC: it may be the port of --http, or that of metrics"),
    ("failed parsing http/2", "does not speak gRPC"),
    ("missing selected alpn", "does not speak gRPC: it may be the port of --http"),
    ("wrong_version_number", "does not speak TLS: leave out --tls-ca"),
    ("backends failing; last error: unavailable: .*(socket closed|connection reset)", _CLOSES),
)
"""What gRPC or the client says, in lower case, and what it means. The first that is found counts."""
_UNTRUSTED = re.compile("CERTIFICATE_VERIFY_FAILED: ([^:]+)")
_OTHER = (
    "takes connections, but not as asked: it may be ending, want TLS (--tls-ca) or a client certificate "
    "(--tls-certificate), speak no TLS, or have a certificate for other names"
)
_PROBE_S = 1.0

_PROXIES = ("grpc_proxy", "https_proxy", "http_proxy")
"""The variables that gRPC reads, in its order. Those in capitals it does not know."""


async def cause_of(error: TranslateSvcError, server: str) -> str:
    """Why ``server`` did not answer: one, or several with commas between them.

    gRPC's own message lists every address that it tried. This follows the server's address and a colon.
    What has no short form is told as gRPC says it.
    """
    said = error.description
    if untrusted := _UNTRUSTED.search(said):
        return f"has a certificate that is not trusted: {untrusted[1]}"
    for pattern, meaning in _MEANINGS:
        if re.search(pattern, said.lower()):
            return meaning if meaning != AWAY else await _away(said, server)
    return said


async def _away(said: str, server: str) -> str:
    """What a failed connection means."""
    if proxy := _proxy_of(server):
        return f"{AWAY} ({proxy} names a proxy, no_proxy servers to reach without it)"
    return _OTHER if await _is_at_another_address(said, server) else AWAY


async def _is_at_another_address(said: str, server: str) -> bool:
    """Whether ``server`` takes connections at an address of its name that is not the one in ``said``.

    gRPC tells of one address alone, the last that failed. For "localhost" that is often ``::1``, where
    nobody listens, and not the one at which TLS failed.
    """
    host, _, port = server.rpartition(":")
    if "," in server or not port.isdecimal():
        return False
    try:
        async with asyncio.timeout(_PROBE_S):
            _, writer = await asyncio.open_connection(host, int(port))
    except (OSError, UnicodeError):  # TimeoutError is one; a name may be none of DNS
        return False
    reached = writer.get_extra_info("peername")[0]
    writer.close()
    return f"{reached}:" not in unquote(said) and f"[{reached}]:" not in unquote(said)


def _proxy_of(server: str) -> str | None:
    if all(is_local(each.strip()) for each in server.split(",")):
        return None
    return next((name for name in _PROXIES if os.environ.get(name)), None)
