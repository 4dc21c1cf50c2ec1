"""The front processes of a server, seen by the engine's process: admission, load and metrics of the whole."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from translate_svc.engine.handle import EngineHandle
from translate_svc.engine.model_facts import ModelFacts
from translate_svc.observability.metrics import Metrics
from translate_svc.remote_engine.front_admission import FrontAdmission
from translate_svc.remote_engine.front_connection import FrontConnection
from translate_svc.remote_engine.leases import StreamLeases
from translate_svc.remote_engine.messages import AcquireStream, Overview, Report, StreamLeased, Welcome
from translate_svc.remote_engine.options import ConnectionOptions
from translate_svc.session.admission import AdmissionOptions
from translate_svc.session.capacity.degradation import Degradation
from translate_svc.session.capacity.estimate import CapacityOptions
from translate_svc.session.capacity.front_peers import ServerState
from translate_svc.session.capacity.watched_admission import watched_admission
from translate_svc.session.quotas.caller_admission import CallerAdmission
from translate_svc.session.quotas.quotas import Quotas
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

    ``starts``: how many there were.
    """

    connection: FrontConnection | None = None
    report: Report = _NO_REPORT
    starts: int = 0


class FrontGroup:
    """Connects front processes to an engine, admits their streams and adds up what they report.

    ``run`` keeps them up to date; cancel it to stop.
    """

    def __init__(
        self,
        engine: EngineHandle,
        facts: ModelFacts,
        metrics: Metrics,
        *,
        capacity: CapacityOptions,
        admission: AdmissionOptions,
        options: ConnectionOptions = ConnectionOptions(),  # noqa: B008 - frozen
    ) -> None:
        self._engine = engine
        self._facts = facts
        self._metrics = metrics
        self._options = options
        self._max_waiting_requests = admission.max_waiting_requests
        self._stream_leases = StreamLeases()
        self.admission, self.load_monitor = watched_admission(
            engine, admission, capacity, self._streams, self._queued_input_ms
        )
        """Counts the streams and calls of all front processes, and measures what the engine keeps up with."""
        quotas = Quotas(facts.model.name, metrics.add, time.monotonic)
        self._front_admission = FrontAdmission(CallerAdmission(self.admission, quotas))
        self._members: dict[int, _Member] = {}
        self._started_s = time.monotonic()
        self._drain_deadline_s = math.inf
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
            partial(self._take_report, index),
            partial(self._lease_stream, index),
            partial(self._front_admission.answer, index),
            self._options,
        )
        connection.bind(path)
        member.starts += 1
        member.connection = connection
        try:
            return await connection.run()
        finally:
            member.connection, member.report = None, _NO_REPORT
            self._front_admission.release(index)
            self._stream_leases.release(index)
            self.tell()
            self.on_change()

    async def run(self) -> None:
        """Measures the load, and tells all front processes about the whole as it changes. Never returns."""
        watching_load = asyncio.create_task(self.load_monitor.run())
        try:
            while True:
                await asyncio.sleep(self._options.overview_interval_s)
                self.tell()
        finally:
            watching_load.cancel()

    def drain(self, grace_s: float) -> None:
        """Asks all front processes to leave within ``grace_s``. They learn of a lost engine first.

        If called again, as for each transport, the earlier deadline counts: a front process that is asked
        again ends what is left at once.
        """
        if (deadline_s := time.monotonic() + grace_s) >= self._drain_deadline_s:
            return
        self._drain_deadline_s = deadline_s
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
        """The front processes that serve."""
        return frozenset(index for index, member in self._members.items() if member.report.ready)

    @property
    def live_sessions(self) -> int:
        """Streams and calls that are served."""
        return self.admission.live

    def state(self, index: int = -1) -> ServerState:
        """What the front process of this index should know of the server, and of the sum of all others.
        Without an index the sum of all.
        """
        members, monitor = self._members.items(), self.load_monitor
        others = [member.report for number, member in members if number != index]
        return ServerState(
            live_streams=sum(each.live_streams for each in others),
            admitted=self.admission.admitted,
            rejected=self.admission.rejected,
            queued_input_ms=sum(each.queued_input_ms for each in others),
            capacity=monitor.capacity,
            keeps_up=monitor.keeps_up,
            lag_s=round(monitor.lag_s, 1),
            finish_s=round(monitor.finish_s, 1),
            degradation=monitor.degradation,
            processes=tuple(self._process(number) for number, _ in sorted(members)),
            started_s=self._started_s,
        )

    def tell(self) -> None:
        """Tells each front process about the engine and the others, where something has changed."""
        for index, member in self._members.items():
            if member.connection is not None:
                member.connection.offer(Overview(self._engine.status, self.state(index)))

    def _process(self, index: int) -> FrontProcess:
        member, live = self._members[index], self._front_admission.live(index)
        report = member.report
        return FrontProcess(index, report.ready, live, member.starts - 1, round(report.cpu_s * 1000))

    def _queued_input_ms(self) -> int:
        return sum(member.report.queued_input_ms for member in self._members.values())

    def _streams(self) -> list[_Stream]:
        return [_Stream(*each) for member in self._members.values() for each in member.report.streams]

    def _welcome(self) -> Welcome:
        return Welcome(self._facts, self._engine.status, self._max_waiting_requests)

    def _take_report(self, index: int, report: Report) -> None:
        member = self._members[index]
        was_ready, member.report = member.report.ready, report
        self._stream_leases.renew(index, report.resumed)
        for record in report.records:
            self._metrics.add(record.metric, record.label, record.value)
        if report.ready and not was_ready:
            self.on_change()
        self.tell()

    def _lease_stream(self, index: int, asked: AcquireStream) -> None:
        """Tells all who has a stream now. Who asked too late is told alone."""
        holder = self._stream_leases.acquire(index, asked.stream_id, asked.token, asked.session_id)
        for member_index, member in self._members.items():
            if member.connection is not None and (holder == asked.session_id or member_index == index):
                member.connection.answer(StreamLeased(asked.stream_id, holder, asked.session_id))
