"""What a server reports about itself: the contents of ``ListLanguages`` and ``GetServerInfo``."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from importlib import metadata
from typing import TYPE_CHECKING

from translate_svc import languages
from translate_svc.audio.formats import served_encodings
from translate_svc.config import Settings
from translate_svc.engine.handle import EngineHandle
from translate_svc.engine.model_facts import ModelFacts
from translate_svc.language_rule import NO_DETECTION, LanguageDetection
from translate_svc.languages import LanguageTable
from translate_svc.session.admission import Admission
from translate_svc.session.capacity.front_peers import ServerState, SharedLoad
from translate_svc.session.capacity.load_monitor import LoadMonitor
from translate_svc.session.inbound.utterance_source import MAX_WAITING_UPDATES
from translate_svc.session.negotiation import Negotiator
from translate_svc.session.quotas.admission_control import AdmissionControl
from translate_svc.types import (
    INTERNAL_SAMPLE_RATE_HZ,
    SAMPLES_PER_UNIT,
    ModelInfo,
    ServerInfo,
    ServerLimits,
    ServerLoad,
)

if TYPE_CHECKING:
    from translate_svc.models.checkpoint.description import Capabilities

_log = logging.getLogger(__name__)


class ServerInfoReporter:
    """Reads the limits of a service from its settings, and its load from its engine and its admission."""

    def __init__(
        self,
        settings: Settings,
        model: ModelInfo,
        engine: EngineHandle,
        admission: Admission | AdmissionControl,
        load_monitor: LoadMonitor | SharedLoad,
        live_streams: Callable[[], int] = lambda: 0,
        others: Callable[[], ServerState] = ServerState,
    ) -> None:
        """``live_streams``: the open ones of this process. ``others``: what its other processes do."""
        self._settings = settings
        self._model = model
        self._engine = engine
        self._admission = admission
        self._load_monitor = load_monitor
        self._live_streams = live_streams
        self._others = others
        self._created_s = time.monotonic()

    def info(self) -> ServerInfo:
        """Version, model, limits and load. The transport fills in the limits of messages."""
        version = metadata.version("translate-svc")
        load = self.load()
        return ServerInfo(version, self._model, self._limits(), load, self._others().processes)

    def load(self) -> ServerLoad:
        """The load of the whole server now."""
        engine, others = self._engine.status, self._others()
        totals = engine.totals
        started_s = self._created_s if others.started_s is None else others.started_s
        return ServerLoad(
            uptime_ms=round((time.monotonic() - started_s) * 1000),
            live_streams=self._live_streams() + others.live_streams,
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
            stream_capacity=self._load_monitor.capacity,
            lag_ms=round(self._load_monitor.lag_s * 1000),
        )

    def _limits(self) -> ServerLimits:
        settings, options = self._settings, self._settings.session_options()
        return ServerLimits(
            max_streams=settings.max_streams,
            max_targets=options.max_targets,
            max_utterance_ms=settings.longest_utterance_ms,
            max_audio_chunk_bytes=options.max_audio_chunk_bytes,
            max_clip_bytes=options.max_clip_bytes,
            max_text_characters=options.max_text_characters,
            max_unacknowledged=options.max_unacknowledged,
            max_queued_input_ms=options.max_queued_input_ms,
            max_queued_input_total_ms=settings.max_queued_input_total_ms,
            max_waiting_requests=settings.max_waiting_requests,
            max_live_requests=self._engine.status.max_live_requests,
            max_silence_ms=options.max_silence_ms,
            max_waiting_updates=MAX_WAITING_UPDATES,
            input_encodings=served_encodings(),
            output_encodings=served_encodings(),
        )


def language_table(capabilities: Capabilities, detection: LanguageDetection = NO_DETECTION) -> LanguageTable:
    """The packaged languages that a checkpoint supports, with the checkpoint's own voices if it names any.

    A language has speech only if the checkpoint's vocoder has all of the language's voices. ``detection``:
    the languages that it can tell by their sound.
    """
    table = languages.packaged()
    voices = {language.code: language.speaker_ids for language in table} | dict(capabilities.speaker_ids)
    narrowed = table.narrowed(
        text_codes=capabilities.text_languages,
        speech_codes=[
            code
            for code in capabilities.speech_languages
            if max(voices.get(code, ()), default=capabilities.speaker_count) < capabilities.speaker_count
        ],
        speaker_ids=capabilities.speaker_ids,
        translation_codes=capabilities.translation_languages,
    )
    found = {
        "detected": True,
        "detection_accuracy": detection.figures.get("right", 0.0),
        "detection_source": detection.learnt_from,
    }
    return LanguageTable(
        (
            replace(each, **found) if each.code in detection.languages else each  # type: ignore[arg-type]
            for each in narrowed
        ),
        reads_text=capabilities.reads_text,
    )


def new_negotiator(settings: Settings, facts: ModelFacts) -> Negotiator:
    """What the settings of callers mean on a server. Warns of languages whose voices are missing."""
    languages = language_table(facts.capabilities, facts.detection)
    spoken = [language.code for language in languages if language.speech_out]
    if hint := facts.capabilities.missing_voices(spoken):
        _log.warning("%s", hint)
    return Negotiator(
        languages,
        settings.session_options().max_targets,
        replace(settings.vad_options(), good_utterance_ms=facts.lengths.good_ms),
        facts.hypotheses,
        facts.traits,
        facts.confidence,
        settings.warn_low_confidence,
        None if settings.max_utterance_ms else facts.lengths.max_ms,
        settings.max_slots,
        facts.detection.languages,
        facts.characters,
        facts.cascade_weight,
        facts.transcript_retries,
    )
