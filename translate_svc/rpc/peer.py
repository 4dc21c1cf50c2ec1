"""Where a call comes from: its connection, or what the proxy says that alone can reach this server."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

import grpc

_peer: ContextVar[str] = ContextVar("peer", default="")


def peer() -> str:
    """Where this call comes from, ``ipv4:1.2.3.4:567``. Available in all code that a method runs."""
    return _peer.get()


def find_peer(context: grpc.aio.ServicerContext[Any, Any], header: str) -> str:
    """Finds out what ``peer`` returns from now on. ``header``: of ``RpcOptions.peer_header``."""
    found = context.peer()
    if header:
        said = [value for name, value in context.invocation_metadata() or () if name == header]
        found = str(said[0]) if len(said) == 1 else found
    _peer.set(found)
    return found
