"""What the operator decides about the admin port."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AdminOptions:
    """Where the admin port listens. It tells nothing of what callers said, and asks nobody who he is.

    Attributes:
        host: an address of this machine; loopback unless probes and scrapers come from outside.
        port: 0 takes a free one.
    """

    host: str = "127.0.0.1"
    port: int = 9090
