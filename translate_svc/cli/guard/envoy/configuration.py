"""Envoy's static configuration, as plain data: a listener for each door, and the servers behind them."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping
from typing import Any

from translate_svc.cli.guard.envoy.grpc_listener import grpc_clusters, grpc_manager
from translate_svc.cli.guard.envoy.http_listener import http_clusters, http_manager
from translate_svc.cli.guard.envoy.parts import TYPES
from translate_svc.cli.guard.envoy.tls_secrets import tls_context
from translate_svc.cli.guard.limits import GuardLimits, HttpLimits
from translate_svc.cli.guard.options import Door, GuardOptions

ADMIN_SOCKET = "admin.sock"
"""Envoy's own port, in the folder of ``GuardOptions``."""

_CONNECTION_LIMIT = f"{TYPES}.extensions.filters.network.connection_limit.v3.ConnectionLimit"
_ALPN = {"grpc": "h2", "http": "http/1.1"}
_NAME = "translate-svc"
_KEPT_BYTES = 16 * 1024**2


def configuration(options: GuardOptions, ports: Mapping[str, int]) -> dict[str, Any]:
    """The bootstrap of an Envoy whose doors listen at ``ports``, by their names; 0 takes a free one.

    Raises:
        OSError: a host is not an address of this machine.
    """
    limits = options.limits
    runtime = {
        "http.max_requests_per_io_cycle": limits.new_streams_per_turn,
        "overload.premature_reset_total_stream_count": limits.early_resets,
    }
    return {
        "node": {"id": _NAME, "cluster": _NAME},
        "admin": {"address": {"pipe": {"path": str(options.folder / ADMIN_SOCKET), "mode": 0o600}}},
        # what Envoy has freed above this goes back to the system, in steps of a second (Envoy 1.38)
        "memory_allocator_manager": {
            "soft_memory_limit_bytes": _KEPT_BYTES,
            "bytes_to_release": _KEPT_BYTES,
        },
        "layered_runtime": {"layers": [{"name": _NAME, "static_layer": runtime}]},
        "static_resources": {
            "listeners": [_listener(options, door, ports[door.name]) for door in options.doors],
            "clusters": [each for door in options.doors for each in _clusters(options, door)],
        },
    }


def _listener(options: GuardOptions, door: Door, port: int) -> dict[str, Any]:
    limits: GuardLimits | HttpLimits
    if door.name == "http":
        limits, manager = options.http_limits, http_manager(door.name, options.http_limits, door.sockets)
    else:
        limits, manager = options.limits, grpc_manager(door.name, options.limits)
    connection_limit = {
        "@type": _CONNECTION_LIMIT,
        "stat_prefix": door.name,
        "max_connections": limits.max_connections,
    }
    chain: dict[str, Any] = {
        "filters": [
            {"name": "envoy.filters.network.connection_limit", "typed_config": connection_limit},
            {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager},
        ]
    }
    if options.tls is not None:
        chain["transport_socket"] = tls_context(options.folder, options.tls, _ALPN[door.name])
    return {
        "name": door.name,
        "address": _address(door.host, port),
        # another process of this user must not share the port by mistake
        "enable_reuse_port": False,
        "per_connection_buffer_limit_bytes": limits.buffer_bytes,
        "filter_chains": [chain],
    }


def _clusters(options: GuardOptions, door: Door) -> list[dict[str, Any]]:
    if door.name == "http":
        return http_clusters(door.name, options.http_limits, door.sockets)
    return grpc_clusters(door.name, options.limits, door.sockets)


def _address(host: str, port: int) -> dict[str, Any]:
    """Envoy takes addresses, not names."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][4][0]
    address = ipaddress.ip_address(found)
    both = {"ipv4_compat": True} if address == ipaddress.IPv6Address("::") else {}
    return {"socket_address": {"address": str(address), "port_value": port, **both}}
