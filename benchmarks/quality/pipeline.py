"""Clips and texts through the service, in this process: the same way that they take from the wire."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from translate_svc.service import Service
from translate_svc.session.session import Session
from translate_svc.types import (
    INTERNAL_SAMPLE_RATE_HZ,
    AudioFormat,
    AudioInput,
    Caller,
    Encoding,
    EndInput,
    GuardSettings,
    Inspect,
    Samples,
    Segmentation,
    SessionEvent,
    SpeechChunk,
    StreamConfig,
    StreamSettings,
    StreamWarning,
    TargetSettings,
    Term,
    TextDelta,
    TranslateRequest,
    UtteranceDone,
)

_FORMAT = AudioFormat(Encoding.PCM_F32LE, INTERNAL_SAMPLE_RATE_HZ)
_CHUNK_SAMPLES = 1_600
_NO_GUARDS = GuardSettings(voice_gate=False, repetition_stop=False, length_stop=False, script_check=False)
CONCURRENT_STREAMS = 8


@dataclass(slots=True)
class PipelineOutput:
    """What one source came to, by target language; texts and speech of several utterances are joined in
    their order. Languages without speech are left out of ``speech``. ``log_probabilities`` (natural) are
    those of the translations' tokens, where they were asked for. ``confidences`` and ``flagged`` are of the
    translations too: of the last utterance that has a text, and the languages with a warning.
    """

    transcript: str = ""
    translations: dict[str, str] = field(default_factory=dict)
    speech: dict[str, Samples] = field(default_factory=dict)
    log_probabilities: dict[str, list[float]] = field(default_factory=dict)
    confidences: dict[str, float] = field(default_factory=dict)
    flagged: set[str] = field(default_factory=set)
    utterances: int = 0


def settings_for(
    source: str | None,
    targets: Sequence[str],
    *,
    transcript: bool = False,
    tokens: bool = False,
    manual: bool = True,
) -> StreamSettings:
    """Texts in all of ``targets``; with ``manual`` the whole clip is one utterance and no guard acts: the
    model alone.
    """
    return StreamSettings(
        targets=tuple(TargetSettings(target, speech=False) for target in targets),
        source_language=source,
        include=frozenset((Inspect.TRANSCRIPT,) * transcript + (Inspect.TOKENS,) * tokens),
        segmentation=Segmentation.MANUAL if manual else Segmentation.VAD,
        guards=_NO_GUARDS if manual else GuardSettings(),
    )


async def translate(service: Service, samples: Samples, settings: StreamSettings) -> PipelineOutput:
    """One stream: the clip in, everything out."""
    session = await service.open_session(StreamConfig(_FORMAT, _FORMAT, settings), Caller("quality"))
    sender = asyncio.create_task(_send(session, samples))
    try:
        return await _collect(session.events())
    finally:
        sender.cancel()
        await asyncio.gather(sender, return_exceptions=True)
        await session.cancel()


async def translate_all(
    service: Service, jobs: Sequence[tuple[Samples, StreamSettings]]
) -> list[PipelineOutput]:
    """Many clips, ``CONCURRENT_STREAMS`` at a time, results in the order of the jobs."""
    gate = asyncio.Semaphore(CONCURRENT_STREAMS)

    async def one(samples: Samples, settings: StreamSettings) -> PipelineOutput:
        async with gate:
            return await translate(service, samples, settings)

    return list(await asyncio.gather(*(one(*job) for job in jobs)))


async def translate_texts(
    service: Service, texts: Sequence[str], source: str, targets: Sequence[TargetSettings]
) -> list[PipelineOutput]:
    """Written texts by ``Translate``, ``CONCURRENT_STREAMS`` at a time, results in their order."""
    gate = asyncio.Semaphore(CONCURRENT_STREAMS)

    async def one(text: str) -> PipelineOutput:
        async with gate:
            return await translate_text(service, text, source, targets)

    return list(await asyncio.gather(*(one(text) for text in texts)))


async def translate_text(
    service: Service,
    text: str,
    source: str,
    targets: Sequence[TargetSettings],
    terms: tuple[Term, ...] = (),
) -> PipelineOutput:
    """A written text by ``Translate``."""
    call = TranslateRequest(text, tuple(targets), _FORMAT, source, guards=_NO_GUARDS, terms=terms)
    one_shot = await service.translate(call, Caller("quality"))
    try:
        return await _collect(one_shot.events())
    finally:
        await one_shot.cancel()


async def _send(session: Session, samples: Samples) -> None:
    for start in range(0, len(samples), _CHUNK_SAMPLES):
        await session.receive(AudioInput(samples[start : start + _CHUNK_SAMPLES].astype("<f4").tobytes()))
    await session.receive(EndInput(len(samples)))


async def _collect(events: AsyncIterator[SessionEvent]) -> PipelineOutput:
    texts: dict[tuple[bool, str], dict[int, str]] = {}
    speech: dict[str, dict[int, list[Samples]]] = {}
    heard = PipelineOutput()
    async for event in events:
        match event:
            case TextDelta():
                utterances = texts.setdefault((event.transcript, event.language), {})
                utterances[event.utterance_id] = utterances.get(event.utterance_id, "") + event.delta
                if event.tokens and not event.transcript:
                    told = heard.log_probabilities.setdefault(event.language, [])
                    told += [token.log_probability for token in event.tokens]
            case SpeechChunk():
                chunks = speech.setdefault(event.language, {}).setdefault(event.utterance_id, [])
                chunks.append(np.frombuffer(event.data, "<f4"))
            case UtteranceDone():
                heard.utterances += 1
                heard.confidences |= {
                    each.language: each.confidence for each in event.confidences if not each.transcript
                }
            case StreamWarning(code="low_confidence", language=str(language)):
                heard.flagged.add(language)
            case _:
                pass
    for (is_transcript, language), utterances in texts.items():
        text = " ".join(text for _, text in sorted(utterances.items()) if text)
        if is_transcript:
            heard.transcript = text
        else:
            heard.translations[language] = text
    for language, pieces in speech.items():
        heard.speech[language] = np.concatenate(
            [each for _, chunks in sorted(pieces.items()) for each in chunks]
        )
    return heard
