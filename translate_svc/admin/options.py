"""Options of the admin port."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AdminOptions:
    """Where the admin port listens. It has no authentication, and it never shows audio or text of callers.

    Attributes:
        host: an address of this machine; loopback unless probes and scrapers run on other machines.
        port: 0 takes a free port.
        request_timeout_s: how long a connection may take to send a request: its first one, and the next.
        max_connections: at a time. The oldest one is closed for a new one.
    """

    host: str = "127.0.0.1"
    port: int = 9464
    request_timeout_s: float = 10.0
    max_connections: int = 1_024
