"""Callers in a process of their own: ``python -m benchmarks.gpu.first.caller``, a job in, answers out.

They speak clips in real time and note when texts and speech come. They import neither the engine nor PyTorch.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import soundfile

from translate_svc.v1 import speech_translation_pb2 as pb

RATE_HZ = 16_000
_CLIPS = Path(__file__).parents[3] / "tests" / "data"
_CHUNK_SAMPLES = RATE_HZ // 10
_PAUSE_SAMPLES = round(0.7 * RATE_HZ)
_END_KNOWN_SAMPLES = round(0.32 * RATE_HZ)
"""Silence that ends an utterance, 16 frames, less the 6 frames of it that still belong to the utterance."""
_ANSWER_S = 8.0
"""How long a caller who has said everything waits for the rest."""
_METHOD = f"/{pb.DESCRIPTOR.services_by_name['SpeechTranslation'].full_name}/StreamingTranslate"


@dataclass(frozen=True, slots=True)
class Script:
    """What one caller says, and asks for. ``guarded``: by all guards; else the length of texts alone."""

    clips: tuple[str, ...]
    source: str
    targets: tuple[str, ...]
    guarded: bool = True


@dataclass(frozen=True, slots=True)
class Job:
    """A caller for each script. ``in_real_time``: all of them, from ``start_s`` (``time.monotonic``) plus
    their own delay on; else one after another, as fast as they are heard.
    """

    target: str
    scripts: tuple[Script, ...]
    in_real_time: bool
    start_s: float = 0.0
    delays_s: tuple[float, ...] = ()

    @classmethod
    def of(cls, values: dict[str, Any]) -> Job:
        """The inverse of ``asdict``."""
        scripts = tuple(
            Script(tuple(each["clips"]), each["source"], tuple(each["targets"]), each["guarded"])
            for each in values["scripts"]
        )
        return cls(**{**values, "scripts": scripts, "delays_s": tuple(values["delays_s"])})


@dataclass(slots=True)
class Answers:
    """Of one stream. Times in milliseconds: from the moment when the chunk had been written with which the
    end of an utterance could be known, to its first text and its first sound; ``told_``: as the server says.

    ``texts``: by target and utterance. ``late_ms``: the most that a chunk was written after it was due.
    """

    opened: bool = False
    refused: bool = False
    complete: bool = False
    error: str = ""
    first_text_ms: list[float] = field(default_factory=list)
    first_sound_ms: list[float] = field(default_factory=list)
    told_text_ms: list[float] = field(default_factory=list)
    told_sound_ms: list[float] = field(default_factory=list)
    texts: dict[str, dict[str, str]] = field(default_factory=dict)
    sound_s: float = 0.0
    utterances: int = 0
    warnings: list[str] = field(default_factory=list)
    late_ms: float = 0.0


class Caller:
    """One stream on a connection of its own."""

    def __init__(self, target: str, script: Script) -> None:
        self.answers = Answers()
        self._script, self._chunks = script, _chunks(script)
        self._channel = grpc.aio.insecure_channel(target, options=[("grpc.use_local_subchannel_pool", 1)])
        self._written_s: list[float] = []
        self._known_s: dict[int, float] = {}
        self._heard: set[tuple[str, int]] = set()

    async def run(self, start_s: float | None) -> Answers:
        """Speaks from ``start_s`` on in real time, or as fast as it is heard."""
        method: Any = self._channel.stream_stream(
            _METHOD,
            request_serializer=pb.StreamingTranslateRequest.SerializeToString,
            response_deserializer=pb.StreamingTranslateResponse.FromString,
        )
        if start_s is not None:
            await asyncio.sleep(start_s - time.monotonic())
        call = method()
        try:
            await self._converse(call, start_s)
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError, TimeoutError) as error:
            await self._note(call, error)
        finally:
            call.cancel()
            await self._channel.close(None)
        return self.answers

    async def _note(self, call: Any, error: Exception) -> None:
        code = await asyncio.wait_for(call.code(), 1.0) if call.done() else None
        self.answers.refused = not self.answers.opened and code is grpc.StatusCode.RESOURCE_EXHAUSTED
        if not self.answers.refused:
            said = await call.details() if call.done() else ""
            self.answers.error = f"{type(error).__name__} {code} {said}"

    async def _converse(self, call: Any, start_s: float | None) -> None:
        await call.write(pb.StreamingTranslateRequest(config=_config(self._script)))
        if not isinstance(await call.read(), pb.StreamingTranslateResponse):
            raise asyncio.InvalidStateError
        self.answers.opened = True
        began_s = time.monotonic()
        reading = asyncio.create_task(self._read(call))
        try:
            for number, chunk in enumerate(self._chunks):
                due_s = began_s + (number + 1) * _CHUNK_SAMPLES / RATE_HZ
                if start_s is not None:
                    await asyncio.sleep(due_s - time.monotonic())
                    late_ms = 1000 * (time.monotonic() - due_s)
                    self.answers.late_ms = max(self.answers.late_ms, late_ms)
                await call.write(pb.StreamingTranslateRequest(audio=pb.AudioInput(data=chunk)))
                self._written_s.append(time.monotonic())
            end = pb.EndInput(total_samples=sum(map(len, self._chunks)) // 2)
            await call.write(pb.StreamingTranslateRequest(end=end))
            await call.done_writing()
            await asyncio.wait_for(reading, _ANSWER_S)
        finally:
            reading.cancel()

    async def _read(self, call: Any) -> None:
        while isinstance(response := await call.read(), pb.StreamingTranslateResponse):
            self._take(response)

    def _take(self, response: Any) -> None:
        now_s, answers, kind = time.monotonic(), self.answers, response.WhichOneof("event")
        event = getattr(response, kind)
        match kind:
            case "speech_ended":
                chunk = (event.source.end + _END_KNOWN_SAMPLES) // _CHUNK_SAMPLES
                self._known_s[event.utterance_id] = self._written_s[min(chunk, len(self._written_s) - 1)]
            case "translation":
                texts = answers.texts.setdefault(event.language, {})
                number = str(event.utterance_id)  # as JSON has it
                texts[number] = texts.get(number, "") + event.delta
                if event.delta:
                    self._first("text", event.utterance_id, now_s, answers.first_text_ms)
            case "audio":
                answers.sound_s += event.sample_count / RATE_HZ
                self._first("sound", event.utterance_id, now_s, answers.first_sound_ms)
            case "utterance_done":
                answers.utterances += 1
                answers.told_text_ms.append(event.end_to_first_text_ms)
                answers.told_sound_ms.append(event.end_to_first_audio_ms)
            case "warning":
                answers.warnings.append(event.code)
            case "closed":
                answers.complete = event.complete

    def _first(self, what: str, utterance: int, now_s: float, times_ms: list[float]) -> None:
        if (what, utterance) not in self._heard and utterance in self._known_s:
            self._heard.add((what, utterance))
            times_ms.append(round(1000 * (now_s - self._known_s[utterance]), 1))


def _config(script: Script) -> Any:
    settings = pb.StreamSettings(
        targets=[pb.TargetSettings(language=target, text=True, speech=True) for target in script.targets],
        source_language=script.source,
    )
    if not script.guarded:
        guards = settings.guards
        guards.voice_gate = guards.repetition_stop = guards.script_check = guards.low_confidence = False
    audio = pb.AudioFormat(encoding=pb.ENCODING_PCM_S16LE, sample_rate_hz=RATE_HZ)
    return pb.StreamConfig(input=audio, settings=settings)


def _chunks(script: Script) -> list[bytes]:
    pieces = []
    for name in script.clips:
        samples, rate_hz = soundfile.read(_CLIPS / name, dtype="int16")
        assert rate_hz == RATE_HZ, name
        pieces += [samples, np.zeros(_PAUSE_SAMPLES, np.int16)]
    data = np.concatenate(pieces).astype("<i2")
    starts = range(0, len(data), _CHUNK_SAMPLES)
    return [data[start : start + _CHUNK_SAMPLES].tobytes() for start in starts]


async def run_job(job: Job) -> list[Answers]:
    """The answers of each script's caller."""
    callers = [Caller(job.target, script) for script in job.scripts]
    if not job.in_real_time:
        return [await caller.run(None) for caller in callers]
    starts = [job.start_s + delay_s for delay_s in job.delays_s]
    return await asyncio.gather(*(each.run(start) for each, start in zip(callers, starts, strict=True)))


if __name__ == "__main__":
    answered = asyncio.run(run_job(Job.of(json.load(sys.stdin))))
    json.dump([asdict(each) for each in answered], sys.stdout)
