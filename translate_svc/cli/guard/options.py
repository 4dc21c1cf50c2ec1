"""Options of the guard."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from translate_svc.cli.guard.limits import GuardLimits, HttpLimits
from translate_svc.serving.tls_files import TlsFiles


@dataclass(frozen=True, slots=True)
class Door:
    """Where callers of one transport come in, and where its server is.

    Attributes:
        name: of the transport, ``grpc`` or ``http``.
        host: an address or a name of this machine; of several addresses of a name the first counts.
        port: 0 takes a free one, which stays the same for as long as the guard lives.
        sockets: the Unix sockets at which the server, or each of its front processes, listens.
    """

    name: str
    host: str
    port: int
    sockets: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class GuardOptions:
    """Where Envoy listens, what stands behind it, and what it bounds.

    Attributes:
        doors: one for each transport.
        folder: only this user may enter it. Envoy's files and sockets are made in it.
        tls: the files with which callers are served TLS; None: plaintext.
        limits: of gRPC.
        http_limits: of the HTTP port.
        settled_s: Envoy is started again if it ends. If it ends within this time after a start, the guard is
            lost.
        finish_s: how long callers may take, after the drain, to take what the server has sent.
    """

    doors: tuple[Door, ...]
    folder: Path
    tls: TlsFiles | None = None
    limits: GuardLimits = field(default_factory=GuardLimits)
    http_limits: HttpLimits = field(default_factory=HttpLimits)
    settled_s: float = 10.0
    finish_s: float = 2.0
