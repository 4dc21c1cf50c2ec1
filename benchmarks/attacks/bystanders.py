"""Those who do nothing wrong: callers who speak, callers who come new, and the kubelet."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import grpc
import numpy as np

from benchmarks.capacity.caller import clips
from benchmarks.soak.speaker import RATE_HZ, end, open_channel
from translate_svc.rpc.servicer import SERVICE_NAME
from translate_svc.types import Samples
from translate_svc.v1 import speech_translation_pb2 as pb

_CHUNK_SAMPLES = RATE_HZ // 10
_SPEECH_S, _PAUSE_S = (0.35, 1.6), 0.8
"""The part of a clip that is spoken, and the pause after it."""
_END_KNOWN_AFTER_S = 0.32
"""Silence that ends an utterance, 16 frames, less the 6 frames of it that still belong to the utterance."""
_GIVE_UP_S = 10.0


class Sample(NamedTuple):
    """One measured time. ``at_s``: when it began, on the monotonic clock."""

    at_s: float
    ms: float
    outcome: str = ""


@dataclass
class Utterance:
    """What a bystander got for one utterance."""

    source: tuple[int, int] = (0, 0)
    text: str = ""
    speech_samples: int = 0
    status: int = 0

    def result(self) -> tuple[tuple[int, int], str, int, int]:
        return self.source, self.text, self.speech_samples, self.status


@dataclass
class Speaker:
    """One stream at the pace of speech. What it says depends on ``number`` and ``seconds`` alone.

    ``first_texts``: from the moment at which the end of an utterance could be known, by what was sent so far,
    until its first translated text has come.
    """

    target: str
    key: str
    number: int
    seconds: float
    utterances: dict[int, Utterance] = field(default_factory=dict)
    first_texts: list[Sample] = field(default_factory=list)

    async def run(self) -> None:
        """Speaks to the end. A stream that fails raises AioRpcError."""
        channel = open_channel(self.target)
        try:
            call = _stream(channel, self.key)
            await call.write(_config())
            assert (await call.read()).WhichOneof("event") == "opened"
            began_s = time.monotonic()
            reading = asyncio.create_task(self._read(call, began_s))
            sent = 0
            for chunk in self._chunks():
                sent += 1
                await asyncio.sleep(began_s + sent * _CHUNK_SAMPLES / RATE_HZ - time.monotonic())
                await call.write(chunk)
            await call.write(end(sent * _CHUNK_SAMPLES // (RATE_HZ // 50)))
            await call.done_writing()
            await reading
            if await call.code() is not grpc.StatusCode.OK:
                raise RuntimeError(f"bystander {self.number}: {await call.code()}, {await call.details()}")
        finally:
            await channel.close(None)

    def results(self) -> list[tuple[tuple[int, int], str, int, int]]:
        """What it got, in the order of what it said: the same in every run."""
        return [self.utterances[number].result() for number in sorted(self.utterances)]

    def _chunks(self) -> Iterator[bytes]:
        start, stop = (round(RATE_HZ * at_s) for at_s in _SPEECH_S)
        pause = np.zeros(round(_PAUSE_S * RATE_HZ), np.float32)
        shift = np.zeros(self.number * RATE_HZ // 3, np.float32)
        spoken: list[Samples] = [part for clip in clips() for part in (clip[start:stop], pause)]
        period = np.concatenate(spoken)
        count = round(self.seconds * RATE_HZ)
        samples = np.concatenate([shift, np.tile(period, count // len(period) + 1)])[:count]
        data = np.rint(samples * 32_767).astype("<i2")
        for at in range(0, count - _CHUNK_SAMPLES + 1, _CHUNK_SAMPLES):
            audio = pb.AudioInput(data=data[at : at + _CHUNK_SAMPLES].tobytes())
            yield pb.StreamingTranslateRequest(audio=audio).SerializeToString()

    async def _read(self, call: Any, began_s: float) -> None:
        due_s: dict[int, float] = {}
        while isinstance(response := await call.read(), pb.StreamingTranslateResponse):
            event = getattr(response, response.WhichOneof("event") or "")
            if (number := getattr(event, "utterance_id", None)) is None:
                continue
            utterance = self.utterances.setdefault(number, Utterance())
            if isinstance(event, pb.SpeechEnded):
                utterance.source = event.source.start, event.source.end
                if event.reason == pb.END_REASON_SILENCE:
                    due_s[number] = began_s + event.source.end / RATE_HZ + _END_KNOWN_AFTER_S
            elif isinstance(event, pb.TextDelta):
                utterance.text += event.delta
                if event.delta and (at_s := due_s.pop(number, None)) is not None:
                    self.first_texts.append(Sample(at_s, 1000 * (time.monotonic() - at_s)))
            elif isinstance(event, pb.SpeechChunk):
                utterance.speech_samples += event.sample_count
            elif isinstance(event, pb.UtteranceDone):
                utterance.status = event.status


async def newcomers(target: str, key: str, every_s: float, seen: list[Sample]) -> None:
    """Opens streams, one after the other; see ``open_stream``."""
    while True:
        at_s = time.monotonic()
        outcome = await open_stream(target, key)
        seen.append(Sample(at_s, 1000 * (time.monotonic() - at_s), outcome))
        await asyncio.sleep(at_s + every_s - time.monotonic())


async def open_stream(target: str, key: str, give_up_s: float = _GIVE_UP_S) -> str:
    """Opens a stream over a new connection and leaves it: ``opened``, a status, or ``no answer``."""
    channel = open_channel(target)
    try:
        async with asyncio.timeout(give_up_s):
            call = _stream(channel, key)
            with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
                await call.write(_config())
                if isinstance(await call.read(), pb.StreamingTranslateResponse):
                    call.cancel()
                    return "opened"
            return str((await call.code()).name)
    except TimeoutError:
        return "no answer"
    finally:
        await channel.close(None)


async def probes(admin: str, every_s: float, seen: list[Sample]) -> None:
    """Asks ``/readyz`` as a kubelet does: a connection for each question."""
    host, _, port = admin.rpartition(":")
    while True:
        at_s = time.monotonic()
        try:
            async with asyncio.timeout(_GIVE_UP_S):
                reader, writer = await asyncio.open_connection(host, int(port))
                writer.write(b"GET /readyz HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n")
                outcome = (await reader.readline()).decode().split()[1]
                writer.transport.abort()
        except (OSError, IndexError) as error:  # TimeoutError is an OSError
            outcome = type(error).__name__
        seen.append(Sample(at_s, 1000 * (time.monotonic() - at_s), outcome))
        await asyncio.sleep(at_s + every_s - time.monotonic())


def within(samples: Sequence[Sample], windows: Sequence[tuple[float, float]]) -> list[Sample]:
    """Those that began in one of the windows of time."""
    return [each for each in samples if any(start <= each.at_s < stop for start, stop in windows)]


def _stream(channel: grpc.aio.Channel, key: str) -> Any:
    method: Any = channel.stream_stream(
        f"/{SERVICE_NAME}/StreamingTranslate",
        request_serializer=None,
        response_deserializer=pb.StreamingTranslateResponse.FromString,
    )
    return method(metadata=(("authorization", f"Bearer {key}"),))


def _config() -> bytes:
    settings = pb.StreamSettings(
        targets=[pb.TargetSettings(language="spa", text=True, speech=True)], source_language="eng"
    )
    config = pb.StreamConfig(
        input=pb.AudioFormat(encoding=pb.ENCODING_PCM_S16LE, sample_rate_hz=RATE_HZ), settings=settings
    )
    return pb.StreamingTranslateRequest(config=config).SerializeToString()
