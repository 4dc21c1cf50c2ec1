"""Listening sockets of servers on the event loop, for which running out of descriptors is no disaster."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

_BACKLOG = 4_096
"""Connections that wait to be accepted. A client that finds no room tries again after a second."""


async def listen(
    protocol: Callable[[], asyncio.BaseProtocol],
    host: str,
    port: int,
    *,
    tls: ssl.SSLContext | None = None,
    reuse_port: bool = False,
) -> asyncio.Server:
    """Serves connections with ``protocol``. Close the result to stop listening.

    When no descriptor is left, accepting pauses for a second, with one line in the log. asyncio by itself
    tries 128 times in a row, with a line and a timer for each, and each timer starts over: the process is
    then busy with nothing else (python/cpython#151615). It tries as often as its argument ``backlog`` says,
    so that is 1 here, and the kernel's queue is made longer afterwards.

    Raises:
        OSError: the address cannot be bound.
    """
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        protocol, host, port, ssl=tls, reuse_port=reuse_port or None, backlog=1, start_serving=True
    )
    _widen(server)
    return server


async def listen_at_socket(protocol: Callable[[], asyncio.BaseProtocol], path: str) -> asyncio.Server:
    """The same at a Unix socket. One that is left over is replaced; its folder says who may connect.

    Raises:
        OSError: the path cannot be bound.
    """
    server = await asyncio.get_running_loop().create_unix_server(protocol, path, backlog=1)
    _widen(server)
    return server


def bound_address(server: asyncio.Server) -> tuple[str, int]:
    """Host and port of the first address that ``server`` listens on."""
    address: tuple[str, int] = server.sockets[0].getsockname()[:2]
    return address


def _widen(server: asyncio.Server) -> None:
    """Makes the kernel's queue longer than what asyncio accepts in a row."""
    for listening in server.sockets:
        with listening.dup() as same:
            same.listen(_BACKLOG)
