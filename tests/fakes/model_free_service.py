"""A service without a model. Sessions, VAD loop and admission are real; the engine follows a script.

It is for tests that depend on the wall clock or on load: streams have their real cost, but no translation is
computed. The detector is ``EnergyVad``, which takes loud audio for speech.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.fakes.engine_script import Script, echo_script
from tests.fakes.fake_vad import EnergyVad
from tests.fakes.scripted_engine import ScriptedEngine
from translate_svc.access.resume_tokens import ResumeTokens
from translate_svc.engine.handle import Deliver
from translate_svc.engine.request import Request
from translate_svc.languages import LanguageTable, packaged
from translate_svc.resumption import Resumption
from translate_svc.session.admission import Admission, AdmissionOptions, Backlog
from translate_svc.session.call_negotiation import CallNegotiator
from translate_svc.session.dependencies import SessionDependencies
from translate_svc.session.negotiation import Negotiator
from translate_svc.session.one_shot import OneShot, OneShotDependencies
from translate_svc.session.options import SessionOptions
from translate_svc.session.session import Session
from translate_svc.session.vad_loop import VadLoop
from translate_svc.types import (
    AudioClip,
    Caller,
    ModelInfo,
    ServerInfo,
    ServerLimits,
    StreamConfig,
    TranslateRequest,
)
from translate_svc.vad.frame_vad import FrameVad
from translate_svc.vad.options import VadOptions

_MODEL = ModelInfo("none")


class ForgetfulEngine(ScriptedEngine):
    """Keeps no record of its calls, so that hours of load cost no memory."""

    def submit(self, request: Request, deliver: Deliver) -> None:
        """Implements ``EngineHandle.submit``."""
        super().submit(request, deliver)
        self.submitted.clear()

    def abort(self, request_id: str) -> None:
        """Implements ``EngineHandle.abort``."""
        super().abort(request_id)
        self.aborted.clear()

    def grant(self, request_id: str, sequence: int, pieces: int = 1) -> None:
        """Implements ``EngineHandle.grant``."""
        super().grant(request_id, sequence, pieces)
        self.granted.clear()


class ModelFreeService:
    """Implements ``serving.protocols.Service``."""

    def __init__(
        self,
        engine: ScriptedEngine,
        vad_loop: VadLoop,
        admission: AdmissionOptions,
        options: SessionOptions,
        resumption: Resumption | None = None,
    ) -> None:
        """``resumption``: issues and takes resume tokens; None: with a key of its own."""
        self.engine = engine
        self.vad_loop = vad_loop
        self.admission = Admission(admission, lambda: Backlog(engine.status.waiting_requests))
        self._max_streams = admission.max_streams
        self._options = options
        self._negotiator = Negotiator(packaged(), options.max_targets, VadOptions())
        self._call_negotiator = CallNegotiator(self._negotiator, options)
        self._resumption = resumption or Resumption(ResumeTokens(None, 3_600), _MODEL)

    async def open_session(
        self, config: StreamConfig, caller: Caller, audio_patience_s: float = 0.0
    ) -> Session:
        """Starts a session as ``Service.open_session`` does."""
        config, start, issue_token = self._resumption.begin(config, caller)
        config, negotiated = self._negotiator.negotiate(config)
        dependencies = SessionDependencies(
            engine=self.engine,
            slot=self.admission.admit(),
            vad_stream=self.vad_loop.open_stream(),
            negotiator=self._negotiator,
            options=self._options,
            issue_token=issue_token,
        )
        return Session(uuid.uuid4().hex, config, negotiated, dependencies, start)

    async def translate(self, request: TranslateRequest, caller: Caller) -> OneShot:
        """Starts a translation as ``Service.translate`` does."""
        request, negotiated = self._call_negotiator.negotiate(request)
        slot = self.admission.admit()
        needs_vad = isinstance(request.source, AudioClip) and request.guards.voice_gate
        vad_stream = self.vad_loop.open_stream() if needs_vad else None
        dependencies = OneShotDependencies(self.engine, self._options, slot, vad_stream)
        return OneShot(uuid.uuid4().hex, request, negotiated, dependencies)

    async def check_admission(self, caller: Caller) -> None:
        """Raises if no call is admitted now."""
        self.admission.check()

    def languages(self) -> LanguageTable:
        """The languages of the published model."""
        return packaged()

    @property
    def calibrated(self) -> bool:
        """Utterances are translated whole unless a stream asks for hypotheses."""
        return False

    @property
    def finish_s(self) -> float:
        """Nothing measures it."""
        return 0.0

    def info(self) -> ServerInfo:
        """The version, the model and one limit."""
        return ServerInfo("0", _MODEL, ServerLimits(max_streams=self._max_streams))

    def record_rejected(self, error: BaseException) -> None:
        """Counts nothing."""

    @property
    def held(self) -> dict[str, int]:
        """Resources that streams hold; all zero without streams."""
        return {
            "admitted": self.admission.live,
            "requests": len(self.engine.live_request_ids),
            "vad_places": self.vad_loop.open_streams,
        }


@asynccontextmanager
async def model_free_service(
    script: Script = echo_script,
    *,
    admission: AdmissionOptions = AdmissionOptions(),  # noqa: B008 - frozen
    options: SessionOptions = SessionOptions(),  # noqa: B008 - frozen
    max_running_requests: int = 1_000,
    max_waiting_requests: int = 1_000,
    vad: FrameVad | None = None,
    resumption: Resumption | None = None,
) -> AsyncIterator[ModelFreeService]:
    """A ``ModelFreeService``. The limits size its engine; ``vad`` replaces ``EnergyVad``."""
    engine = ForgetfulEngine(
        script, max_running_requests=max_running_requests, max_waiting_requests=max_waiting_requests
    )
    async with VadLoop(vad or EnergyVad(), max_streams=admission.max_streams) as vad_loop:
        yield ModelFreeService(engine, vad_loop, admission, options, resumption)
