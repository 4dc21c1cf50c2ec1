"""gRPC in Envoy's configuration: HTTP/2 from callers, HTTP/2 to the server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from translate_svc.cli.guard.envoy.call_rate import GRPC_REFUSAL, TOO_MANY_CALLS, call_rate_filter
from translate_svc.cli.guard.envoy.parts import (
    SERVER_HTTP,
    destination,
    endpoints,
    manager,
    routes,
    seconds,
    where_status,
)
from translate_svc.cli.guard.limits import GuardLimits


def grpc_manager(name: str, limits: GuardLimits) -> dict[str, Any]:
    """The manager of callers' connections. All of gRPC goes on: what the server does not have, it refuses."""
    route = {
        "match": {"prefix": "/", "grpc": {}},
        "route": destination(name, limits.stream_idle_s, "connect-failure"),
    }
    refused = {"filter": where_status("EQ", 429), "body": {"inline_string": TOO_MANY_CALLS}}
    return manager(name, call_rate_filter(limits.calls_per_s, GRPC_REFUSAL)) | {
        "codec_type": "HTTP2",
        "stream_idle_timeout": seconds(limits.stream_idle_s),
        "common_http_protocol_options": {"idle_timeout": seconds(limits.connection_idle_s)},
        "http2_protocol_options": {
            "max_concurrent_streams": limits.max_streams,
            "initial_stream_window_size": limits.stream_window_bytes,
            "initial_connection_window_size": limits.connection_window_bytes,
            # a frame that is not HTTP/2 ends its connection, not only its stream
            "override_stream_error_on_invalid_http_message": False,
            "connection_keepalive": {
                "interval": seconds(limits.ping_interval_s),
                "timeout": seconds(limits.ping_timeout_s),
            },
        },
        "local_reply_config": {"mappers": [refused]},
        "route_config": routes(name, [route]),
    }


def grpc_clusters(name: str, limits: GuardLimits, sockets: tuple[Path, ...]) -> list[dict[str, Any]]:
    """The server, or its front processes."""
    breaker = {"max_requests": limits.server_requests, "max_connections": limits.server_connections}
    http2 = {
        "max_concurrent_streams": limits.server_streams,
        "initial_stream_window_size": limits.server_stream_window_bytes,
        "initial_connection_window_size": limits.server_connection_window_bytes,
    }
    return [
        {
            "name": name,
            "connect_timeout": seconds(limits.connect_timeout_s),
            "lb_policy": "LEAST_REQUEST",
            "per_connection_buffer_limit_bytes": limits.buffer_bytes,
            "circuit_breakers": {"thresholds": [breaker]},
            "typed_extension_protocol_options": {
                SERVER_HTTP: {
                    "@type": f"type.googleapis.com/{SERVER_HTTP}",
                    # what a flood of streams opened is given back
                    "common_http_protocol_options": {"idle_timeout": seconds(limits.server_idle_s)},
                    "explicit_http_config": {"http2_protocol_options": http2},
                }
            },
            "load_assignment": endpoints(name, sockets),
        }
    ]
