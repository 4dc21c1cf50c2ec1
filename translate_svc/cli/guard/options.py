"""Options of the guard."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from translate_svc.cli.guard.limits import GuardLimits
from translate_svc.serving.tls_files import TlsFiles


@dataclass(frozen=True, slots=True)
class GuardOptions:
    """Where Envoy listens, what stands behind it, and what it bounds.

    Attributes:
        host: an address or a name of this machine; of several addresses of a name the first counts.
        port: 0 takes a free one, which stays the same for as long as the guard lives.
        folder: only this user may enter it. Envoy's files and sockets are made in it.
        sockets: the Unix sockets at which the gRPC server, or each of its front processes, listens.
        tls: the files with which callers are served TLS; None: plaintext.
        settled_s: Envoy is started again if it ends. If it ends within this time after a start, the guard is
            lost.
        finish_s: how long callers may take, after the drain, to take what the server has sent.
    """

    host: str
    port: int
    folder: Path
    sockets: tuple[Path, ...]
    tls: TlsFiles | None = None
    limits: GuardLimits = field(default_factory=GuardLimits)
    settled_s: float = 10.0
    finish_s: float = 2.0
