"""Those who do nothing wrong: callers who speak, callers who come new, and the kubelet."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
import numpy as np

from benchmarks.attacks.heard import Heard, Sample
from benchmarks.capacity.caller import clips
from benchmarks.soak.speaker import RATE_HZ, end, open_channel
from translate_svc.errors import ResourceExhausted
from translate_svc.rpc.servicer import SERVICE_NAME
from translate_svc.types import Samples
from translate_svc.v1 import speech_translation_pb2 as pb

_CHUNK_SAMPLES = RATE_HZ // 10
PART_S, WHOLE_S = (0.35, 1.6), (0.0, 10.0)
"""What is spoken of a clip."""
_PAUSE_S = 0.8
SHIFT_S = 1 / 3
END_KNOWN_AFTER_S = 0.32
"""Silence that ends an utterance, 16 frames, less the 6 frames of it that still belong to the utterance."""
_GIVE_UP_S = 10.0


def period(spoken_s: tuple[float, float] = PART_S) -> Samples:
    """What all of them say again and again, 16 kHz: so much of each clip, and a pause after it."""
    start, stop = (round(RATE_HZ * at_s) for at_s in spoken_s)
    pause = np.zeros(round(_PAUSE_S * RATE_HZ), np.float32)
    spoken: list[Samples] = [part for clip in clips() for part in (clip[start:stop], pause)]
    return np.concatenate(spoken)


@dataclass
class Utterance:
    """What a bystander got for one utterance."""

    source: tuple[int, int] = (0, 0)
    text: str = ""
    speech_samples: int = 0
    status: int = 0

    def result(self) -> tuple[tuple[int, int], str, int, int]:
        return self.source, self.text, self.speech_samples, self.status


@dataclass(eq=False)
class Speaker:
    """One stream at the pace of speech. What it says depends on ``number``, ``seconds`` and ``spoken_s``.

    ``heard`` says whether it had everything, and when; ``opened`` that the server has let it in.
    """

    target: str
    key: str
    number: int
    seconds: float
    targets: Sequence[str] = ("spa",)
    simultaneous: bool = False
    spoken_s: tuple[float, float] = PART_S
    utterances: dict[int, Utterance] = field(default_factory=dict)
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.heard = Heard(self.targets, self.simultaneous)

    async def run(self) -> None:
        """Speaks to the end.

        Raises:
            ResourceExhausted: the stream was refused.
            RuntimeError: it failed.
        """
        channel = open_channel(self.target)
        call = _stream(channel, self.key)
        reading: asyncio.Task[None] | None = None
        try:
            with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
                await call.write(_config(self.targets, simultaneous=self.simultaneous))
                if isinstance(await call.read(), pb.StreamingTranslateResponse):
                    self.opened.set()
                    began_s = time.monotonic()
                    reading = asyncio.create_task(self._read(call, began_s))
                    await self._speak(call, began_s)
                    await reading
            if (code := await call.code()) is not grpc.StatusCode.OK:
                refused = code is grpc.StatusCode.RESOURCE_EXHAUSTED
                kind = ResourceExhausted if refused else RuntimeError
                raise kind(f"speaker {self.number}: {code}, {await call.details()}")
        finally:
            call.cancel()
            if reading is not None:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)
            await channel.close(None)

    def results(self) -> list[tuple[tuple[int, int], str, int, int]]:
        """What it got, in the order of what it said: the same in every run."""
        return [self.utterances[number].result() for number in sorted(self.utterances)]

    async def _speak(self, call: Any, began_s: float) -> None:
        sent = 0
        for chunk in self._chunks():
            sent += 1
            await asyncio.sleep(began_s + sent * _CHUNK_SAMPLES / RATE_HZ - time.monotonic())
            await call.write(chunk)
        await call.write(end(sent * _CHUNK_SAMPLES // (RATE_HZ // 50)))
        await call.done_writing()

    def _chunks(self) -> Iterator[bytes]:
        said = np.rint(period(self.spoken_s) * 32_767).astype("<i2")
        silent = round(self.number * SHIFT_S * RATE_HZ)
        for at in range(0, round(self.seconds * RATE_HZ) - _CHUNK_SAMPLES + 1, _CHUNK_SAMPLES):
            places = np.arange(at - silent, at - silent + _CHUNK_SAMPLES)
            data = np.where(places < 0, 0, said.take(places, mode="wrap")).astype("<i2")
            audio = pb.AudioInput(data=data.tobytes())
            yield pb.StreamingTranslateRequest(audio=audio).SerializeToString()

    async def _read(self, call: Any, began_s: float) -> None:
        while isinstance(response := await call.read(), pb.StreamingTranslateResponse):
            event = getattr(response, response.WhichOneof("event") or "")
            if getattr(event, "utterance_id", None) is not None:
                self._take(event, began_s)

    def _take(self, event: Any, began_s: float) -> None:
        number = event.utterance_id
        utterance = self.utterances.setdefault(number, Utterance())
        if isinstance(event, pb.SpeechStarted):
            self.heard.begin(number)
        elif isinstance(event, pb.SpeechEnded):
            utterance.source = event.source.start, event.source.end
            if event.reason == pb.END_REASON_SILENCE:
                self.heard.end(number, began_s + event.source.end / RATE_HZ + END_KNOWN_AFTER_S)
        elif isinstance(event, pb.TextDelta):
            utterance.text += event.delta
            self.heard.text(number, event.language, event.delta, final=event.final)
        elif isinstance(event, pb.SpeechChunk):
            utterance.speech_samples += event.sample_count
            self.heard.speech(number, event.language, final=event.final)
        elif isinstance(event, pb.UtteranceDone):
            utterance.status = event.status
            status = pb.UtteranceStatus.Name(event.status).removeprefix("UTTERANCE_STATUS_")
            self.heard.done(number, status.lower())


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


def _stream(channel: grpc.aio.Channel, key: str) -> Any:
    method: Any = channel.stream_stream(
        f"/{SERVICE_NAME}/StreamingTranslate",
        request_serializer=None,
        response_deserializer=pb.StreamingTranslateResponse.FromString,
    )
    return method(metadata=(("authorization", f"Bearer {key}"),))


def _config(targets: Sequence[str] = ("spa",), *, simultaneous: bool = False) -> bytes:
    settings = pb.StreamSettings(
        targets=[pb.TargetSettings(language=target, text=True, speech=True) for target in targets],
        source_language="eng",
        simultaneous=pb.SimultaneousSettings() if simultaneous else None,
    )
    config = pb.StreamConfig(
        input=pb.AudioFormat(encoding=pb.ENCODING_PCM_S16LE, sample_rate_hz=RATE_HZ), settings=settings
    )
    return pb.StreamingTranslateRequest(config=config).SerializeToString()
