"""The load of a server in one of its front processes: measured at the engine, acted upon here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from translate_svc.session.capacity.load_monitor import WatchedStream
from translate_svc.session.shared_admission import FrontPeers

_INTERVAL_S = 0.5


class SharedLoad:
    """Replaces ``LoadMonitor`` in a front process: the engine's process measures the load."""

    def __init__(self, fronts: FrontPeers, streams: Callable[[], Iterable[WatchedStream]]) -> None:
        """``streams``: the open ones of this process."""
        self._fronts = fronts
        self._streams = streams

    @property
    def capacity(self) -> int:
        """Streams and calls that may be inside, in all processes."""
        return self._fronts.state.capacity

    @property
    def keeps_up(self) -> bool:
        """Whether the streams of all processes get their results in time."""
        return self._fronts.state.keeps_up

    @property
    def lag_s(self) -> float:
        """How far the slower ones of them are behind."""
        return self._fronts.state.lag_s

    @property
    def finish_s(self) -> float:
        """How long the engine needs for what the streams of all processes have begun; 0 if not known."""
        return self._fronts.state.finish_s

    async def run(self) -> None:
        """Degrades the streams as the engine's process says, until it is cancelled."""
        while True:
            for stream in self._streams():
                stream.degrade(self._fronts.state.degradation)
            await asyncio.sleep(_INTERVAL_S)
