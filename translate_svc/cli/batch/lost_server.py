"""Tells that a run waits because no server continues its streams."""

from __future__ import annotations

import sys
import time

from translate_svc.cli.output.channel_sides import ChannelSide
from translate_svc.types import SERVER_LOST, SessionEvent, StreamWarning

_TOLD_AGAIN_S = 60.0
"""The files that are translated together lose a server together, and are told once."""


class LostServer:
    """A sink for all files of a run. Without it a run stands still without a word."""

    def __init__(self) -> None:
        self._told_s: float | None = None

    def write(self, event: SessionEvent, side: ChannelSide = None) -> None:
        """Prints the client's warning."""
        if not isinstance(event, StreamWarning) or event.code != SERVER_LOST:
            return
        now_s = time.monotonic()
        if self._told_s is None or now_s - self._told_s > _TOLD_AGAIN_S:
            self._told_s = now_s
            print(f"translate-svc: {event.message}", file=sys.stderr)

    def finish(self, source_samples: int) -> None:
        """Does nothing."""
