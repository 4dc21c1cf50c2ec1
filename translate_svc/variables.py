"""Names of environment variables. Every setting of a server has one with the prefix; two are for clients."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping

ENVIRONMENT_PREFIX = "TRANSLATE_SVC_"

SERVER_VARIABLE = f"{ENVIRONMENT_PREFIX}SERVER"
"""The server that a client uses if it is told none: ``HOST:PORT``, or several with commas between them."""

API_KEY_VARIABLE = f"{ENVIRONMENT_PREFIX}API_KEY"
"""The API key that a client sends if it is told none."""

_HOST, _PORT = "_SERVICE_HOST", "_SERVICE_PORT"
_LINK_NAME = re.compile(
    r"_SERVICE_HOST|_SERVICE_PORT(_[A-Z0-9_]+)?|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?"
)
_LINK_URL = re.compile(r"(tcp|udp|sctp)://\S+:\d+")


def service_links(environment: Mapping[str, str]) -> frozenset[str]:
    """The variables that Kubernetes adds for Services called ``translate-svc`` or ``translate-svc-...``.

    Every pod gets such variables for each Service of its namespace, unless it has ``enableServiceLinks:
    false``. They begin with the prefix of our settings. A Service is recognised by an IP address in
    ``..._SERVICE_HOST`` and a number in ``..._SERVICE_PORT``. Its ``..._PORT`` is a link only if the value is
    a URL (``tcp://10.0.0.1:50051``): Kubernetes does not replace a value that the pod itself has set.
    """
    links: set[str] = set()
    for variable, host in environment.items():
        service = variable.removesuffix(_HOST)
        if service == variable or not f"{service}_".startswith(ENVIRONMENT_PREFIX) or not _is_address(host):
            continue
        if not environment.get(service + _PORT, "").isdecimal():
            continue
        links |= {
            name
            for name, value in environment.items()
            if name.startswith(service) and _is_link(name.removeprefix(service), value)
        }
    return frozenset(links)


def _is_link(suffix: str, value: str) -> bool:
    if suffix == "_PORT":
        return _LINK_URL.fullmatch(value) is not None
    return _LINK_NAME.fullmatch(suffix) is not None


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
