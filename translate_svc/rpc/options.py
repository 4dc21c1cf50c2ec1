"""Options of the gRPC server."""

from __future__ import annotations

from dataclasses import dataclass

from translate_svc.errors import OutOfRange
from translate_svc.serving.options import CallOptions

KIB = 1024
MIB = 1024 * KIB

MIN_KEEPALIVE_MS = 1_000
"""gRPC ignores lower values."""


@dataclass(frozen=True, slots=True)
class RpcOptions(CallOptions):
    """Address, message sizes and connections of the server, in addition to ``CallOptions``.

    Attributes:
        address: ``host:port`` or ``unix:path``; port 0 takes a free port.
        insecure: allow plaintext on an address that is not loopback.
        reuse_port: other processes of this user may listen at the same port; connections are spread.
        riva: serve the services of NVIDIA Riva, too.
        peer_header: metadata in which the proxy in front says where a call comes from, ``1.2.3.4:567``. Only
            for a server that nobody else can reach. Empty: where its connection comes from.
        max_message_bytes: the transport refuses larger messages, without naming a field. Therefore this is
            larger than the longest clip that the service takes, plus the other fields of a request.
        discard_idle_s: before a stream fails, the server reads and discards what its client still sends,
            until nothing came for this time. A ``grpc.aio`` client that gets a status during a write reports
            INTERNAL instead.
        discard_timeout_s: the longest time of that reading. Then the status is sent in any case.
        discard_limit_bytes: the most bytes of that reading, plus at most one message.
        message_timeout_s: how long the message of a call with a single request may take to arrive.
        max_reads: calls of Translate at a time whose message is being received, and as many streams.
            Their number times ``max_message_bytes`` bounds the memory of requests before admission. Others
            wait.
        max_reads_per_caller: the same for one caller: a name, or an IP address where callers have none.
        max_calls: that are open at a time, of any kind, admitted or not.
        max_calls_per_caller: the same for one caller.
        max_streams_per_connection: calls at a time of one connection. The client keeps further ones back.
        max_connections: at a time. Further ones are closed immediately.
        max_connection_age_s: after this time, give or take a tenth, the client opens another connection for
            its next calls, and so finds servers that are new. Open calls stay on the old one to their end.
        stream_buffer_bytes: how much unread data of a stream or request the transport accepts before the
            sender must wait. This is the flow-control window of HTTP/2, which would otherwise grow until it
            holds minutes of speech.
        keepalive_time_ms: the server pings a client after this time without data from it. Clients may ping
            twice as often. gRPC disconnects idle clients that ping more often.
        keepalive_timeout_ms: how long a peer's TCP may leave sent data unacknowledged.
        ping_timeout_ms: how long a peer may leave a ping unanswered. Only this detects a frozen process: its
            kernel still acknowledges data.
    """

    address: str = "127.0.0.1:0"
    insecure: bool = False
    reuse_port: bool = False
    riva: bool = False
    peer_header: str = ""
    max_message_bytes: int = 4 * MIB + 256 * KIB
    discard_idle_s: float = 0.01
    discard_timeout_s: float = 0.25
    discard_limit_bytes: int = MIB
    message_timeout_s: float = 30.0
    max_reads: int = 64
    max_reads_per_caller: int = 24
    max_calls: int = 8_192
    max_calls_per_caller: int = 4_096
    max_streams_per_connection: int = 1_024
    max_connections: int = 8_192
    max_connection_age_s: float = 1_800.0
    stream_buffer_bytes: int = 64 * KIB
    keepalive_time_ms: int = 20_000
    keepalive_timeout_ms: int = 10_000
    ping_timeout_ms: int = 10_000

    def __post_init__(self) -> None:
        CallOptions.__post_init__(self)
        for name in ("keepalive_time_ms", "keepalive_timeout_ms", "ping_timeout_ms"):
            if getattr(self, name) < MIN_KEEPALIVE_MS:
                raise OutOfRange(f"must be at least {MIN_KEEPALIVE_MS}", field=name)
