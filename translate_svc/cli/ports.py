"""Where servers listen: whether they can, before a model is loaded, and ports that processes share."""

from __future__ import annotations

import dataclasses
import errno
import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Self

from translate_svc.config import Settings
from translate_svc.errors import InvalidArgument
from translate_svc.rpc.unix_socket import check_unix_address

_Place = tuple[int, int, int, str, tuple[str | int, ...] | tuple[int, bytes]]
"""One of the answers of ``socket.getaddrinfo``."""


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Where a server will listen.

    Attributes:
        host: a name or an address, or ``unix:PATH``.
        port: 0 takes a free one.
        host_field, port_field: the settings that hold them.
    """

    host: str
    port: int
    host_field: str
    port_field: str

    @classmethod
    def parse(cls, address: str, field: str) -> Self:
        """From ``host:port`` in one setting; an IPv6 address has brackets.

        Raises:
            InvalidArgument: it is no such address. Names the setting.
        """
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal() or int(port) > 65_535:
            raise InvalidArgument("must be HOST:PORT", field=field)
        return cls(host.strip("[]"), int(port), field, field)

    def applied(self, settings: Settings) -> Settings:
        """The settings with which a server listens here."""
        is_one = self.host_field == self.port_field
        changed: dict[str, Any] = {self.port_field: str(self) if is_one else self.port}
        return dataclasses.replace(settings, **changed)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def refuse_taken_ports(addresses: Iterable[ListenAddress]) -> None:
    """Checks that all of ``addresses`` can be listened on at the same time.

    Raises:
        InvalidArgument: a port or a Unix socket is in use, this machine does not have the address, or nothing
            can be written to the folder of the socket. Names the setting.
    """
    with ExitStack() as held:
        for address in addresses:
            if address.host.startswith("unix:"):
                _check_socket(address)
            else:
                _listen(address, held)


def can_be_shared(address: ListenAddress) -> bool:
    """Whether several processes can listen at ``address``."""
    return not address.host.startswith("unix:") and hasattr(socket, "SO_REUSEPORT")


@contextmanager
def shared_port(address: ListenAddress) -> Iterator[ListenAddress]:
    """Holds a port without listening, so that it stays the server's while its processes come and go. All of
    them listen at it (SO_REUSEPORT), and the kernel spreads new connections among them.

    Yields the address with the port that was found where ``address`` has 0. Only processes of the same user
    can listen at it meanwhile.

    Raises:
        InvalidArgument: the address cannot be shared. Names the setting.
    """
    if not can_be_shared(address):
        message = "needs --front-processes 1: several processes cannot listen here"
        raise InvalidArgument(message, field=address.host_field)
    family, kind, protocol, _, place = socket.getaddrinfo(
        address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    with socket.socket(family, kind, protocol) as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        # a server with one process that has just stopped may have left connections in TIME_WAIT
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            held.bind(place)
        except OSError as error:
            message = f"{address}: {error.strerror}"
            raise InvalidArgument(message, field=address.port_field) from None
        # with it, others could listen here while no process of the server does
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        port = held.getsockname()[1]
        yield ListenAddress(address.host, port, address.host_field, address.port_field)


def _check_socket(address: ListenAddress) -> None:
    try:
        check_unix_address(address.host)
    except InvalidArgument as error:
        raise InvalidArgument(error.description, field=address.host_field) from None
    folder = os.path.dirname(os.path.abspath(address.host.removeprefix("unix:")))
    if not os.path.isdir(folder):
        raise InvalidArgument(f"{folder} is not a folder", field=address.host_field)
    if not os.access(folder, os.W_OK):
        raise InvalidArgument(f"{folder} is not writable", field=address.host_field)


def _listen(address: ListenAddress, held: ExitStack) -> None:
    """Listens until ``held`` is closed."""
    try:
        found = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except socket.gaierror:
        bare = address.host.strip("[]")
        hint = f": write {bare}" if bare != address.host else ""
        raise InvalidArgument(f"is not an address of this machine{hint}", field=address.host_field) from None
    problems = [_bind_problem(each) for each in found]
    if errno.EADDRINUSE in problems:
        message = f"{address} is in use: choose another (0 takes a free one)"
        raise InvalidArgument(message, field=address.port_field)
    # of several addresses of a name one is enough: a machine may lack IPv6
    if all(problems):
        raise InvalidArgument(f"{address}: {os.strerror(problems[0])}", field=address.host_field)
    _bind(found[problems.index(0)], held)


def _bind_problem(place: _Place) -> int:
    """The number of the error with which this address cannot be listened on; 0 if it can."""
    try:
        with ExitStack() as released:
            _bind(place, released)
    except OSError as error:
        return error.errno or errno.EINVAL
    return 0


def _bind(place: _Place, held: ExitStack) -> None:
    family, kind, protocol, _, address = place
    probe = held.enter_context(socket.socket(family, kind, protocol))
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    probe.bind(address)
    probe.listen()
