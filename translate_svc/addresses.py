"""What a gRPC address tells about who can listen in."""

from __future__ import annotations

import ipaddress


def is_local(address: str) -> bool:
    """Whether what is said over ``address`` stays on this machine.

    True for ``unix:PATH``, ``unix-abstract:NAME``, ``localhost`` and the addresses of loopback, with or
    without a port. Other names are not looked up: they are not local.
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
