"""Which gRPC addresses stay on this machine."""

from __future__ import annotations

import ipaddress


def is_local(address: str) -> bool:
    """Whether traffic to ``address`` stays on this machine.

    True for ``unix:PATH``, ``unix-abstract:NAME``, ``localhost`` and loopback addresses, with or without a
    port. Other host names are never resolved and count as not local.
    """
    if address.startswith(("unix:", "unix-abstract:")):
        return True
    address = address.removeprefix("ipv4:").removeprefix("ipv6:").removeprefix("dns:").lstrip("/")
    host, colon, port = address.rpartition(":")
    if not colon or (port and not port.isdecimal()):
        host = address
    host = host.strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
