"""Notices that this process nears a limit of its memory, before the system ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from translate_svc.memory_limits import MemoryUse, memory_uses

SHORT_SHARE = 0.95
"""From this share of a limit on the memory is short."""
_INTERVAL_S = 0.25


class MemoryWatch:
    """Tells when a limit is nearly reached. Beyond it an allocation fails, and the process aborts.

    The limits: those of the process (``ulimit -v``, ``ulimit -d``), and those of its control group and the
    groups above, which is what container runtimes set.
    """

    def __init__(
        self,
        on_short: Callable[[MemoryUse], None],
        read: Callable[[], list[MemoryUse]] | None = None,
    ) -> None:
        """``on_short`` is called at ``SHORT_SHARE``, and once more half way between there and the limit."""
        self._on_short = on_short
        self._read = read or memory_uses

    async def run(self) -> None:
        """Returns after the second call of ``on_short``. Cancel it to stop watching."""
        for share in (SHORT_SHARE, (SHORT_SHARE + 1) / 2):
            while (use := self._largest()) is None or use.share < share:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(_INTERVAL_S)
            self._on_short(use)

    def _largest(self) -> MemoryUse | None:
        return max(self._read(), key=lambda use: use.share, default=None)
