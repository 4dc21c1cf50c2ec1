"""The objects that a session is built from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from translate_svc.engine.handle import EngineHandle
from translate_svc.session.admission import AdmissionSlot
from translate_svc.session.negotiation import Negotiator
from translate_svc.session.observer import NULL_OBSERVER, StreamObserver
from translate_svc.session.options import SessionOptions
from translate_svc.session.quotas.audio_meter import AudioMeter
from translate_svc.session.resume_point import ResumePoint
from translate_svc.session.vad_loop import VadStream


@dataclass(frozen=True, slots=True)
class SessionDependencies:
    """Dependencies of a ``Session``. The session owns ``vad_stream`` and ``slot`` and releases both.

    ``issue_token`` seals a point of the stream for its client; None: the stream cannot be resumed.
    ``caller``: whose share of the engine the stream takes. ``meter``: counts its audio; None: no quota.
    """

    engine: EngineHandle
    vad_stream: VadStream
    negotiator: Negotiator
    options: SessionOptions
    slot: AdmissionSlot
    observer: StreamObserver = NULL_OBSERVER
    issue_token: Callable[[ResumePoint], bytes] | None = None
    caller: str = ""
    meter: AudioMeter | None = None
