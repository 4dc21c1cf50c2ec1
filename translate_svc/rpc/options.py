"""What the operator decides about the transport."""

from __future__ import annotations

from dataclasses import dataclass, fields

from translate_svc.errors import OutOfRange

KIB = 1024
MIB = 1024 * KIB

MIN_KEEPALIVE_MS = 1_000
"""Below this gRPC does as it likes."""


@dataclass(frozen=True, slots=True)
class RpcOptions:
    """Where the server listens, how large messages may be, and how long it waits for a peer.

    Attributes:
        address: ``host:port`` or ``unix:path``; port 0 takes a free one.
        insecure: allow plaintext on an address that is not loopback.
        max_message_bytes: larger messages are refused by the transport itself, which names no field; hence
            more than what the service takes as one clip, with room for all else that a request may hold.
        config_timeout_s: for the first message of a stream.
        idle_timeout_s: for any other message, while the client has not said ``end``.
        write_timeout_s: for one response to leave. A response is at most some hundred milliseconds of speech,
            so a client that does not take it in this time does not read at all.
        abort_timeout_s: for a status to leave. It never does when the client's window is shut; the call is
            then dropped without one.
        refusal_pause_s: before a stream is failed, what its client still sends is taken and dropped until
            nothing came for so long. A status that meets a write of a ``grpc.aio`` client is seen there as
            INTERNAL.
        refusal_read_s: for all of that; then the status is sent, pause or not.
        refusal_read_bytes: that are taken so, at most by one message more.
        cancel_timeout_s: for a session to drop everything.
        drain_finish_s: how long before the deadline of a drain the input of streams ends, so that what was
            begun can be finished; at most half of the grace.
        max_unopened_streams: streams at a time whose first message has not come. Admission sees a stream only
            then; this bounds those that it has not seen yet.
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
    config_timeout_s: float = 10.0
    idle_timeout_s: float = 300.0
    write_timeout_s: float = 10.0
    abort_timeout_s: float = 1.0
    refusal_pause_s: float = 0.01
    refusal_read_s: float = 0.25
    refusal_read_bytes: int = MIB
    cancel_timeout_s: float = 5.0
    drain_finish_s: float = 10.0
    max_unopened_streams: int = 1_024
    stream_buffer_bytes: int = 64 * KIB
    keepalive_time_ms: int = 20_000
    keepalive_timeout_ms: int = 10_000
    ping_timeout_ms: int = 10_000

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, str) and not value >= 0:
                raise OutOfRange("must not be negative", field=field.name)
        for name in ("keepalive_time_ms", "keepalive_timeout_ms", "ping_timeout_ms"):
            if getattr(self, name) < MIN_KEEPALIVE_MS:
                raise OutOfRange(f"must be at least {MIN_KEEPALIVE_MS}", field=name)
