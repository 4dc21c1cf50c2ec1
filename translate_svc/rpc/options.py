"""What the operator decides about the transport."""

from __future__ import annotations

from dataclasses import dataclass

from translate_svc.errors import OutOfRange
from translate_svc.serving.options import CallOptions

KIB = 1024
MIB = 1024 * KIB

MIN_KEEPALIVE_MS = 1_000
"""Below this gRPC does as it likes."""


@dataclass(frozen=True, slots=True)
class RpcOptions(CallOptions):
    """Where the server listens, how large messages may be, and how it keeps connections; and ``CallOptions``.

    Attributes:
        address: ``host:port`` or ``unix:path``; port 0 takes a free one.
        insecure: allow plaintext on an address that is not loopback.
        max_message_bytes: larger messages are refused by the transport itself, which names no field; hence
            more than what the service takes as one clip, with room for all else that a request may hold.
        discard_idle_s: before a stream is failed, what its client still sends is taken and dropped until
            nothing came for so long. A status that meets a write of a ``grpc.aio`` client is seen there as
            INTERNAL.
        discard_timeout_s: for all of that; then the status is sent, pause or not.
        discard_limit_bytes: that are taken so, at most by one message more.
        stream_buffer_bytes: what the transport takes of a stream, or of a request, that nobody reads; then
            the sender waits. It is the window of HTTP/2, which else grows until it holds minutes of speech.
        keepalive_time_ms: a peer from which nothing comes for so long is pinged. Clients may ping twice as
            often; gRPC disconnects those that ping more, if they say nothing else.
        keepalive_timeout_ms: then, how long TCP may leave what we sent unacknowledged.
        ping_timeout_ms: how long a peer may leave a ping unanswered. A process that is frozen is noticed by
            this alone: its kernel goes on to acknowledge.
    """

    address: str = "127.0.0.1:0"
    insecure: bool = False
    max_message_bytes: int = 4 * MIB + 256 * KIB
    discard_idle_s: float = 0.01
    discard_timeout_s: float = 0.25
    discard_limit_bytes: int = MIB
    stream_buffer_bytes: int = 64 * KIB
    keepalive_time_ms: int = 20_000
    keepalive_timeout_ms: int = 10_000
    ping_timeout_ms: int = 10_000

    def __post_init__(self) -> None:
        CallOptions.__post_init__(self)
        for name in ("keepalive_time_ms", "keepalive_timeout_ms", "ping_timeout_ms"):
            if getattr(self, name) < MIN_KEEPALIVE_MS:
                raise OutOfRange(f"must be at least {MIN_KEEPALIVE_MS}", field=name)
