"""The front processes of a server, seen by the engine's process: leases, load and metrics of the whole."""

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
from translate_svc.remote_engine.leases import CapacityLeases, StreamLeases
from translate_svc.remote_engine.messages import AcquireStream, Overview, Report, StreamLeased, Welcome
from translate_svc.remote_engine.options import ConnectionOptions
from translate_svc.session.capacity.degradation import Degradation
from translate_svc.session.capacity.estimate import CapacityOptions
from translate_svc.session.capacity.front_peers import ServerState
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

    ``ready``: its servers listen, and it knows its lease. ``starts``: how many there were. ``admitted``,
    ``rejected``: of those before it.
    """

    connection: FrontConnection | None = None
    report: Report = _NO_REPORT
    ready: bool = False
    starts: int = 0
    admitted: int = 0
    rejected: int = 0

    def process(self, index: int) -> FrontProcess:
        """What it does."""
        report = self.report
        return FrontProcess(
            index, self.ready, report.live_sessions, self.starts - 1, round(report.cpu_s * 1000)
        )


class FrontGroup:
    """Connects front processes to an engine, leases the streams to them and adds up what they report.

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
        self._capacity = CapacityLeases(capacity.max_streams)
        self._stream_leases = StreamLeases()
        self._callers = CallerLedger(time.monotonic)
        self.load_monitor = LoadMonitor(engine, capacity, self._streams, lambda: self.live_sessions)
        """Measures what the engine keeps up with."""
        self._members: dict[int, _Member] = {}
        self._started_s = time.monotonic()
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
            lambda asked: self._lease_stream(index, asked),
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
            for leases in (self._capacity, self._stream_leases, self._callers):
                leases.release(index)
            self.tell()
            self.on_change()

    async def run(self) -> None:
        """Measures the load, and tells all front processes about the whole as it changes. Never returns."""
        watching_load = asyncio.create_task(self.load_monitor.run())
        try:
            while True:
                await asyncio.sleep(self._options.overview_interval_s)
                self._capacity.resize(max(1, self.load_monitor.capacity))
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
        """The front processes that serve. One that does not know its lease yet refuses every caller."""
        return frozenset(index for index, member in self._members.items() if member.ready)

    @property
    def live_sessions(self) -> int:
        """Streams and calls that are served."""
        return sum(member.report.live_sessions for member in self._members.values())

    def state(self, index: int = -1) -> ServerState:
        """What the front process of this index should know of the server: its lease, and the sum of all
        others. Without an index the sum of all.
        """
        members, monitor = self._members.items(), self.load_monitor
        others = [member.report for number, member in members if number != index]
        counts: list[_Member | Report] = [*self._members.values(), *others]
        leased, generation = self._capacity.granted(index)
        return ServerState(
            leased,
            generation,
            live_streams=sum(each.live_streams for each in others),
            admitted=sum(each.admitted for each in counts),
            rejected=sum(each.rejected for each in counts),
            queued_input_ms=sum(each.queued_input_ms for each in others),
            capacity=monitor.capacity,
            keeps_up=monitor.keeps_up,
            lag_s=round(monitor.lag_s, 1),
            finish_s=round(monitor.finish_s, 1),
            degradation=monitor.degradation,
            processes=tuple(member.process(number) for number, member in sorted(members)),
            started_s=self._started_s,
        )

    def tell(self) -> None:
        """Tells each front process about the engine and the others, where something has changed."""
        for index, member in self._members.items():
            if member.connection is not None:
                usage = self._callers.elsewhere(index)
                member.connection.offer(Overview(self._engine.status, self.state(index), usage))

    def _streams(self) -> list[_Stream]:
        return [_Stream(*each) for member in self._members.values() for each in member.report.streams]

    def _welcome(self) -> Welcome:
        return Welcome(self._facts, self._engine.status, self._max_waiting_requests)

    def _take_report(self, index: int, report: Report) -> None:
        member = self._members[index]
        was_ready, member.report = member.report.ready, report
        self._stream_leases.renew(index, report.resumed)
        self._callers.renew(index, report.usage)
        for record in report.records:
            self._metrics.add(record.metric, record.label, record.value)
        if report.ready and not was_ready:
            self._capacity.acquire(index)
        self._capacity.renew(
            index, generation=report.generation, live=report.live_sessions, missed=report.missed
        )
        if not member.ready and self._capacity.is_settled(index):
            member.ready = True
            self.on_change()
        self.tell()

    def _lease_stream(self, index: int, asked: AcquireStream) -> None:
        """Tells all who has a stream now. Who asked too late is told alone."""
        holder = self._stream_leases.acquire(index, asked.stream_id, asked.token, asked.session_id)
        for member_index, member in self._members.items():
            if member.connection is not None and (holder == asked.session_id or member_index == index):
                member.connection.answer(StreamLeased(asked.stream_id, holder, asked.session_id))
