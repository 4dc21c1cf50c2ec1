"""The HTTP port in Envoy's configuration: HTTP/1.1 and WebSockets, nothing of which is held back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from translate_svc.cli.guard.envoy.call_rate import HTTP_REFUSAL, TOO_MANY_CALLS, call_rate_filter
from translate_svc.cli.guard.envoy.parts import (
    SERVER_HTTP,
    TYPES,
    destination,
    endpoints,
    manager,
    routes,
    seconds,
    where_status,
)
from translate_svc.cli.guard.limits import HttpLimits

_SPELLED = f"{TYPES}.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig"
_AS_SPELLED = {
    "stateful_formatter": {
        "name": "envoy.http.stateful_header_formatters.preserve_case",
        "typed_config": {"@type": _SPELLED},
    }
}
"""Names of headers keep their capitals: some small clients of WebSockets look for them."""

_CALLS = r"/v1/realtime/(translations/)?calls(/.*)?"
_ROOMS = r"/v1/wh[ei]p/([^/?]+)(/.*)?"
_RETRIED = "connect-failure,reset-before-request"


def http_manager(name: str, limits: HttpLimits, sockets: tuple[Path, ...]) -> dict[str, Any]:
    """The manager of callers' connections to the server, or to its front processes, at ``sockets``.

    What the server counts is the server's: bytes of a file, messages of a socket. Nothing is buffered as a
    whole, so uploads and streamed answers go through as they come.
    """
    return manager(name, call_rate_filter(limits.requests_per_s, HTTP_REFUSAL)) | {
        "codec_type": "HTTP1",
        "http_protocol_options": {"accept_http_10": True, "header_key_format": _AS_SPELLED},
        "max_request_headers_kb": limits.header_bytes // 1024,
        "request_headers_timeout": seconds(limits.header_s),
        "stream_idle_timeout": seconds(limits.stream_idle_s),
        "common_http_protocol_options": {
            "idle_timeout": seconds(limits.connection_idle_s),
            "max_headers_count": limits.headers,
        },
        # the server says whether it wants a file before it is sent
        "proxy_100_continue": True,
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "local_reply_config": {
            "mappers": [
                _reply("GE", 500, "server_error", "unavailable", "The server cannot be reached now."),
                _reply("EQ", 429, "rate_limit_error", "rate_limit_exceeded", TOO_MANY_CALLS),
                _reply("GE", 400, "invalid_request_error", "invalid_request", _NO_REQUEST),
            ]
        },
        "route_config": routes(name, _routes(name, limits, len(sockets))),
    }


def http_clusters(name: str, limits: HttpLimits, sockets: tuple[Path, ...]) -> list[dict[str, Any]]:
    """The server, or its front processes: chosen by their load, and by what belongs together."""
    return [
        _cluster(name, limits, sockets, "LEAST_REQUEST"),
        _cluster(_sticky(name), limits, sockets, "MAGLEV"),
        *(
            _cluster(_only(name, index), limits, (socket,), "LEAST_REQUEST")
            for index, socket in enumerate(sockets)
        ),
    ]


def _routes(name: str, limits: HttpLimits, fronts: int) -> list[dict[str, Any]]:
    """A call is known to the process that answered its offer, and a room lives in one. Its caller may have
    another address by now, so the name of a call says which process that was. A room waits for its
    process while that is started again: opened elsewhere, it would be lost to all who come after that.
    """
    return [
        *(
            _route(_only(name, index), limits, {"safe_regex": {"regex": _call_of(index)}})
            for index in range(fronts)
        ),
        _route(_sticky(name), limits, {"safe_regex": {"regex": _CALLS}}, _BY_ADDRESS),
        _route(_sticky(name), limits, {"safe_regex": {"regex": _ROOMS}}, _BY_ROOM),
        _route(name, limits, {"prefix": "/"}),
    ]


_NO_REQUEST = "The request is not HTTP, or its head is too large."
_BY_ADDRESS = {"connection_properties": {"source_ip": True}}
_BY_ROOM = {
    "header": {
        "header_name": ":path",
        "regex_rewrite": {"pattern": {"regex": rf"^{_ROOMS}(\?.*)?$"}, "substitution": r"\1"},
    }
}


def _sticky(name: str) -> str:
    return f"{name}-sticky"


def _only(name: str, index: int) -> str:
    return f"{name}-{index}"


def _call_of(index: int) -> str:
    """Paths about a call that the front process ``index`` has answered (``GatewayOptions.process_index``)."""
    return rf"/v1/realtime/(translations/)?calls/rtc_{index}_.*"


def _route(
    cluster: str, limits: HttpLimits, match: dict[str, Any], sticks_by: dict[str, Any] | None = None
) -> dict[str, Any]:
    route = destination(cluster, limits.stream_idle_s, _RETRIED, elsewhere=sticks_by is not _BY_ROOM)
    return {"match": match, "route": route | ({"hash_policy": [sticks_by]} if sticks_by else {})}


def _cluster(name: str, limits: HttpLimits, sockets: tuple[Path, ...], policy: str) -> dict[str, Any]:
    most = {
        "max_requests": limits.server_connections,
        "max_connections": limits.server_connections,
        "max_pending_requests": limits.server_connections,
    }
    return {
        "name": name,
        "connect_timeout": seconds(limits.connect_timeout_s),
        "lb_policy": policy,
        "per_connection_buffer_limit_bytes": limits.buffer_bytes,
        "circuit_breakers": {"thresholds": [most]},
        "typed_extension_protocol_options": {
            SERVER_HTTP: {
                "@type": f"type.googleapis.com/{SERVER_HTTP}",
                # before the server closes it, who would do so while a request is on its way
                "common_http_protocol_options": {"idle_timeout": seconds(limits.server_idle_s)},
                "explicit_http_config": {"http_protocol_options": {"header_key_format": _AS_SPELLED}},
            }
        },
        "load_assignment": endpoints(name, sockets),
    }


def _reply(comparison: str, status: int, kind: str, code: str, said: str) -> dict[str, Any]:
    """What Envoy itself answers, in the shape of the server's errors."""
    return {
        "filter": where_status(comparison, status),
        "headers_to_add": [{"header": {"key": "Server", "value": "translate-svc"}}],
        "body_format_override": {
            "json_format": {"error": {"type": kind, "code": code, "message": said, "param": None}}
        },
    }
