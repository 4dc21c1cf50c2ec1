"""A monologue through the service's own session, sent by the loop's clock; all that came of it, and when."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from benchmarks.simultaneous.monologues import SAMPLES_PER_MS
from benchmarks.simultaneous.speech import Sound
from benchmarks.simultaneous.words import Delta
from translate_svc.service import Service
from translate_svc.session.session import Session
from translate_svc.types import (
    ANONYMOUS,
    FRAME_SAMPLES,
    INTERNAL_SAMPLE_RATE_HZ,
    AudioFormat,
    AudioInput,
    Encoding,
    EndInput,
    EndReason,
    Inspect,
    Samples,
    SimultaneousSettings,
    SpeechChunk,
    SpeechEnded,
    StreamConfig,
    StreamSettings,
    StreamWarning,
    TargetSettings,
    TextDelta,
    UtteranceDone,
    VadSettings,
)

_FORMAT = AudioFormat(Encoding.PCM_F32LE, INTERNAL_SAMPLE_RATE_HZ)
_DEFAULT_VAD = VadSettings()
_SILENT = np.empty(0, np.float32)


@dataclass(frozen=True, slots=True)
class Mode:
    """A way of translating. ``simultaneous`` None is utterance mode, otherwise the fields of
    ``SimultaneousSettings`` that differ from their defaults.
    """

    name: str
    vad: VadSettings = _DEFAULT_VAD
    simultaneous: Mapping[str, int] | None = None


UTTERANCE = Mode("utterance")
SIMULTANEOUS = Mode("simultaneous", simultaneous={})


def stream_settings(mode: Mode, source: str, target: TargetSettings) -> StreamSettings:
    """One target; speech comes with its units, which say where its words are."""
    include = frozenset({Inspect.UNITS}) if target.speech else frozenset()
    settings = StreamSettings((target,), source_language=source, include=include, vad=mode.vad)
    if mode.simultaneous is None:
        return settings
    return dataclasses.replace(settings, simultaneous=SimultaneousSettings(**mode.simultaneous))


@dataclass(slots=True)
class RecognizedSpeech:
    """The results of one monologue in one language. ``continued``: utterances that the next one continues."""

    deltas: list[Delta] = field(default_factory=list)
    sounds: list[Sound] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    utterances: int = 0
    continued: set[int] = field(default_factory=set)
    stage_ms: dict[str, float] = field(default_factory=lambda: defaultdict(float))


async def listen(service: Service, samples: Samples, settings: StreamSettings) -> RecognizedSpeech:
    """Sends frames of 32 ms, each when its last sample has been spoken by the running loop's clock."""
    session = await service.open_session(StreamConfig(_FORMAT, _FORMAT, settings), ANONYMOUS)
    started_s = asyncio.get_running_loop().time()
    sending = asyncio.create_task(_send(session, samples, started_s))
    try:
        return await _collect(session, started_s)
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        await session.cancel()


async def _send(session: Session, samples: Samples, started_s: float) -> None:
    clock = asyncio.get_running_loop().time
    for start in range(0, len(samples), FRAME_SAMPLES):
        piece = samples[start : start + FRAME_SAMPLES]
        due_s = started_s + (start + len(piece)) / INTERNAL_SAMPLE_RATE_HZ
        if (left_s := due_s - clock()) > 0:
            await asyncio.sleep(left_s)
        await session.receive(AudioInput(piece.astype("<f4").tobytes()))
    await session.receive(EndInput(len(samples)))


async def _collect(session: Session, started_s: float) -> RecognizedSpeech:
    clock = asyncio.get_running_loop().time
    heard = RecognizedSpeech()
    async for event in session.events():
        arrived_ms = (clock() - started_s) * 1000
        match event:
            case TextDelta(transcript=False):
                through_ms = heard_ms(event)
                heard.deltas.append(
                    Delta(event.utterance_id, event.delta, through_ms, arrived_ms, event.final)
                )
            case SpeechChunk():
                heard.sounds.append(_sound(event, arrived_ms))
            case SpeechEnded(reason=EndReason.CONTINUED):
                heard.continued.add(event.utterance_id)
            case StreamWarning():
                heard.warnings.append(event.code)
            case UtteranceDone():
                heard.utterances += 1
                for timing in event.timings:
                    heard.stage_ms[timing.stage] += timing.duration_ms
            case _:
                pass
    return heard


def _sound(event: SpeechChunk, arrived_ms: float) -> Sound:
    return Sound(
        event.utterance_id,
        event.start_sample,
        np.frombuffer(event.data, "<f4") if event.data else _SILENT,
        heard_ms(event),
        arrived_ms,
        event.character_durations,
    )


def heard_ms(event: TextDelta | SpeechChunk) -> float:
    """When the audio had been spoken through which the service had heard."""
    return event.heard_through_sample / SAMPLES_PER_MS
