"""Options of the HTTP server."""

from __future__ import annotations

from dataclasses import dataclass

from translate_svc.errors import InvalidArgument
from translate_svc.serving.options import CallOptions

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class Proxy:
    """What stands in front of the server and brings its callers.

    Attributes:
        socket: the path of the Unix socket at which the server listens to it, and to nobody else.
        peer_header: the header in which it says where a request comes from, ``1.2.3.4:567``. It replaces what
            the request says.
        tls: whether it serves TLS to callers.
    """

    socket: str
    peer_header: str
    tls: bool


@dataclass(frozen=True, slots=True)
class GatewayOptions(CallOptions):
    """Address, message sizes and pages of the server, in addition to ``CallOptions``.

    Attributes:
        address: ``host:port``, where callers come in; port 0 takes a free port.
        proxy: listens at ``address`` for the server; None: the server does so itself.
        insecure: allow plaintext on an address that is not loopback.
        reuse_port: other processes of this user may listen at the same port; connections are spread.
        max_connections: at a time. Further ones are closed immediately.
        request_timeout_s: how long a connection may take to send a request: its first one, and the next.
        config_timeout_s: how long a session may stay without its target language. Longer than for gRPC:
            clients of this protocol connect first and ask their user afterwards.
        crowded_timeout_s: the same for those that come while many wait: as for gRPC.
        origins: web origins (``https://example.org``) whose pages may connect, beside the server's own; ``*``
            allows every page.
        source_language: the language that speakers use where a session names none; empty: not known.
        max_message_bytes: the largest message of a WebSocket. A larger one ends the connection with 1009.
        send_buffer_bytes: how much a connection may hold that the client has not taken yet, beside the
            kernel's own buffers.
        ping_interval_s: a connection without any data from the client for so long is pinged.
        ping_timeout_s: how long the client may leave the ping unanswered.
        max_file_bytes: the largest audio file.
        max_file_duration_s: the longest audio file: a small one may hold hours.
        max_uploads: files that are received or translated at a time.
        max_uploads_per_caller: the same of one caller: by name, or by address where nobody says who they are.
        upload_timeout_s: how long a client may send nothing of a file.
        upload_limit_s: how long a file may take to arrive in all.
        file_patience_s: how long in all a file waits where its caller may not send so much audio at once.
        session_lifetime_s: a session ends after this time; the protocol tells clients when.
        process_index: which of the processes at this address it is, from 0. Names of calls begin with it, so
            that ``proxy`` finds the process that has one.
        max_calls: calls over WebRTC at a time, connected or not.
        connect_timeout_s: for a caller to connect after its offer was answered.
        ice_servers: STUN and TURN servers, as ``webrtc/ice_servers.py`` reads them; empty: addresses of this
            machine alone.
    """

    address: str = "127.0.0.1:0"
    proxy: Proxy | None = None
    insecure: bool = False
    reuse_port: bool = False
    max_connections: int = 8_192
    request_timeout_s: float = 30.0
    config_timeout_s: float = 300.0
    crowded_timeout_s: float = 10.0
    origins: tuple[str, ...] = ()
    source_language: str = ""
    max_message_bytes: int = 2 * MIB
    send_buffer_bytes: int = 64 * KIB
    ping_interval_s: float = 20.0
    ping_timeout_s: float = 10.0
    max_file_bytes: int = 25 * MIB
    max_file_duration_s: float = 3_600.0
    max_uploads: int = 16
    max_uploads_per_caller: int = 8
    upload_timeout_s: float = 30.0
    upload_limit_s: float = 300.0
    file_patience_s: float = 300.0
    session_lifetime_s: float = 86_400.0
    process_index: int = 0
    max_calls: int = 32
    connect_timeout_s: float = 30.0
    ice_servers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        CallOptions.__post_init__(self)
        host, _, port = self.address.rpartition(":")
        if not host or not port.isdecimal() or int(port) > 65_535:
            raise InvalidArgument("must be HOST:PORT", field="http")

    @property
    def host(self) -> str:
        """The host of ``address``; an IPv6 address without its brackets."""
        return self.address.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port of ``address``."""
        return int(self.address.rpartition(":")[2])
