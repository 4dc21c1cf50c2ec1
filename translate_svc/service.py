"""The service of one process: it admits streams and calls and starts their sessions.

Importing this file is cheap. The heavy libraries are imported when a service starts.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from translate_svc.assembly import Assembly, assemble, running
from translate_svc.config import Settings
from translate_svc.engine.handle import ENGINE_LOST
from translate_svc.errors import EngineLost, TranslateSvcError, Unavailable
from translate_svc.languages import LanguageTable
from translate_svc.served_engine import ServedEngine
from translate_svc.server_info import ServerInfoReporter, new_negotiator
from translate_svc.session.admission import AdmissionSlot
from translate_svc.session.call_negotiation import CallNegotiator
from translate_svc.session.capacity.front_peers import FrontPeers, ServerState, SharedLoad
from translate_svc.session.capacity.load_monitor import LoadMonitor
from translate_svc.session.capacity.watched_admission import watched_admission
from translate_svc.session.dependencies import SessionDependencies
from translate_svc.session.one_shot import OneShot, OneShotDependencies
from translate_svc.session.open_sessions import OpenSessions
from translate_svc.session.quotas.admission_control import AdmissionControl, OwnAdmission, new_meter
from translate_svc.session.quotas.caller_admission import CallerAdmission
from translate_svc.session.quotas.quotas import Quotas
from translate_svc.session.session import Session
from translate_svc.session.vad_loop import VadLoop
from translate_svc.types import AudioClip, Caller, StreamConfig, TranslateRequest

if TYPE_CHECKING:
    from translate_svc.access.resume_tokens import ResumeTokens
    from translate_svc.observability.accounting import Accounting
    from translate_svc.observability.metrics import Metrics
    from translate_svc.observability.telemetry import Tracing
    from translate_svc.resumption import Resumption


class Service(ServedEngine):
    """Opens sessions. ``Service.start`` creates it; it belongs to the event loop that runs ``start``."""

    def __init__(
        self,
        settings: Settings,
        assembly: Assembly,
        vad_loop: VadLoop,
        accounting: Accounting,
        resumption: Resumption,
        fronts: FrontPeers | None = None,
    ) -> None:
        self._accounting = accounting
        self._resumption = resumption
        self._sessions = OpenSessions()
        self._fronts = fronts
        self.vad_loop = vad_loop
        """The detector of all streams."""
        engine, facts = assembly.engine, assembly.facts
        load_monitor: LoadMonitor | SharedLoad
        if fronts is None:
            admission, load_monitor = watched_admission(
                *(engine, settings.admission_options(), settings.capacity_options()),
                *(self._sessions.streams, lambda: self.queued_input_ms),
            )
            quotas = Quotas(facts.model.name, accounting.metrics.add)
            self.admission: AdmissionControl = OwnAdmission(CallerAdmission(admission, quotas))
            """Admits the streams and calls of this process."""
        else:
            load_monitor = SharedLoad(fronts, self._sessions.streams)
            self.admission = fronts.admission
        self._session_options = settings.session_options()
        reporter = ServerInfoReporter(
            *(settings, facts.model, engine, self.admission, load_monitor),
            live_streams=lambda: self.live_streams,
            others=lambda: ServerState() if fronts is None else fronts.state,
        )
        super().__init__(engine, load_monitor, reporter)
        self.negotiator = new_negotiator(settings, facts)
        """What the settings of callers mean here."""

    @classmethod
    @asynccontextmanager
    async def start(
        cls,
        settings: Settings,
        *,
        on_fatal: Callable[[BaseException], None] | None = None,
        metrics: Metrics | None = None,
        tracing: Tracing | None = None,
    ) -> AsyncIterator[Service]:
        """Builds the service, and stops it on exit. Sessions that are still open are then cancelled.

        Args:
            settings: the operator's settings.
            on_fatal: called on this event loop when the engine is lost and every stream and call has failed.
            metrics: where to count; None counts into a registry that nobody reads.
            tracing: where to export spans.

        Raises:
            CheckpointError: the model directory is missing, incomplete or not supported. Names the file.
            InvalidArgument: a setting does not fit this machine or the model. Names the field.
        """
        from translate_svc.observability.metrics import Metrics
        from translate_svc.resumption import resume_tokens

        metrics, tokens = metrics or Metrics(), resume_tokens(settings)
        started: list[Service] = []

        def on_lost(error: BaseException) -> None:
            for service in started:
                service.lose_engine()
            if on_fatal is not None:
                on_fatal(error)

        engine, assembly = await asyncio.to_thread(assemble, settings, metrics, on_lost)
        async with (
            running(engine, settings.step_timeout_s),
            cls.on_engine(settings, assembly, tokens, metrics, tracing) as service,
        ):
            started.append(service)
            metrics.set_snapshot_function(service.snapshot)
            yield service

    @classmethod
    @asynccontextmanager
    async def on_engine(
        cls,
        settings: Settings,
        assembly: Assembly,
        tokens: ResumeTokens,
        metrics: Metrics,
        tracing: Tracing | None = None,
        fronts: FrontPeers | None = None,
    ) -> AsyncIterator[Service]:
        """Builds the service on an engine that the caller starts, watches and stops.

        The caller calls ``lose_engine`` when the engine is lost. ``fronts``: the other front processes of a
        server that has several. Sessions that are open on exit are cancelled.
        """
        # imported here because they need the extra "server"
        from translate_svc.observability.accounting import Accounting
        from translate_svc.resumption import Resumption

        async with VadLoop(assembly.vad, max_streams=settings.max_streams) as vad_loop:
            resumption = Resumption(tokens, assembly.facts.model)
            service = cls(settings, assembly, vad_loop, Accounting(metrics, tracing), resumption, fronts)
            watching_load = asyncio.create_task(service._load_monitor.run())
            try:
                yield service
            finally:
                watching_load.cancel()
                service.drain(Unavailable("the server has stopped"))
                await service._sessions.cancel()

    @property
    def _trouble(self) -> str:
        return "the voice activity detector fails" if self.vad_loop.is_failing else ""

    @property
    def finish_s(self) -> float:
        """How long the engine needs for what the open streams have begun; 0 if not known."""
        return self._load_monitor.finish_s

    @property
    def live_sessions(self) -> int:
        """Streams and calls of this process that hold an admission slot."""
        return self.admission.live

    @property
    def queued_input_ms(self) -> int:
        """Audio of this process's streams that waits to be processed."""
        return self._sessions.queued_input_ms(self._session_options.max_queued_input_ms)

    def lose_engine(self) -> None:
        """Fails every live stream and call: nothing can be computed for it any more."""
        self._sessions.fail(lambda: EngineLost(ENGINE_LOST))

    async def open_session(
        self, config: StreamConfig, caller: Caller, audio_patience_s: float = 0.0
    ) -> Session:
        """Admits a stream and starts its session. ``caller`` appears in the log.

        With a resume token the session continues at the commit point of an older one. If the older one is
        still open, it ends: here first, so that its slot is free; at another front process a moment later.

        Raises:
            InvalidArgument, OutOfRange: a setting or the resume token is not valid. Names the field.
            Unsupported: this server does not serve that part of the contract. Names the field.
            PermissionDenied: the caller may not use the loaded model.
            ResourceExhausted: a limit of admission or of the caller is reached. Says when to try again.
            EngineLost, Unavailable: the engine is lost, or the server is draining.
        """
        self._check_open()
        config, start, issue_token = self._resumption.begin(config, caller)
        negotiator = self.negotiator.limited(caller.limits.max_targets)
        config, negotiated = negotiator.negotiate(config)
        goes_on = start is not None and self._resumption.supersede(start, self._sessions)
        session_id = uuid.uuid4().hex
        if start is not None and self._fronts is not None:
            self._fronts.acquire(start, session_id)
        async with self._admitted(caller, negotiated.relative_cost, goes_on=goes_on) as slot:
            if start is not None and self._fronts is not None:
                self._fronts.acquire(start, session_id)  # again: another one may have asked meanwhile
            control, record = self.admission, self._accounting.record_audio
            dependencies = SessionDependencies(
                self.engine,
                self.vad_loop.open_stream(),
                negotiator,
                self._session_options,
                slot,
                self._accounting.open("stream", session_id, caller),
                issue_token,
                caller.holder(session_id),
                new_meter(control, caller, config.input, record, audio_patience_s),
            )
            session = Session(session_id, config, negotiated, dependencies, start)
        if start is not None:
            self._accounting.metrics.record_resumed()
        self._sessions.add(session)
        return session

    async def translate(self, request: TranslateRequest, caller: Caller) -> OneShot:
        """Admits one text or one clip, under the same limits as a stream, and starts its translation.

        Raises:
            InvalidArgument, OutOfRange: a field of the request is not valid. Names the field.
            Unsupported: this server does not serve a format. Names the field.
            PermissionDenied, ResourceExhausted, EngineLost, Unavailable: as ``open_session``.
        """
        self._check_open()
        negotiator = self.negotiator.limited(caller.limits.max_targets)
        request, negotiated = CallNegotiator(negotiator, self._session_options).negotiate(request)
        async with self._admitted(caller, negotiated.relative_cost) as slot:
            needs_vad = isinstance(request.source, AudioClip) and request.guards.voice_gate
            vad_stream = self.vad_loop.open_stream() if needs_vad else None
            call_id = uuid.uuid4().hex
            record = self._accounting.open("call", call_id, caller, self.admission.charge)
            dependencies = OneShotDependencies(
                self.engine, self._session_options, slot, vad_stream, record, caller.holder(call_id)
            )
            one_shot = OneShot(call_id, request, negotiated, dependencies)
        self._sessions.add(one_shot)
        return one_shot

    async def check_admission(self, caller: Caller) -> None:
        """Raises as ``translate`` if every call of ``caller`` would be refused now: nobody reads it then."""
        try:
            self._check_open()
            await self.admission.check(caller)
        except TranslateSvcError as error:
            self.record_rejected(error)
            raise

    def _check_open(self) -> None:
        if (refusal := self.refusal) is not None:
            raise refusal

    def record_rejected(self, error: BaseException) -> None:
        """Counts a stream or call that was not admitted. The service or the transport raised ``error``."""
        self._accounting.metrics.record_rejected(error)

    @asynccontextmanager
    async def _admitted(
        self, caller: Caller, cost: float, *, goes_on: bool = False
    ) -> AsyncIterator[AdmissionSlot]:
        """An admission slot. It is released if its session cannot be created."""
        slot = await self.admission.admit(caller, cost, goes_on=goes_on)
        try:
            self._check_open()  # it may have taken a moment
            yield slot
        except BaseException:
            slot.release()
            raise

    def languages(self) -> LanguageTable:
        """The languages of the loaded checkpoint."""
        return self.negotiator.languages

    @property
    def calibrated(self) -> bool:
        """Whether the loaded checkpoint is calibrated for simultaneous translation."""
        return self.negotiator.hypotheses.calibrated

    @property
    def live_streams(self) -> int:
        """Streams that are open, without calls."""
        return sum(1 for _ in self.open_streams())

    def open_streams(self) -> Iterator[Session]:
        """The sessions of the streams that are open, without calls."""
        return self._sessions.streams()
