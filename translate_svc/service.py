"""Everything that is built once a process: model, engine, voice activity detector, admission.

Importing this file is cheap; the heavy half is imported when a service is built.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib import metadata
from typing import TYPE_CHECKING

from translate_svc import languages
from translate_svc.assembly import Assembly, assemble
from translate_svc.audio.formats import served_encodings
from translate_svc.config import Settings
from translate_svc.engine.handle import ENGINE_LOST, EngineHandle
from translate_svc.errors import EngineLost, TranslateSvcError, Unavailable
from translate_svc.languages import Language, LanguageTable
from translate_svc.session.admission import Admission, AdmissionSlot, Backlog
from translate_svc.session.call_negotiation import CallNegotiator
from translate_svc.session.dependencies import SessionDependencies
from translate_svc.session.inbound.utterance_source import MAX_WAITING_UPDATES
from translate_svc.session.negotiation import Negotiator
from translate_svc.session.one_shot import OneShot, OneShotDependencies
from translate_svc.session.session import Session
from translate_svc.session.vad_loop import VadLoop
from translate_svc.types import (
    INTERNAL_SAMPLE_RATE_HZ,
    SAMPLES_PER_UNIT,
    AudioClip,
    Caller,
    ServerInfo,
    ServerLimits,
    ServerLoad,
    StreamConfig,
    TranslateCall,
)
from translate_svc.watchdog import Watchdog

if TYPE_CHECKING:
    from translate_svc.accounting import Accounting
    from translate_svc.metrics import Metrics, Snapshot
    from translate_svc.models.checkpoint.description import Capabilities
    from translate_svc.telemetry import Tracing

_STOP_DEADLINE_S = 5.0

_log = logging.getLogger(__name__)


class Service:
    """Opens sessions. Made by ``Service.start``; belongs to the event loop that made it.

    ``healthy`` turns False for good when the engine is lost; the process is then to be restarted.
    """

    def __init__(self, settings: Settings, heavy: Assembly, vad_loop: VadLoop, books: Accounting) -> None:
        self._settings = settings
        self._books = books
        self._engine: EngineHandle = heavy.engine
        self._model = heavy.model
        self._vad_loop = vad_loop
        self._admission = Admission(settings.admission(), self._backlog)
        self._session_options = settings.session()
        self._languages = language_table(heavy.capabilities)
        if hint := heavy.capabilities.missing_voices(
            [each.code for each in self._languages if each.speech_out]
        ):
            _log.warning("%s", hint)
        self._negotiator = Negotiator(self._languages, self._session_options.max_targets, settings.vad())
        self._calls = CallNegotiator(self._negotiator, self._session_options)
        self._sessions: set[Session | OneShot] = set()
        self._refusal: TranslateSvcError | None = None
        self._started_s = time.monotonic()

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
        """Builds everything, and takes it down again on leaving; sessions still open are dropped.

        Args:
            settings: the operator's.
            on_fatal: called on this event loop when the engine is lost (its device fails, or its thread
                hangs), after every live stream and call has failed with the reason.
            metrics: where to count; by default nobody asks.
            tracing: where to export spans.

        Raises:
            CheckpointError: the model directory is missing, torn or foreign. Names the file.
            InvalidArgument: a setting does not fit this machine or the model. Names the field.
        """
        # here, for they need the extra "server", as the heavy half does
        from translate_svc.accounting import Accounting
        from translate_svc.metrics import Metrics

        service: Service | None = None

        def on_lost(error: BaseException) -> None:
            if service is not None:
                service._lose_engine()
            if on_fatal is not None:
                on_fatal(error)

        metrics = metrics or Metrics()
        heavy = await asyncio.to_thread(assemble, settings, metrics, on_lost)
        async with VadLoop(heavy.vad, max_streams=settings.max_streams) as vad_loop:
            heavy.engine.start()
            watchdog = asyncio.create_task(Watchdog(heavy.engine, settings.step_timeout_s).run())
            try:
                service = cls(settings, heavy, vad_loop, Accounting(metrics, tracing))
                metrics.watch(service.snapshot)
                try:
                    yield service
                finally:
                    await service._drop_sessions()
            finally:
                watchdog.cancel()
                # a lost engine has nothing to finish, and its thread may never come back
                deadline_s = 0 if heavy.engine.status.lost else _STOP_DEADLINE_S
                await heavy.engine.stop(drain=False, deadline_s=deadline_s)

    @property
    def healthy(self) -> bool:
        """The engine lives and new streams are taken."""
        return self.refusal is None

    @property
    def engine_lost(self) -> bool:
        """The engine is gone for good; the process is to be restarted."""
        return self._engine.status.lost

    @property
    def refusal(self) -> TranslateSvcError | None:
        """What new streams and calls are refused with; None while they are taken."""
        engine = self._engine.status
        if engine.lost:
            return EngineLost(ENGINE_LOST)
        if self._refusal is None and not engine.healthy:
            return Unavailable("the engine has stopped")
        return copy.copy(self._refusal)  # a shared exception would collect every caller's traceback

    @property
    def closed_because(self) -> str:
        """Why new streams are refused; empty while they are taken."""
        return "" if self.refusal is None else str(self.refusal)

    @property
    def live_sessions(self) -> int:
        """Streams and calls that hold an admission slot."""
        return self._admission.live

    def drain(self, reason: TranslateSvcError) -> None:
        """Takes no new stream and no new call from now on; those that live go on.

        Those that come are refused with ``reason``. Where the engine is lost they are told that.
        """
        self._refusal = reason

    def _lose_engine(self) -> None:
        """Every live stream and call fails with the reason; nothing can be computed for it any more."""
        for session in self._sessions:
            error = self.refusal
            assert error is not None, "a lost engine takes nothing"
            session.fail(error)

    async def _drop_sessions(self) -> None:
        self.drain(Unavailable("the server has stopped"))
        await asyncio.gather(*(session.cancel() for session in self._sessions))

    def open_session(self, config: StreamConfig, caller: Caller) -> Session:
        """Admits a stream and starts it. ``caller`` stands in the log.

        Raises:
            InvalidArgument: a setting is wrong. Names the field.
            OutOfRange: past a limit. Names the field.
            Unsupported: part of the contract that is not served yet. Names the field.
            ResourceExhausted: a limit of admission is reached; says when to try again.
            EngineLost: the engine is lost.
            Unavailable: the server is draining.
        """
        self._check_open()
        config, negotiated = self._negotiator.negotiate(config)
        with self._admitted() as slot:
            session_id = uuid.uuid4().hex
            dependencies = SessionDependencies(
                self._engine,
                self._vad_loop.open_stream(),
                self._negotiator,
                self._session_options,
                slot,
                self._books.open("stream", session_id, caller),
            )
            session = Session(session_id, config, negotiated, dependencies)
        self._remember(session)
        return session

    def translate(self, call: TranslateCall, caller: Caller) -> OneShot:
        """Admits one text or one clip, as a stream is admitted, and starts it.

        Raises:
            InvalidArgument: something is wrong with what is asked for. Names the field.
            OutOfRange: past a limit. Names the field.
            Unsupported: a format that is not served. Names the field.
            ResourceExhausted: a limit of admission is reached; says when to try again.
            EngineLost: the engine is lost.
            Unavailable: the server is draining.
        """
        self._check_open()
        call, negotiated = self._calls.negotiate(call)
        with self._admitted() as slot:
            judged = isinstance(call.source, AudioClip) and call.guards.voice_gate
            vad_stream = self._vad_loop.open_stream() if judged else None
            call_id = uuid.uuid4().hex
            record = self._books.open("call", call_id, caller)
            dependencies = OneShotDependencies(self._engine, self._session_options, slot, vad_stream, record)
            one_shot = OneShot(call_id, call, negotiated, dependencies)
        self._remember(one_shot)
        return one_shot

    def _check_open(self) -> None:
        if (refusal := self.refusal) is not None:
            raise refusal

    def _backlog(self) -> Backlog:
        """Silence, of which one message may make an hour, counts no more than a stream may queue."""
        limit_ms = self._session_options.max_queued_input_ms
        sessions = (each for each in self._sessions if isinstance(each, Session))
        queued_ms = sum(min(round(each.queued_s * 1000), limit_ms) for each in sessions)
        return Backlog(self._engine.status.waiting_requests, queued_ms)

    def rejected(self, error: BaseException) -> None:
        """Counts a stream or call that ``error`` has kept out, be it the service's or the transport's."""
        self._books.metrics.reject(error)

    @contextmanager
    def _admitted(self) -> Iterator[AdmissionSlot]:
        """A slot; it is given back when what is to own it cannot be made."""
        slot = self._admission.admit()
        try:
            yield slot
        except BaseException:
            slot.release()
            raise

    def _remember(self, session: Session | OneShot) -> None:
        """What is to be dropped when the service ends; what has ended by itself is forgotten."""
        self._sessions = {each for each in self._sessions if each.live} | {session}

    def languages(self) -> Iterable[Language]:
        """What the loaded checkpoint can do."""
        return self._languages

    def info(self) -> ServerInfo:
        """Version, model, load and limits; those of messages are the transport's to fill in."""
        limits = ServerLimits(
            max_streams=self._settings.max_streams,
            max_targets=self._session_options.max_targets,
            max_utterance_ms=self._settings.max_utterance_ms,
            max_audio_chunk_bytes=self._session_options.max_audio_chunk_bytes,
            max_clip_bytes=self._session_options.max_clip_bytes,
            max_text_characters=self._session_options.max_text_characters,
            max_unacknowledged=self._session_options.max_unacknowledged,
            max_queued_input_ms=self._session_options.max_queued_input_ms,
            max_queued_input_total_ms=self._settings.max_queued_input_total_ms,
            max_waiting_requests=self._settings.max_waiting_requests,
            max_live_requests=self._engine.status.max_live_requests,
            max_silence_ms=self._session_options.max_silence_ms,
            max_waiting_updates=MAX_WAITING_UPDATES,
            input_encodings=served_encodings(),
            output_encodings=served_encodings(),
        )
        return ServerInfo(metadata.version("translate-svc"), self._model, limits, self._load())

    def snapshot(self) -> Snapshot:
        """What a scrape reads."""
        from translate_svc.metrics import Snapshot

        return Snapshot(
            ready=self.healthy,
            streams_active=self._admission.live,
            streams_capacity=self._settings.max_streams,
            queued_audio_s=self._backlog().queued_input_ms / 1000,
            load=self._load(),
        )

    def _load(self) -> ServerLoad:
        engine = self._engine.status
        totals = engine.totals
        return ServerLoad(
            uptime_ms=round((time.monotonic() - self._started_s) * 1000),
            live_streams=sum(isinstance(each, Session) and each.live for each in self._sessions),
            waiting_requests=engine.waiting_requests,
            live_requests=engine.live_requests,
            busy_slots=engine.busy_slots,
            slots=engine.slots,
            admitted=self._admission.admitted,
            rejected=self._admission.rejected,
            finished_requests=totals.finished_requests,
            failed_requests=totals.failed_requests,
            steps=totals.steps,
            text_tokens=totals.text_tokens,
            source_ms=totals.source_samples * 1000 // INTERNAL_SAMPLE_RATE_HZ,
            speech_ms=totals.speech_units * SAMPLES_PER_UNIT * 1000 // INTERNAL_SAMPLE_RATE_HZ,
        )


def language_table(capabilities: Capabilities) -> LanguageTable:
    """The packaged table's part that a checkpoint can do, with its own voices where it names them.

    A voice of the table that the checkpoint's vocoder lacks is none: that language has no speech.
    """
    table = languages.packaged()
    voices = {each.code: each.speaker_ids for each in table} | dict(capabilities.speaker_ids)
    return table.narrowed(
        text_codes=capabilities.text_languages,
        speech_codes=[
            code
            for code in capabilities.speech_languages
            if max(voices.get(code, ()), default=capabilities.speaker_count) < capabilities.speaker_count
        ],
        speaker_ids=capabilities.speaker_ids,
    )
