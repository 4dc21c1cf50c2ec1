"""What a caller may do to connections: the values of ``k8s/components/gateway``, which a test compares."""

from __future__ import annotations

from dataclasses import dataclass

_KIB = 1024


@dataclass(frozen=True, slots=True)
class GuardLimits:
    """The bounds that Envoy keeps. The reasons stand beside the same values in the component.

    Attributes:
        max_connections: of callers, at a time. Further ones are closed immediately.
        buffer_bytes: what a connection holds that its other side has not taken, towards callers and servers.
        stream_idle_s: a stream on which nothing moves ends; above the server's own limit, which says why.
        connection_idle_s: a connection without a stream is closed.
        max_streams: of one connection at a time.
        stream_window_bytes, connection_window_bytes: what a caller may send before it is taken.
        ping_interval_s, ping_timeout_s: a caller that froze is found by pings.
        connect_timeout_s: of connections to the server.
        server_streams: of one connection to the server at a time.
        server_stream_window_bytes, server_connection_window_bytes: what the server may send before it is
            taken.
        server_requests, server_connections: to the server, at a time.
        server_idle_s: a connection to the server without a stream is closed.
        new_streams_per_turn: that one connection gets in a turn of Envoy's loop.
        early_resets: a connection ends when half of so many streams, its first ones, were reset at once.
        calls_per_s: that one address begins: so many at once, and as many in each second. Further ones are
            refused and told when to come again. Streams that are open do not count.
    """

    max_connections: int = 2_048
    buffer_bytes: int = 32 * _KIB
    stream_idle_s: float = 360.0
    connection_idle_s: float = 300.0
    max_streams: int = 128
    stream_window_bytes: int = 64 * _KIB
    connection_window_bytes: int = 256 * _KIB
    ping_interval_s: float = 20.0
    ping_timeout_s: float = 10.0
    connect_timeout_s: float = 5.0
    server_streams: int = 16
    server_stream_window_bytes: int = 64 * _KIB
    server_connection_window_bytes: int = 1_024 * _KIB
    server_requests: int = 16_384
    server_connections: int = 4_096
    server_idle_s: float = 15.0
    new_streams_per_turn: int = 1
    early_resets: int = 100
    calls_per_s: int = 64


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """The same of the HTTP port. What a request, a file or a message may be is bounded by the server.

    Attributes:
        max_connections: of callers, at a time. Further ones are closed immediately.
        buffer_bytes: what a connection holds that its other side has not taken, towards callers and servers.
        header_bytes: all headers of a request, and its first line.
        headers: how many a request has.
        header_s: how long they may take to come.
        stream_idle_s: a request or a WebSocket on which nothing moves ends: above what the longest file takes
            to be translated. Sockets are pinged by the server.
        connection_idle_s: a connection without a request is closed; as ``GatewayOptions.request_timeout_s``.
        connect_timeout_s: of connections to the server.
        server_idle_s: a connection to the server without a request is closed; before the server does so.
        server_connections: to the server, at a time.
        requests_per_s: as ``GuardLimits.calls_per_s``. A page is many, and each costs less than a call.
    """

    max_connections: int = 2_048
    buffer_bytes: int = 32 * _KIB
    header_bytes: int = 32 * _KIB
    headers: int = 100
    header_s: float = 30.0
    stream_idle_s: float = 3_600.0
    connection_idle_s: float = 30.0
    connect_timeout_s: float = 5.0
    server_idle_s: float = 15.0
    server_connections: int = 4_096
    requests_per_s: int = 256
