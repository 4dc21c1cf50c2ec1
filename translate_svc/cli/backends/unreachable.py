"""What keeps a command from its server, in one short line."""

from __future__ import annotations

import os
import re

from translate_svc.addresses import is_local
from translate_svc.errors import TranslateSvcError

AWAY = "not reachable"

_CLOSES = "closes connections: it may want TLS (--tls-ca) or a client certificate (--tls-certificate)"
_MEANINGS = (
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


_PROXIES = ("grpc_proxy", "https_proxy", "http_proxy")
"""The variables that gRPC reads, in its order. Those in capitals it does not know."""


def cause_of(error: TranslateSvcError, server: str) -> str:
    """Why ``server`` did not answer: one, or several with commas between them.

    gRPC's own message lists every address that it tried. This follows the server's address and a colon.
    What has no short form is told as gRPC says it.
    """
    said = error.description
    if untrusted := _UNTRUSTED.search(said):
        return f"has a certificate that is not trusted: {untrusted[1]}"
    for pattern, meaning in _MEANINGS:
        if re.search(pattern, said.lower()):
            return f"{meaning}{_by_proxy(server)}" if meaning == AWAY else meaning
    return said


def _by_proxy(server: str) -> str:
    if all(is_local(each.strip()) for each in server.split(",")):
        return ""
    proxy = next((name for name in _PROXIES if os.environ.get(name)), None)
    return f" ({proxy} names a proxy, no_proxy servers to reach without it)" if proxy else ""
