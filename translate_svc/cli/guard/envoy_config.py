"""Envoy's static configuration, as plain data: one listener for callers, one cluster with the gRPC server."""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path
from typing import Any

from translate_svc.cli.guard.limits import GuardLimits
from translate_svc.cli.guard.options import GuardOptions
from translate_svc.cli.guard.tls_secrets import tls_context

ADMIN_SOCKET = "admin.sock"
"""Envoy's own port, in the folder of ``GuardOptions``."""

PEER_HEADER = "x-translate-svc-peer"
"""Metadata in which the server learns from Envoy where a call comes from."""

_TYPES = "type.googleapis.com/envoy"
_HTTP = f"{_TYPES}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_CONNECTION_LIMIT = f"{_TYPES}.extensions.filters.network.connection_limit.v3.ConnectionLimit"
_ROUTER = f"{_TYPES}.extensions.filters.http.router.v3.Router"
_SERVER_HTTP = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_OTHER_HOST = f"{_TYPES}.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
_NAME = "translate-svc"


def configuration(options: GuardOptions, port: int) -> dict[str, Any]:
    """The bootstrap of an Envoy that listens at ``port``; 0 takes a free one.

    Raises:
        OSError: the host is not an address of this machine.
    """
    limits = options.limits
    runtime = {
        "http.max_requests_per_io_cycle": limits.new_streams_per_turn,
        "overload.premature_reset_total_stream_count": limits.early_resets,
    }
    return {
        "node": {"id": _NAME, "cluster": _NAME},
        "admin": {"address": {"pipe": {"path": str(options.folder / ADMIN_SOCKET), "mode": 0o600}}},
        "layered_runtime": {"layers": [{"name": _NAME, "static_layer": runtime}]},
        "static_resources": {"listeners": [_listener(options, port)], "clusters": [_cluster(options)]},
    }


def _listener(options: GuardOptions, port: int) -> dict[str, Any]:
    limits = options.limits
    connection_limit = {
        "@type": _CONNECTION_LIMIT,
        "stat_prefix": "callers",
        "max_connections": limits.max_connections,
    }
    chain: dict[str, Any] = {
        "filters": [
            {"name": "envoy.filters.network.connection_limit", "typed_config": connection_limit},
            {"name": "envoy.filters.network.http_connection_manager", "typed_config": _http(limits)},
        ]
    }
    if options.tls is not None:
        chain["transport_socket"] = tls_context(options.folder, options.tls)
    return {
        "name": "callers",
        "address": _address(options.host, port),
        # another process of this user must not share the port by mistake
        "enable_reuse_port": False,
        "per_connection_buffer_limit_bytes": limits.buffer_bytes,
        "filter_chains": [chain],
    }


def _http(limits: GuardLimits) -> dict[str, Any]:
    return {
        "@type": _HTTP,
        "stat_prefix": "callers",
        "codec_type": "HTTP2",
        "stream_idle_timeout": _seconds(limits.stream_idle_s),
        "common_http_protocol_options": {"idle_timeout": _seconds(limits.connection_idle_s)},
        "http2_protocol_options": {
            "max_concurrent_streams": limits.max_streams,
            "initial_stream_window_size": limits.stream_window_bytes,
            "initial_connection_window_size": limits.connection_window_bytes,
            # a frame that is not HTTP/2 ends its connection, not only its stream
            "override_stream_error_on_invalid_http_message": False,
            "connection_keepalive": {
                "interval": _seconds(limits.ping_interval_s),
                "timeout": _seconds(limits.ping_timeout_s),
            },
        },
        # callers are strangers: their own headers for proxies count for nothing
        "use_remote_address": True,
        "generate_request_id": False,
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {"@type": _ROUTER}}],
        "route_config": {"virtual_hosts": [{"name": _NAME, "domains": ["*"], "routes": [_route(limits)]}]},
    }


def _route(limits: GuardLimits) -> dict[str, Any]:
    """All of gRPC: what the server does not have, the server refuses."""
    return {
        "match": {"prefix": "/", "grpc": {}},
        # in place of what a caller says of itself
        "request_headers_to_add": [
            {
                "header": {"key": PEER_HEADER, "value": "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%"},
                "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
            }
        ],
        "route": {
            "cluster": _NAME,
            # a stream lasts as long as a call; Envoy's own limit is 15 s after the caller's last message
            "timeout": "0s",
            "idle_timeout": _seconds(limits.stream_idle_s),
            # a front process that is being started again is passed over; nothing was sent to it
            "retry_policy": {
                "retry_on": "connect-failure",
                "num_retries": 2,
                "retry_host_predicate": [{"name": "other_host", "typed_config": {"@type": _OTHER_HOST}}],
                "host_selection_retry_max_attempts": 5,
            },
        },
    }


def _cluster(options: GuardOptions) -> dict[str, Any]:
    limits = options.limits
    endpoints = [{"endpoint": {"address": _pipe(path)}} for path in options.sockets]
    breaker = {"max_requests": limits.server_requests, "max_connections": limits.server_connections}
    http2 = {
        "max_concurrent_streams": limits.server_streams,
        "initial_stream_window_size": limits.server_stream_window_bytes,
        "initial_connection_window_size": limits.server_connection_window_bytes,
    }
    return {
        "name": _NAME,
        "connect_timeout": _seconds(limits.connect_timeout_s),
        "lb_policy": "LEAST_REQUEST",
        "per_connection_buffer_limit_bytes": limits.buffer_bytes,
        "circuit_breakers": {"thresholds": [breaker]},
        "typed_extension_protocol_options": {
            _SERVER_HTTP: {
                "@type": f"type.googleapis.com/{_SERVER_HTTP}",
                "explicit_http_config": {"http2_protocol_options": http2},
            }
        },
        "load_assignment": {"cluster_name": _NAME, "endpoints": [{"lb_endpoints": endpoints}]},
    }


def _address(host: str, port: int) -> dict[str, Any]:
    """Envoy takes addresses, not names."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][4][0]
    address = ipaddress.ip_address(found)
    both = {"ipv4_compat": True} if address == ipaddress.IPv6Address("::") else {}
    return {"socket_address": {"address": str(address), "port_value": port, **both}}


def _pipe(path: Path) -> dict[str, Any]:
    return {"pipe": {"path": str(path)}}


def _seconds(seconds: float) -> str:
    """A duration as protobuf writes it in JSON."""
    return f"{seconds:g}s"
