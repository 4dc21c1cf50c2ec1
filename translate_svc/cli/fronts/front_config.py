"""What a front process is told when it is started. It comes as one line of JSON on its standard input."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Self

from translate_svc.cli.guard.doors import Behind
from translate_svc.config import Settings


@dataclass(frozen=True, slots=True)
class FrontConfig:
    """The line.

    Attributes:
        index: which front process it is, from 0.
        path: the socket at which the engine's process waits.
        engine_pid: the engine's process.
        settings: those of the server. Its ports are known by now.
        behind: what stands behind a guard; None: there is none.
    """

    index: int
    path: str
    engine_pid: int
    settings: Settings
    behind: Behind | None = None

    def to_line(self) -> bytes:
        """The line: JSON with a line break."""
        return json.dumps(dataclasses.asdict(self)).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Self:
        """The inverse of ``to_line``."""
        values = json.loads(line)
        behind = values["behind"]
        return cls(
            values["index"],
            values["path"],
            values["engine_pid"],
            Settings(**values["settings"]),
            Behind(behind["folder"], tuple(behind["names"])) if behind else None,
        )
