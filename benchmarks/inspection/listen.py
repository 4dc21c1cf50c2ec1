"""One clip through the service's own session, with everything that can be inspected."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

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
    Inspect,
    Samples,
    SpeechChunk,
    SpeechEnded,
    SpeechStarted,
    StreamConfig,
    StreamSettings,
    TargetSettings,
    TextDelta,
    TokenInfo,
    UtteranceDone,
)

_FORMAT = AudioFormat(Encoding.PCM_F32LE, INTERNAL_SAMPLE_RATE_HZ)
_SAMPLES_PER_MS = INTERNAL_SAMPLE_RATE_HZ // 1000
_CHUNK_SAMPLES = 1_600


@dataclass(frozen=True, slots=True)
class PlacedToken:
    """A token; ``source_ms`` counts from the start of the clip."""

    text: str
    log_probability: float
    source_ms: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Utterance:
    """All events of one utterance; times in ms from the start of the clip."""

    start_ms: float
    end_ms: float
    transcript: tuple[PlacedToken, ...]
    translation: tuple[PlacedToken, ...]
    units: tuple[int, ...]
    character_durations_units: tuple[int, ...]
    speech: Samples
    done: UtteranceDone

    @property
    def translation_text(self) -> str:
        return "".join(token.text for token in self.translation)


async def listen(
    service: Service,
    samples: Samples,
    source: str,
    target: str,
    include: Collection[Inspect] = tuple(set(Inspect) - {Inspect.DRAFTS}),
) -> list[Utterance]:
    """The utterances of a clip, 16 kHz mono float32 ``[n]``, translated to text and speech."""
    settings = StreamSettings((TargetSettings(target),), source_language=source, include=frozenset(include))
    session = service.open_session(StreamConfig(_FORMAT, _FORMAT, settings), Caller("inspection"))
    sending = asyncio.create_task(_send(session, samples))
    try:
        return await _collect(session)
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        await session.cancel()


async def _send(session: Session, samples: Samples) -> None:
    for start in range(0, len(samples), _CHUNK_SAMPLES):
        await session.receive(AudioInput(samples[start : start + _CHUNK_SAMPLES].astype("<f4").tobytes()))
    await session.receive(EndInput(len(samples)))


async def _collect(session: Session) -> list[Utterance]:
    starts: dict[int, int] = {}
    ends: dict[int, int] = {}
    tokens: dict[tuple[int, bool], list[TokenInfo]] = defaultdict(list)
    chunks: dict[int, list[SpeechChunk]] = defaultdict(list)
    done: dict[int, UtteranceDone] = {}
    async for event in session.events():
        match event:
            case SpeechStarted(utterance_id=number, position=position):
                starts[number] = position
            case SpeechEnded(utterance_id=number, source=source):
                ends[number] = source.end
            case TextDelta():
                tokens[event.utterance_id, event.transcript].extend(event.tokens)
            case SpeechChunk():
                chunks[event.utterance_id].append(event)
            case UtteranceDone():
                done[event.utterance_id] = event
            case _:
                pass
    return [
        Utterance(
            starts[number] / _SAMPLES_PER_MS,
            ends[number] / _SAMPLES_PER_MS,
            _placed(tokens[number, True], starts[number]),
            _placed(tokens[number, False], starts[number]),
            chunks[number][0].units if chunks[number] else (),
            chunks[number][0].character_durations if chunks[number] else (),
            np.frombuffer(b"".join(chunk.data for chunk in chunks[number]), "<f4"),
            done[number],
        )
        for number in sorted(done)
    ]


def _placed(tokens: list[TokenInfo], start_samples: int) -> tuple[PlacedToken, ...]:
    offset_ms = start_samples // _SAMPLES_PER_MS
    return tuple(
        PlacedToken(
            token.text,
            token.log_probability,
            None if token.source_ms is None else offset_ms + token.source_ms,
        )
        for token in tokens
    )
