"""One of several front processes that share one engine and the limits of one server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from translate_svc.session.capacity.degradation import Degradation
from translate_svc.session.capacity.load_monitor import WatchedStream
from translate_svc.session.quotas.admission_control import AdmissionControl
from translate_svc.session.resume_point import ResumePoint
from translate_svc.types import FrontProcess

_INTERVAL_S = 0.5


def _nothing(*arguments: object) -> None:
    pass


@dataclass(frozen=True, slots=True)
class ServerState:
    """What the engine's process tells a front process of the others, and of the load of the whole.

    Attributes:
        live_streams: streams that are open at the others.
        admitted: streams and calls of all processes that were admitted so far.
        rejected: streams and calls of all processes that were refused so far.
        queued_input_ms: audio at the others that waits to be processed.
        capacity: streams and calls that the engine keeps up with, of all processes.
        keeps_up: whether the streams of all processes get their results in time.
        lag_s: how far the slower ones of them are behind.
        finish_s: how long the engine needs for what they have begun.
        degradation: what streams leave out now.
        processes: all front processes of the server, this one included.
        started_s: when the server started (``time.monotonic``, one clock for all processes); None: it has one
            process.
    """

    live_streams: int = 0
    admitted: int = 0
    rejected: int = 0
    queued_input_ms: int = 0
    capacity: int = 0
    keeps_up: bool = True
    lag_s: float = 0.0
    finish_s: float = 0.0
    degradation: Degradation = Degradation.NONE
    processes: tuple[FrontProcess, ...] = ()
    started_s: float | None = None


@dataclass(slots=True)
class FrontPeers:
    """What a front process knows of the others, and how it reaches them through the engine's process.

    Attributes:
        admission: admits the streams and calls of this process.
        state: as it was told last.
        acquire: called when a session of this process resumes a stream, with where and its id: sessions of
            the stream at the others end.
    """

    admission: AdmissionControl
    state: ServerState = ServerState()
    acquire: Callable[[ResumePoint, str], None] = _nothing


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
