"""A client made from the proto alone. After a loss it does as the contract says; at ``go_away``, nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc

from benchmarks.soak.speaker import open_channel
from translate_svc.v1 import speech_translation_pb2 as pb
from translate_svc.v1.speech_translation_pb2_grpc import SpeechTranslationStub

RATE_HZ = 16_000
_CHUNK_SAMPLES = RATE_HZ // 25
_AGAIN_S = 0.1
_GIVES_UP_S = 60.0
_LOST = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL)
"""``grpc.aio`` puts INTERNAL in the place of a status that comes while it writes."""


@dataclass(slots=True)
class Heard:
    """What one stream brought, by utterance, over however many calls.

    Attributes:
        texts: the text of the last call that told the utterance: "it takes the place of what came before".
        sources: first and last sample, likewise.
        cut: how many utterances a server ended because it went away.
        changed: how many had come to their own end, and came again with another text.
        moves: how often another call went on.
    """

    texts: dict[int, str] = field(default_factory=dict)
    sources: dict[int, tuple[int, int]] = field(default_factory=dict)
    cut: int = 0
    changed: int = 0
    moves: int = 0


class RawStream:
    """One stream that says 16-bit PCM at 16 kHz in real time, or ``speed`` times as fast."""

    def __init__(self, addresses: Sequence[str], pcm: bytes, *, speed: float = 1.0) -> None:
        self.heard = Heard()
        self._addresses, self._pcm, self._speed = list(addresses), pcm, speed
        self._token, self._committed = b"", 0
        self._began_s = 0.0
        self._whole: dict[int, str] = {}
        self._texts: dict[int, str] = {}
        self._cut: set[int] = set()

    async def run(self) -> Heard:
        """Speaks to the first address; whenever a call is cut, to the next one.

        Raises:
            grpc.aio.AioRpcError: for another reason than a loss, or nobody took the stream for a minute.
        """
        self._began_s = time.monotonic()
        turn, lost_s = 0, self._began_s
        while True:
            address = self._addresses[turn % len(self._addresses)]
            opened = asyncio.Event()
            try:
                async with open_channel(address) as channel:
                    await self._call(channel, opened)
                return self.heard
            except grpc.aio.AioRpcError as error:
                gave_up = not opened.is_set() and time.monotonic() - lost_s > _GIVES_UP_S
                if error.code() not in _LOST or gave_up:
                    raise
            if opened.is_set():
                self.heard.moves += 1
                lost_s = time.monotonic()
            turn += 1
            await asyncio.sleep(_AGAIN_S)

    async def _call(self, channel: grpc.aio.Channel, opened: asyncio.Event) -> None:
        call: Any = SpeechTranslationStub(channel).StreamingTranslate()  # type: ignore[no-untyped-call]
        self._texts, self._cut = {}, set()
        speaking = asyncio.create_task(self._speak(call, opened))
        try:
            await call.write(pb.StreamingTranslateRequest(config=self._config()))
            async for response in call:
                self._take(response)
                opened.set()
        finally:
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)

    def _config(self) -> pb.StreamConfig:
        audio = pb.AudioFormat(encoding=pb.ENCODING_PCM_S16LE, sample_rate_hz=RATE_HZ)
        target = pb.TargetSettings(language="es", speech=False)
        config = pb.StreamConfig(
            input=audio, settings=pb.StreamSettings(targets=[target], source_language="en")
        )
        if self._token:
            config.resume_token, config.resume_from_sample = self._token, self._committed
        return config

    async def _speak(self, call: Any, opened: asyncio.Event) -> None:
        """All that is due is sent at once, so that a call that goes on catches up."""
        await opened.wait()
        samples, position = len(self._pcm) // 2, self._committed
        while position < samples:
            due_s = self._began_s + (position + _CHUNK_SAMPLES) / RATE_HZ / self._speed
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            stop = min(position + _CHUNK_SAMPLES, samples)
            chunk = pb.AudioInput(data=self._pcm[2 * position : 2 * stop])
            await call.write(pb.StreamingTranslateRequest(audio=chunk))
            position = stop
        await call.write(pb.StreamingTranslateRequest(end=pb.EndInput(total_samples=samples)))
        await call.done_writing()

    def _take(self, response: pb.StreamingTranslateResponse) -> None:
        match response.WhichOneof("event"):
            case "opened":
                self._token = response.opened.resume_token
            case "progress":
                self._token = response.progress.resume_token
                self._committed = response.progress.committed_samples
            case "translation":
                text = response.translation
                self._texts[text.utterance_id] = self._texts.get(text.utterance_id, "") + text.delta
            case "speech_ended":
                if response.speech_ended.reason == pb.END_REASON_GOING_AWAY:
                    self._cut.add(response.speech_ended.utterance_id)
            case "utterance_done":
                self._settle(response.utterance_done)

    def _settle(self, done: pb.UtteranceDone) -> None:
        number = done.utterance_id
        text = self._texts.get(number, "")
        if number in self._cut:
            self.heard.cut += 1
        elif self._whole.setdefault(number, text) != text:
            self.heard.changed += 1
        self.heard.texts[number] = text
        self.heard.sources[number] = (done.source.start, done.source.end)
