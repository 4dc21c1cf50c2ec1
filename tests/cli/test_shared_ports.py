"""Ports that the processes of one server share."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from translate_svc.cli.ports import ListenAddress, can_be_shared, shared_port

LOOPBACK = ListenAddress.parse("127.0.0.1:0", "http")

pytestmark = pytest.mark.skipif(not can_be_shared(LOOPBACK), reason="needs SO_REUSEPORT")


@contextmanager
def listener(port: int, *options: int) -> Iterator[socket.socket]:
    """Listens at ``port`` of the loopback; 0: a free one."""
    with socket.socket() as made:
        for option in options:
            made.setsockopt(socket.SOL_SOCKET, option, 1)
        made.bind(("127.0.0.1", port))
        made.listen()
        yield made


def test_a_port_is_free_as_soon_as_the_one_process_that_had_it_has_stopped() -> None:
    """It has closed a connection first, and TCP remembers that for a minute."""
    with listener(0, socket.SO_REUSEADDR) as stopped:
        port = stopped.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            stopped.accept()[0].close()
            assert client.recv(1) == b""
    with shared_port(ListenAddress.parse(f"127.0.0.1:{port}", "http")) as held:
        assert held.port == port


def test_a_port_that_is_held_is_not_given_to_others() -> None:
    with shared_port(LOOPBACK) as held:
        for options in ((), (socket.SO_REUSEADDR,)):
            with pytest.raises(OSError, match="in use"), listener(held.port, *options):
                pass
        with listener(held.port, socket.SO_REUSEADDR, socket.SO_REUSEPORT):
            pass
