"""The service of one process: it admits streams and calls and starts their sessions.

Importing this file is cheap. The heavy libraries are imported when a service starts.

It is longer than most files: each part of what a transport may ask for needs the same engine, admission and
sessions.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from translate_svc.assembly import Assembly, assemble, running
from translate_svc.config import Settings
from translate_svc.engine.handle import ENGINE_LOST, EngineHandle
from translate_svc.engine.request import (
    EngineEvent,
    FinishStatus,
    Request,
    RequestFinished,
    RequestRefused,
    SequenceSpec,
    SourceText,
    TextScored,
)
from translate_svc.errors import EngineError, EngineLost, TranslateSvcError, Unavailable
from translate_svc.languages import Language
from translate_svc.server_info import ServerInfoReporter, language_table
from translate_svc.session.admission import Admission, AdmissionSlot, Backlog
from translate_svc.session.call_negotiation import CallNegotiator
from translate_svc.session.capacity.load_monitor import LoadMonitor
from translate_svc.session.capacity.shared_load import SharedLoad
from translate_svc.session.dependencies import SessionDependencies
from translate_svc.session.negotiation import Negotiator
from translate_svc.session.one_shot import OneShot, OneShotDependencies
from translate_svc.session.open_sessions import OpenSessions
from translate_svc.session.quotas.quotas import Quotas
from translate_svc.session.session import Session
from translate_svc.session.shared_admission import FrontPeers, SharedAdmission
from translate_svc.session.vad_loop import VadLoop
from translate_svc.types import ANONYMOUS, AudioClip, Caller, ServerInfo, StreamConfig, TranslateRequest

if TYPE_CHECKING:
    from translate_svc.access.resume_tokens import ResumeTokens
    from translate_svc.observability.accounting import Accounting
    from translate_svc.observability.metrics import Metrics, Snapshot
    from translate_svc.observability.telemetry import Tracing
    from translate_svc.resumption import Resumption

_log = logging.getLogger(__name__)


class Service:
    """Opens sessions. ``Service.start`` creates it; it belongs to the event loop that runs ``start``.

    ``healthy`` turns False for good when the engine is lost. The process must then be restarted.
    """

    def __init__(
        self,
        settings: Settings,
        assembly: Assembly,
        vad_loop: VadLoop,
        accounting: Accounting,
        resumption: Resumption,
        fronts: FrontPeers | None = None,
    ) -> None:
        self._settings = settings
        self._accounting = accounting
        self._engine: EngineHandle = assembly.engine
        self._sessions = OpenSessions()
        self._fronts = fronts
        self._vad_loop = vad_loop
        options = settings.admission_options()
        self._load_monitor: LoadMonitor | SharedLoad
        if fronts is None:
            self._load_monitor = LoadMonitor(
                assembly.engine,
                settings.capacity_options(),
                self._sessions.streams,
                lambda: self._admission.live,
            )
            self._admission = Admission(options, self._backlog, lambda: self._load_monitor.capacity)
        else:
            self._load_monitor = SharedLoad(fronts, self._sessions.streams)
            self._admission = SharedAdmission(options, self._backlog, fronts)
        self._session_options = settings.session_options()
        facts = assembly.facts
        self._languages = language_table(facts.capabilities)
        spoken = [language.code for language in self._languages if language.speech_out]
        if hint := facts.capabilities.missing_voices(spoken):
            _log.warning("%s", hint)
        self._negotiator = Negotiator(
            self._languages,
            self._session_options.max_targets,
            settings.vad_options(),
            facts.hypotheses,
            facts.traits,
            facts.confidence,
            settings.warn_low_confidence,
        )
        self._call_negotiator = CallNegotiator(self._negotiator, self._session_options)
        self._reporter = ServerInfoReporter(
            settings,
            self._session_options,
            facts.model,
            self._engine,
            self._admission,
            self._load_monitor,
            fronts,
        )
        self._resumption = resumption
        self._refusal: TranslateSvcError | None = None
        self.quotas = Quotas(facts.model.name, accounting.metrics.add)
        """What each caller uses in this process."""

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
            on_fatal: called on this event loop when the engine is lost (its device fails, or its thread
                hangs), after every live stream and call has failed with the reason.
            metrics: where to count; None counts into a registry that nobody reads.
            tracing: where to export spans.

        Raises:
            CheckpointError: the model directory is missing, incomplete or not supported. Names the file.
            InvalidArgument: a setting does not fit this machine or the model. Names the field.
        """
        from translate_svc.observability.metrics import Metrics

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
                await service._cancel_sessions()

    @property
    def healthy(self) -> bool:
        """True while the engine works and the service accepts new streams."""
        return self.refusal is None

    @property
    def engine_lost(self) -> bool:
        """True once the engine is lost for good. The process must then be restarted."""
        return self._engine.status.lost

    @property
    def refusal(self) -> TranslateSvcError | None:
        """The error that new streams and calls fail with; None while they are accepted."""
        engine = self._engine.status
        if engine.lost:
            return EngineLost(ENGINE_LOST)
        if self._refusal is None and not engine.healthy:
            return Unavailable("the engine has stopped")
        return copy.copy(self._refusal)  # a shared exception would collect every caller's traceback

    @property
    def not_ready_reason(self) -> str:
        """Why new streams should go elsewhere; empty while they are accepted. A full server stays ready."""
        if self.refusal is not None:
            return str(self.refusal)
        if self._vad_loop.is_failing:
            return "the voice activity detector fails"
        lag_s = self._load_monitor.lag_s
        return "" if self._load_monitor.keeps_up else f"the engine does not keep up: {lag_s:.1f} s behind"

    @property
    def finish_s(self) -> float:
        """How long the engine needs for what the open streams have begun; 0 if not known."""
        return self._load_monitor.finish_s

    @property
    def live_sessions(self) -> int:
        """Streams and calls that hold an admission slot."""
        return self._admission.live

    @property
    def admission(self) -> Admission:
        """Counts the streams and calls of this process."""
        return self._admission

    @property
    def queued_input_ms(self) -> int:
        """Audio of this process's streams that waits to be processed."""
        return self._backlog().queued_input_ms

    def drain(self, reason: TranslateSvcError) -> None:
        """Refuses new streams and calls with ``reason`` from now on. Live ones continue.

        If the engine is lost, new ones fail with ``EngineLost`` instead of ``reason``.
        """
        self._refusal = reason

    def lose_engine(self) -> None:
        """Fails every live stream and call: nothing can be computed for it any more."""
        self._sessions.fail(lambda: EngineLost(ENGINE_LOST))

    async def _cancel_sessions(self) -> None:
        self.drain(Unavailable("the server has stopped"))
        await self._sessions.cancel()

    def open_session(self, config: StreamConfig, caller: Caller) -> Session:
        """Admits a stream and starts its session. ``caller`` appears in the log.

        With a resume token the session goes on where another one was committed. If that one is still open
        here, it ends first, and its place is free. At another front process it ends a moment later.

        Raises:
            InvalidArgument: a setting or the resume token is not valid. Names the field.
            OutOfRange: a setting exceeds a limit. Names the field.
            Unsupported: this server does not serve that part of the contract. Names the field.
            PermissionDenied: the caller may not use the loaded model.
            ResourceExhausted: a limit of admission or of the caller is reached. Says when to try again.
            EngineLost: the engine is lost.
            Unavailable: the server is draining.
        """
        self._check_open()
        config, start, issue_token = self._resumption.begin(config, caller)
        negotiator = self._negotiator.limited(caller.limits.max_targets)
        config, negotiated = negotiator.negotiate(config)
        goes_on = start is not None and self._resumption.supersede(start, self._sessions)
        session_id = uuid.uuid4().hex
        if start is not None and self._fronts is not None:
            self._fronts.claim(start, session_id)
        with self._admitted(caller, goes_on=goes_on) as slot:
            dependencies = SessionDependencies(
                self._engine,
                self._vad_loop.open_stream(),
                negotiator,
                self._session_options,
                slot,
                self._accounting.open("stream", session_id, caller),
                issue_token,
                _share_of(caller, session_id),
                self.quotas.meter(caller, config.input),
            )
            session = Session(session_id, config, negotiated, dependencies, start)
        if start is not None:
            self._accounting.metrics.record_resumed()
        self._sessions.add(session)
        return session

    def translate(self, request: TranslateRequest, caller: Caller) -> OneShot:
        """Admits one text or one clip, under the same limits as a stream, and starts its translation.

        Raises:
            InvalidArgument: a field of the request is not valid. Names the field.
            OutOfRange: a field exceeds a limit. Names the field.
            Unsupported: this server does not serve a format. Names the field.
            PermissionDenied: the caller may not use the loaded model.
            ResourceExhausted: a limit of admission or of the caller is reached. Says when to try again.
            EngineLost: the engine is lost.
            Unavailable: the server is draining.
        """
        self._check_open()
        call_negotiator = self._call_negotiator.limited(caller.limits.max_targets)
        request, negotiated = call_negotiator.negotiate(request)
        with self._admitted(caller) as slot:
            needs_vad = isinstance(request.source, AudioClip) and request.guards.voice_gate
            vad_stream = self._vad_loop.open_stream() if needs_vad else None
            call_id = uuid.uuid4().hex
            record = self._accounting.open("call", call_id, caller, self.quotas.charge)
            dependencies = OneShotDependencies(
                self._engine, self._session_options, slot, vad_stream, record, _share_of(caller, call_id)
            )
            one_shot = OneShot(call_id, request, negotiated, dependencies)
        self._sessions.add(one_shot)
        return one_shot

    async def score(self, source: SourceText, language: str, token_ids: Sequence[int]) -> tuple[float, ...]:
        """How probable the model finds a given translation of a text, for calibration: natural
        log-probabilities of its tokens and of its end. Not admitted, and nobody's usage.

        ``token_ids``: of the translation, without prompt and end.

        Raises:
            InvalidArgument: the engine does not take such a text.
            EngineError: it could not be computed.
            ResourceExhausted, Unavailable, EngineLost: the engine has refused it.
        """
        answer: asyncio.Future[tuple[float, ...]] = asyncio.get_running_loop().create_future()

        def deliver(event: EngineEvent) -> None:
            match event:
                case TextScored():
                    answer.set_result(event.log_probabilities)
                case RequestRefused():
                    answer.set_exception(event.error)
                case RequestFinished(status=FinishStatus.FAILED):
                    answer.set_exception(EngineError(event.error))

        spec = SequenceSpec(language, given_token_ids=tuple(token_ids))
        self._engine.submit(Request(uuid.uuid4().hex, source, (spec,)), deliver)
        return await answer

    def check_admission(self, caller: Caller) -> None:
        """Raises if every call of ``caller`` would be refused now, so that its message need not be read.

        Raises:
            PermissionDenied: the caller may not use the loaded model.
            ResourceExhausted: a limit of admission or of the caller is reached. Says when to try again.
            EngineLost: the engine is lost.
            Unavailable: the server is draining.
        """
        try:
            self._check_open()
            self.quotas.check(caller)
            self._admission.check()
        except TranslateSvcError as error:
            self.record_rejected(error)
            raise

    def _check_open(self) -> None:
        if (refusal := self.refusal) is not None:
            raise refusal

    def _backlog(self) -> Backlog:
        queued_ms = self._sessions.queued_input_ms(self._session_options.max_queued_input_ms)
        return Backlog(self._engine.status.waiting_requests, queued_ms)

    def record_rejected(self, error: BaseException) -> None:
        """Counts a stream or call that was not admitted. The service or the transport raised ``error``."""
        self._accounting.metrics.record_rejected(error)

    @contextmanager
    def _admitted(self, caller: Caller, *, goes_on: bool = False) -> Iterator[AdmissionSlot]:
        """An admission slot. It is released if its session cannot be created."""
        self.quotas.check(caller, goes_on=goes_on)
        slot = self._admission.admit(goes_on=goes_on)
        self.quotas.hold(caller, slot)
        try:
            yield slot
        except BaseException:
            slot.release()
            raise

    def languages(self) -> Iterable[Language]:
        """The languages of the loaded checkpoint."""
        return self._languages

    @property
    def calibrated(self) -> bool:
        """Whether the loaded checkpoint is calibrated for simultaneous translation."""
        return self._negotiator.hypotheses.calibrated

    def info(self) -> ServerInfo:
        """Version, model, load and limits. The transport fills in the limits of messages."""
        return self._reporter.info(self.live_streams)

    def snapshot(self) -> Snapshot:
        """The values that a metrics scrape reads."""
        from translate_svc.observability.metrics import Snapshot

        return Snapshot(
            ready=not self.not_ready_reason,
            streams_active=self._admission.live,
            streams_capacity=self._load_monitor.capacity,
            queued_audio_s=self._backlog().queued_input_ms / 1000,
            load=self._reporter.load(self.live_streams),
            front_processes=(),
        )

    @property
    def live_streams(self) -> int:
        """Streams that are open, without calls."""
        return sum(1 for _ in self.open_streams())

    def open_streams(self) -> Iterator[Session]:
        """The sessions of the streams that are open, without calls."""
        return self._sessions.streams()


def resume_tokens(settings: Settings) -> ResumeTokens:
    """What seals and opens the resume tokens of a service with these settings.

    Raises:
        InvalidArgument: the file of keys cannot be used.
    """
    from translate_svc.access.resume_tokens import ResumeTokens

    resume_keys = Path(settings.resume_keys) if settings.resume_keys else None
    return ResumeTokens(resume_keys, settings.resume_lifetime_s)


def _share_of(caller: Caller, session_id: str) -> str:
    """Whose share of the engine a stream or call takes. Nothing tells anonymous callers apart, so each of
    their streams has a share of its own.
    """
    return session_id if caller == ANONYMOUS else f"caller {caller.name}"
