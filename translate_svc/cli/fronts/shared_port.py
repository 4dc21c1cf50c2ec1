"""A port at which several processes listen (SO_REUSEPORT). The kernel spreads new connections among them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from translate_svc.cli.ports import ListenAddress
from translate_svc.errors import InvalidArgument


@contextmanager
def shared_port(address: ListenAddress) -> Iterator[ListenAddress]:
    """Holds a port without listening, so that it stays the server's while its processes come and go.

    Yields the address with the port that was found where ``address`` has 0. Only processes of the same user
    can listen at it meanwhile.

    Raises:
        InvalidArgument: the address cannot be shared. Names the setting.
    """
    if address.host.startswith("unix:") or not hasattr(socket, "SO_REUSEPORT"):
        message = "needs --front-processes 1: several processes cannot listen here"
        raise InvalidArgument(message, field=address.host_field)
    family, kind, protocol, _, place = socket.getaddrinfo(
        address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    with socket.socket(family, kind, protocol) as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            held.bind(place)
        except OSError as error:
            message = f"{address}: {error.strerror}"
            raise InvalidArgument(message, field=address.port_field) from None
        port = held.getsockname()[1]
        yield ListenAddress(address.host, port, address.host_field, address.port_field)
