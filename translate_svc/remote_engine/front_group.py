"""The front processes of a server, seen by the engine's process: places, load and metrics of the whole."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from translate_svc.engine.handle import EngineHandle
from translate_svc.engine.model_facts import ModelFacts
from translate_svc.observability.metrics import Metrics
from translate_svc.remote_engine.caller_ledger import CallerLedger
from translate_svc.remote_engine.front_connection import FrontConnection
from translate_svc.remote_engine.messages import Claim, Fence, Overview, Report, Welcome
from translate_svc.remote_engine.options import ConnectionOptions
from translate_svc.remote_engine.places import PlaceLedger
from translate_svc.remote_engine.stream_fence import StreamFence
from translate_svc.session.capacity.degradation import Degradation
from translate_svc.session.capacity.estimate import CapacityOptions
from translate_svc.session.capacity.load_monitor import LoadMonitor
from translate_svc.types import FrontProcess

_NO_REPORT = Report(ready=False)


@dataclass(frozen=True, slots=True)
class _Stream:
    """A stream of a front process, for the ``LoadMonitor``. That process degrades its streams itself."""

    age_s: float
    lag_s: float | None

    def degrade(self, degradation: Degradation) -> None:
        """Does nothing."""


@dataclass(slots=True)
class _Member:
    """The front process of one index: the one that runs now, and what those before it have left.

    ``ready``: its servers listen, and it was told its places. ``starts``: how many there were. ``admitted``,
    ``rejected``: of those before it.
    """

    connection: FrontConnection | None = None
    report: Report = _NO_REPORT
    ready: bool = False
    starts: int = 0
    admitted: int = 0
    rejected: int = 0


class FrontGroup:
    """Connects front processes to an engine, shares the places among them and adds up what they report.

    ``run`` keeps them up to date; cancel it to stop.
    """

    def __init__(
        self,
        engine: EngineHandle,
        facts: ModelFacts,
        metrics: Metrics,
        *,
        capacity: CapacityOptions,
        max_waiting_requests: int,
        options: ConnectionOptions = ConnectionOptions(),  # noqa: B008 - frozen
    ) -> None:
        self._engine = engine
        self._facts = facts
        self._metrics = metrics
        self._options = options
        self._max_waiting_requests = max_waiting_requests
        self._places = PlaceLedger(capacity.max_streams)
        self._fence = StreamFence()
        self._callers = CallerLedger(time.monotonic)
        self.load_monitor = LoadMonitor(engine, capacity, self._streams, lambda: self.held_places)
        """Measures what the engine keeps up with."""
        self._members: dict[int, _Member] = {}
        self.started_s = time.monotonic()
        self.on_change: Callable[[], None] = lambda: None
        """Called when a front process becomes ready, and when one has gone."""

    async def serve(self, index: int, path: str) -> str:
        """Serves the engine at ``path`` to the front process of this index, until it has gone.

        Returns why it has gone, or why it should be ended.
        """
        member = self._members.setdefault(index, _Member())
        connection = FrontConnection(
            self._engine,
            self._welcome,
            lambda report: self._take_report(index, report),
            lambda claim: self._take_claim(index, claim),
            self._options,
        )
        connection.bind(path)
        member.starts += 1
        member.connection = connection
        try:
            return await connection.run()
        finally:
            member.admitted += member.report.admitted
            member.rejected += member.report.rejected
            member.connection, member.report, member.ready = None, _NO_REPORT, False
            self._places.leave(index)
            self._fence.leave(index)
            self._callers.leave(index)
            self.tell()
            self.on_change()

    async def run(self) -> None:
        """Measures the load, and tells all front processes about the whole as it changes. Never returns."""
        watching_load = asyncio.create_task(self.load_monitor.run())
        try:
            while True:
                await asyncio.sleep(self._options.overview_interval_s)
                self._places.resize(max(1, self.load_monitor.capacity))
                self.tell()
        finally:
            watching_load.cancel()

    def drain(self, grace_s: float) -> None:
        """Asks all front processes to leave within ``grace_s``. They learn of a lost engine first."""
        self.tell()
        for member in self._members.values():
            if member.connection is not None:
                member.connection.drain(grace_s)

    @property
    def engine_lost(self) -> bool:
        """Whether front processes have nothing to serve any more."""
        return self._engine.status.lost

    @property
    def ready(self) -> frozenset[int]:
        """The front processes that serve. One that does not know its places yet refuses every caller."""
        return frozenset(index for index, member in self._members.items() if member.ready)

    @property
    def processes(self) -> tuple[FrontProcess, ...]:
        """What each front process does, by its index."""
        return tuple(
            FrontProcess(
                index,
                member.ready,
                member.report.held_places,
                member.starts - 1,
                round(member.report.cpu_s * 1000),
            )
            for index, member in sorted(self._members.items())
        )

    @property
    def held_places(self) -> int:
        """Streams and calls that are served."""
        return sum(member.report.held_places for member in self._members.values())

    @property
    def live_streams(self) -> int:
        """Streams that are open."""
        return sum(member.report.live_streams for member in self._members.values())

    @property
    def admitted(self) -> int:
        """Streams and calls admitted since the start of the server."""
        return sum(member.admitted + member.report.admitted for member in self._members.values())

    @property
    def rejected(self) -> int:
        """Streams and calls refused since the start of the server."""
        return sum(member.rejected + member.report.rejected for member in self._members.values())

    @property
    def queued_input_ms(self) -> int:
        """Audio that waits to be processed."""
        return sum(member.report.queued_input_ms for member in self._members.values())

    def tell(self) -> None:
        """Tells each front process about the engine and the others, where something has changed."""
        status = self._engine.status
        for index, member in self._members.items():
            if member.connection is None:
                continue
            own = member.report
            places, serial = self._places.target(index)
            overview = Overview(
                status,
                places,
                serial,
                live_streams=self.live_streams - own.live_streams,
                admitted=self.admitted - own.admitted,
                rejected=self.rejected - own.rejected,
                queued_input_ms=self.queued_input_ms - own.queued_input_ms,
                capacity=self.load_monitor.capacity,
                keeps_up=self.load_monitor.keeps_up,
                lag_s=round(self.load_monitor.lag_s, 1),
                finish_s=round(self.load_monitor.finish_s, 1),
                degradation=self.load_monitor.degradation,
                processes=self.processes,
                usage=self._callers.elsewhere(index),
            )
            member.connection.offer(overview)

    def _streams(self) -> list[_Stream]:
        return [_Stream(*each) for member in self._members.values() for each in member.report.streams]

    def _welcome(self) -> Welcome:
        return Welcome(self._facts, self._engine.status, self._max_waiting_requests, self.started_s)

    def _take_report(self, index: int, report: Report) -> None:
        member = self._members[index]
        was_ready, member.report = member.report.ready, report
        self._fence.keep(index, report.resumed)
        self._callers.report(index, report.usage)
        for record in report.records:
            self._metrics.add(record.metric, record.label, record.value)
        if report.ready and not was_ready:
            self._places.join(index)
        self._places.report(
            index, serial=report.places_serial, live=report.held_places, missed=report.missed_places
        )
        if not member.ready and self._places.is_settled(index):
            member.ready = True
            self.on_change()
        self.tell()

    def _take_claim(self, index: int, claim: Claim) -> None:
        """Tells all who has a stream now. If the claim came too late, only its own front process is told."""
        holder = self._fence.claim(index, claim.stream_id, claim.epoch, claim.session_id)
        for member_index, member in self._members.items():
            if member.connection is not None and (holder == claim.session_id or member_index == index):
                member.connection.fence(Fence(claim.stream_id, holder, claim.session_id))
