"""A caller who speaks in real time, comes again when refused, and measures when each text comes."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import soundfile

from benchmarks.soak.speaker import RATE_HZ, retry_delay_s, start_call
from translate_svc.types import Samples
from translate_svc.v1 import speech_translation_pb2 as pb

_CLIPS = Path(__file__).parents[2] / "tests" / "data"
_CHUNK_SAMPLES = RATE_HZ // 10
_END_KNOWN_AFTER_S = 0.32
"""Silence that ends an utterance, 16 frames, less the 6 frames of it that still belong to the utterance."""
_STREAM_S = 15.0
_PAUSE_S = (0.6, 0.9)
_SILENT_S = (0.0, 4.0)
"""Before the first sentence: callers who are admitted together must not speak in step."""


@dataclass
class Level:
    """What all callers of one level of load record.

    ``first_text_ms``: from the moment at which the end of an utterance could be known, by what was sent so
    far, until its first translated text has come.
    """

    measuring: bool = False
    over: bool = False
    first_text_ms: list[float] = field(default_factory=list)
    inside: int = 0
    opened: int = 0
    refused: int = 0
    warnings: int = 0


def clips(names: Sequence[str] = ("eng_1", "eng_2", "eng_3")) -> list[Samples]:
    """Spoken sentences, 16 kHz."""
    return [soundfile.read(_CLIPS / f"{name}.flac", dtype="float32")[0] for name in names]


async def call_again_and_again(
    channel: grpc.aio.Channel, sentences: Sequence[Samples], targets: Sequence[str], level: Level, seed: int
) -> None:
    """Opens one stream after another until the level is over."""
    chance = random.Random(seed)
    await asyncio.sleep(chance.uniform(0, 4))
    while not level.over:
        call = start_call(channel)
        try:
            await _converse(call, _speech(sentences, chance), targets, level)
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            if await call.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
                raise
            level.refused += level.measuring
            await asyncio.sleep(await retry_delay_s(call) * chance.uniform(0.5, 1.0))
        finally:
            call.cancel()


async def _converse(call: Any, samples: Samples, targets: Sequence[str], level: Level) -> None:
    await call.write(_config(targets))
    response = await call.read()
    if not isinstance(response, pb.StreamingTranslateResponse):
        raise asyncio.InvalidStateError
    assert response.WhichOneof("event") == "opened"
    level.inside += 1
    level.opened += level.measuring
    began_s = time.monotonic()
    reader = asyncio.create_task(_read(call, began_s, level))
    try:
        for number, chunk in enumerate(_chunks(samples)):
            await asyncio.sleep(began_s + (number + 1) * _CHUNK_SAMPLES / RATE_HZ - time.monotonic())
            if level.over:
                return
            await call.write(chunk)
        await call.done_writing()
        await reader
    finally:
        level.inside -= 1
        reader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reader


async def _read(call: Any, began_s: float, level: Level) -> None:
    ended_s: dict[int, float] = {}
    while isinstance(response := await call.read(), pb.StreamingTranslateResponse):
        kind = response.WhichOneof("event")
        if kind == "speech_ended" and response.speech_ended.reason == pb.END_REASON_SILENCE:
            spoken_s = response.speech_ended.source.end / RATE_HZ
            ended_s[response.speech_ended.utterance_id] = began_s + spoken_s + _END_KNOWN_AFTER_S
        elif kind == "translation" and response.translation.delta:
            end_s = ended_s.pop(response.translation.utterance_id, None)
            if end_s is not None and level.measuring:
                level.first_text_ms.append(1000 * (time.monotonic() - end_s))
        elif kind == "warning":
            level.warnings += response.warning.code == "falling_behind"


def _speech(sentences: Sequence[Samples], chance: random.Random) -> Samples:
    """Sentences with short pauses after some silence, for ``_STREAM_S``."""
    pieces = [np.zeros(round(chance.uniform(*_SILENT_S) * RATE_HZ), np.float32)]
    while sum(map(len, pieces)) < _STREAM_S * RATE_HZ:
        pause = np.zeros(round(chance.uniform(*_PAUSE_S) * RATE_HZ), np.float32)
        pieces += [sentences[chance.randrange(len(sentences))], pause]
    return np.concatenate(pieces)


def _chunks(samples: Samples) -> Iterator[bytes]:
    data = np.rint(samples * 32_767).astype("<i2")
    for start in range(0, len(data) - _CHUNK_SAMPLES + 1, _CHUNK_SAMPLES):
        audio = pb.AudioInput(data=data[start : start + _CHUNK_SAMPLES].tobytes())
        yield pb.StreamingTranslateRequest(audio=audio).SerializeToString()


def _config(targets: Sequence[str]) -> bytes:
    settings = pb.StreamSettings(
        targets=[pb.TargetSettings(language=target, text=True, speech=True) for target in targets],
        source_language="eng",
    )
    config = pb.StreamConfig(
        input=pb.AudioFormat(encoding=pb.ENCODING_PCM_S16LE, sample_rate_hz=RATE_HZ), settings=settings
    )
    return pb.StreamingTranslateRequest(config=config).SerializeToString()
