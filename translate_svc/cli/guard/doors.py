"""Which transports a guard stands in front of, and where their servers listen then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from translate_svc.cli.ports import ListenAddress

_GUARDED = ("grpc", "http")
_UNIX = "unix:"


def guarded(addresses: Mapping[str, ListenAddress]) -> dict[str, ListenAddress]:
    """Of the addresses of transports, by their names, those that a guard can stand in front of.

    It speaks HTTP, and nobody from outside reaches a Unix socket.
    """
    return {
        name: address
        for name, address in addresses.items()
        if name in _GUARDED and not address.host.startswith(_UNIX)
    }


@dataclass(frozen=True, slots=True)
class Behind:
    """What stands behind a guard.

    Attributes:
        folder: of the sockets; only this user may enter it.
        names: of the transports.
    """

    folder: str
    names: tuple[str, ...]

    def socket(self, name: str, index: int) -> Path:
        """Where the server of a transport listens, in the front process ``index``."""
        return Path(self.folder, f"{name}-{index}.sock")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the servers of one process listen.

    Attributes:
        index: of a front process, from 0.
        is_shared: other processes listen at the same ports.
        behind: what stands behind a guard; None: there is none.
    """

    index: int = 0
    is_shared: bool = False
    behind: Behind | None = None

    def socket(self, name: str) -> str:
        """The path at which the server of a transport listens; empty: at the address of its settings."""
        if self.behind is None or name not in self.behind.names:
            return ""
        return str(self.behind.socket(name, self.index))
