"""Everything that is built once a process: model, engine, voice activity detector, admission.

Importing this file is cheap; the heavy half is imported when a service is built.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from translate_svc import languages
from translate_svc.audio.formats import served_encodings
from translate_svc.config import Settings
from translate_svc.errors import Unavailable
from translate_svc.languages import Language, LanguageTable
from translate_svc.models.identity import find_checkpoint, read_identity
from translate_svc.session.admission import Admission, AdmissionSlot
from translate_svc.session.call_negotiation import CallNegotiator
from translate_svc.session.negotiation import Negotiator
from translate_svc.session.one_shot import OneShot, OneShotParts
from translate_svc.session.parts import SessionParts
from translate_svc.session.session import Session
from translate_svc.session.vad_loop import VadLoop
from translate_svc.types import (
    INTERNAL_SAMPLE_RATE_HZ,
    SAMPLES_PER_UNIT,
    AudioClip,
    ModelInfo,
    ServerInfo,
    ServerLimits,
    ServerLoad,
    StreamConfig,
    TranslateCall,
)

if TYPE_CHECKING:
    from translate_svc.engine.async_engine import AsyncEngine
    from translate_svc.engine.plan import StepReport
    from translate_svc.metrics import Metrics, Snapshot
    from translate_svc.models.description import Capabilities
    from translate_svc.vad.frame_vad import FrameVad

_STOP_DEADLINE_S = 5.0


@dataclass(frozen=True, slots=True)
class _Heavy:
    """What takes seconds to build, off the event loop."""

    engine: AsyncEngine
    vad: FrameVad
    capabilities: Capabilities
    model: ModelInfo


class Service:
    """Opens sessions. Made by ``Service.start``; belongs to the event loop that made it.

    ``healthy`` turns False for good when the engine is lost; the process is then to be restarted.
    """

    def __init__(self, settings: Settings, heavy: _Heavy, vad_loop: VadLoop, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._engine = heavy.engine
        self._model = heavy.model
        self._vad_loop = vad_loop
        self._admission = Admission(settings.admission())
        self._session_options = settings.session()
        self._languages = language_table(heavy.capabilities)
        self._negotiator = Negotiator(self._languages, self._session_options.max_targets, settings.vad())
        self._calls = CallNegotiator(self._negotiator, self._session_options)
        self._sessions: set[Session | OneShot] = set()
        self._draining = False
        self._started_s = time.monotonic()

    @classmethod
    @asynccontextmanager
    async def start(
        cls,
        settings: Settings,
        *,
        on_fatal: Callable[[BaseException], None] | None = None,
        metrics: Metrics | None = None,
    ) -> AsyncIterator[Service]:
        """Builds everything, and takes it down again on leaving; sessions still open are dropped.

        Args:
            settings: the operator's.
            on_fatal: called on this event loop when the engine is lost.
            metrics: where to count; by default nobody asks.

        Raises:
            CheckpointError: the model directory is missing, torn or foreign. Names the file.
            InvalidArgument: a setting does not fit this machine or the model. Names the field.
        """
        # here, for it needs the extra "server", as the heavy half does
        from translate_svc.metrics import Metrics

        metrics = metrics or Metrics()
        heavy = await asyncio.to_thread(_build, settings, on_fatal, metrics)
        async with VadLoop(heavy.vad, max_streams=settings.max_streams) as vad_loop:
            heavy.engine.start()
            try:
                service = cls(settings, heavy, vad_loop, metrics)
                metrics.watch(service.snapshot)
                try:
                    yield service
                finally:
                    await service._drop_sessions()
            finally:
                await heavy.engine.stop(drain=False, deadline_s=_STOP_DEADLINE_S)

    @property
    def healthy(self) -> bool:
        """The engine lives and new streams are taken."""
        return not self.closed_because

    @property
    def engine_lost(self) -> bool:
        """The engine is gone for good; the process is to be restarted."""
        return self._engine.lost

    @property
    def closed_because(self) -> str:
        """Why new streams are refused; empty while they are taken."""
        if self._engine.lost:
            return "the engine is lost"
        return "the server is draining" if self._draining or not self._engine.healthy else ""

    @property
    def live_sessions(self) -> int:
        """Streams and calls that hold an admission slot."""
        return self._admission.live

    def drain(self) -> None:
        """Takes no new stream and no new call from now on; those that live go on."""
        self._draining = True

    async def _drop_sessions(self) -> None:
        self.drain()
        await asyncio.gather(*(session.cancel() for session in self._sessions))

    def open_session(self, config: StreamConfig, tenant: str) -> Session:
        """Admits a stream and starts it. ``tenant`` names the caller for admission.

        Raises:
            InvalidArgument: a setting is wrong. Names the field.
            OutOfRange: past a limit. Names the field.
            Unsupported: part of the contract that is not served yet. Names the field.
            ResourceExhausted: all streams are taken.
            Unavailable: draining, or the engine is lost.
        """
        del tenant  # one class of callers so far
        self._check_open()
        config, negotiated = self._negotiator.negotiate(config)
        with self._admitted() as slot:
            parts = SessionParts(
                self._engine, self._vad_loop.open_stream(), self._negotiator, self._session_options, slot
            )
            session = Session(uuid.uuid4().hex, config, negotiated, parts)
        self._remember(session)
        return session

    def translate(self, call: TranslateCall, tenant: str) -> OneShot:
        """Admits one text or one clip, as a stream is admitted, and starts it.

        Raises:
            InvalidArgument: something is wrong with what is asked for. Names the field.
            OutOfRange: past a limit. Names the field.
            Unsupported: a format that is not served. Names the field.
            ResourceExhausted: all streams are taken.
            Unavailable: draining, or the engine is lost.
        """
        del tenant
        self._check_open()
        call, negotiated = self._calls.negotiate(call)
        with self._admitted() as slot:
            judged = isinstance(call.source, AudioClip) and call.guards.voice_gate
            vad_stream = self._vad_loop.open_stream() if judged else None
            parts = OneShotParts(self._engine, self._session_options, slot, vad_stream)
            one_shot = OneShot(uuid.uuid4().hex, call, negotiated, parts)
        self._remember(one_shot)
        return one_shot

    def _check_open(self) -> None:
        if reason := self.closed_because:
            raise Unavailable(reason)

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
            input_encodings=served_encodings(),
            output_encodings=served_encodings(),
        )
        return ServerInfo(metadata.version("translate-svc"), self._model, limits, self._load())

    def snapshot(self) -> Snapshot:
        """What a scrape reads."""
        from translate_svc.metrics import Snapshot

        engine, totals = self._engine, self._engine.totals
        return Snapshot(
            ready=self.healthy,
            streams_active=self._admission.live,
            streams_capacity=self._settings.max_streams,
            requests_waiting=engine.waiting_requests,
            requests_live=engine.live_requests,
            slots_busy=engine.busy_slots,
            slots=engine.slots,
            queued_audio_s=sum(each.queued_s for each in self._sessions if isinstance(each, Session)),
            streams_admitted=self._admission.admitted,
            engine_steps=totals.steps,
            text_tokens=totals.text_tokens,
            source_s=totals.source_samples / INTERNAL_SAMPLE_RATE_HZ,
            speech_s=totals.speech_units * SAMPLES_PER_UNIT / INTERNAL_SAMPLE_RATE_HZ,
        )

    def _load(self) -> ServerLoad:
        totals = self._engine.totals
        return ServerLoad(
            uptime_ms=round((time.monotonic() - self._started_s) * 1000),
            live_streams=sum(isinstance(each, Session) and each.live for each in self._sessions),
            waiting_requests=self._engine.waiting_requests,
            live_requests=self._engine.live_requests,
            busy_slots=self._engine.busy_slots,
            slots=self._engine.slots,
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


def _model_info(folder: Path, device: str, dtype: str) -> ModelInfo:
    identity = read_identity(folder)
    return ModelInfo(identity.name, identity.revision, identity.license, device, dtype)


def _build(settings: Settings, on_fatal: Callable[[BaseException], None] | None, metrics: Metrics) -> _Heavy:
    from translate_svc.engine.async_engine import AsyncEngine
    from translate_svc.engine.core import EngineCore
    from translate_svc.engine.model_runner import ModelRunner
    from translate_svc.engine.scheduler import Scheduler
    from translate_svc.models.checkpoint import Checkpoint
    from translate_svc.models.placement import resolve_placement
    from translate_svc.models.tokenizer import Tokenizer
    from translate_svc.vad.silero import SileroVad

    placement = resolve_placement(settings.device, settings.dtype)
    checkpoint = Checkpoint.open(find_checkpoint(settings.model, Path(settings.model_cache)))
    capabilities = checkpoint.capabilities()
    limits = settings.engine(model_tokens=capabilities.max_text_positions)
    runner = ModelRunner(
        checkpoint,
        max_slots=limits.max_slots,
        max_source_samples=limits.max_source_samples,
        max_source_tokens=limits.max_source_tokens,
        max_tokens=limits.max_slot_tokens,
        device=placement.device,
        dtype=placement.dtype,
    )
    tokenizer = Tokenizer.from_pretrained(
        checkpoint.path, config=checkpoint.config, languages=checkpoint.maps.text_languages
    )

    def on_step(report: StepReport) -> None:
        batch_sizes = ((each.stage, each.batch_size) for each in report.stages)
        metrics.take_step(report.duration_s, batch_sizes)

    core = EngineCore(Scheduler(limits, tokenizer), runner, on_step=on_step)
    model = _model_info(checkpoint.path, placement.device, placement.dtype_name)
    return _Heavy(AsyncEngine(core, capabilities, on_fatal=on_fatal), SileroVad(), capabilities, model)
