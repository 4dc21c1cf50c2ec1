"""What the operator decides about the transport."""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB


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
        cancel_timeout_s: for a session to drop everything.
    """

    address: str = "127.0.0.1:0"
    insecure: bool = False
    max_message_bytes: int = 4 * MIB + 256 * KIB
    config_timeout_s: float = 10.0
    idle_timeout_s: float = 300.0
    write_timeout_s: float = 10.0
    abort_timeout_s: float = 1.0
    cancel_timeout_s: float = 5.0
