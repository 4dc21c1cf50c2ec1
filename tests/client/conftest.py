"""The fixtures of the server's tests, with the server in reach of a client library."""

from tests.rpc.conftest import options, server, service

__all__ = ["options", "server", "service"]
