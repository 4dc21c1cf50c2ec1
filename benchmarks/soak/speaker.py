"""A client of which hundreds fit into one process: messages are made once, and every event is checked."""

from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import grpc
import numpy as np
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

from translate_svc.rpc.servicer import SERVICE_NAME
from translate_svc.types import SAMPLES_PER_UNIT
from translate_svc.v1 import speech_translation_pb2 as pb

RATE_HZ = 16_000
FRAME_SAMPLES = RATE_HZ // 50
FRAME_S = FRAME_SAMPLES / RATE_HZ
SPEECH_FRAMES, PAUSE_FRAMES = 60, 40
"""An utterance: 1.2 s of speech, and a pause longer than what ends it."""
SPEECH_UNITS = 75
"""What the script makes speech of; see ``tests.fakes.scripted_engine.ScriptedSequence.piece_units``."""


def _audio(level: float) -> bytes:
    samples = np.full(FRAME_SAMPLES, level * 32_767).astype("<i2")
    return pb.StreamingTranslateRequest(audio=pb.AudioInput(data=samples.tobytes())).SerializeToString()


CONFIG = pb.StreamingTranslateRequest(
    config=pb.StreamConfig(
        input=pb.AudioFormat(encoding=pb.ENCODING_PCM_S16LE, sample_rate_hz=RATE_HZ),
        settings=pb.StreamSettings(targets=[pb.TargetSettings(language="spa", text=True, speech=True)]),
    )
).SerializeToString()
SPEECH, PAUSE = _audio(0.5), _audio(0.0)


def end(frames: int) -> bytes:
    """No more after so many frames."""
    message = pb.StreamingTranslateRequest(end=pb.EndInput(total_samples=frames * FRAME_SAMPLES))
    return message.SerializeToString()


def open_channel(target: str) -> grpc.aio.Channel:
    """A connection of its own."""
    return grpc.aio.insecure_channel(target, options=[("grpc.use_local_subchannel_pool", 1)])


def start_call(channel: grpc.aio.Channel) -> Any:
    """A stream that is written to in bytes."""
    method: Any = channel.stream_stream(
        f"/{SERVICE_NAME}/StreamingTranslate",
        request_serializer=None,
        response_deserializer=pb.StreamingTranslateResponse.FromString,
    )
    return method()


async def responses(call: Any) -> AsyncIterator[Any]:
    """The rest of a call's events, to its end."""
    while (response := await call.read()) is not grpc.aio.EOF:  # type: ignore[attr-defined]
        yield response


async def retry_delay_s(call: Any) -> float:
    """When a refused call may be tried again: the ``RetryInfo`` of its status. AssertionError without one."""
    for key, value in await call.trailing_metadata():
        if key == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(value).details:
                retry = error_details_pb2.RetryInfo()
                if detail.Unpack(retry):
                    return float(retry.retry_delay.ToMilliseconds() / 1000)
    raise AssertionError("a refusal says when to come back")


@dataclass(slots=True)
class Ledger:
    """Checks the events of one stream as they come; ``settle`` says whether all were there.

    Raises AssertionError where the contract is broken.
    """

    seq: int = 0
    session_id: str = ""
    utterances: int = 0
    closed: Any = None
    _text: dict[int, str] = field(default_factory=dict)
    _speech_samples: dict[int, int] = field(default_factory=dict)
    _source: dict[int, tuple[int, int]] = field(default_factory=dict)

    def take(self, response: Any) -> None:
        """The next response."""
        self.seq += 1
        assert response.seq == self.seq, "responses are numbered without gaps"
        assert self.closed is None, "nothing comes after closed"
        kind = response.WhichOneof("event")
        event = getattr(response, kind)
        match kind:
            case "opened":
                self.session_id = event.session_id
            case "speech_ended":
                self._source[event.utterance_id] = event.source.start, event.source.end
            case "translation":
                self._text[event.utterance_id] = self._text.get(event.utterance_id, "") + event.delta
            case "audio":
                known = self._speech_samples.get(event.utterance_id, 0)
                assert event.start_sample == known, "speech has no gaps"
                self._speech_samples[event.utterance_id] = known + event.sample_count
            case "utterance_done":
                self._finish(event)
            case "closed":
                self.closed = event

    def settle(self, *, utterances: int) -> None:
        """The stream has ended: as it should, and with so many utterances."""
        assert self.closed is not None, "the stream ended without closed"
        assert self.closed.complete
        assert self.utterances == self.closed.usage.utterances == utterances
        assert not self._text
        assert not self._speech_samples

    def _finish(self, done: Any) -> None:
        number = done.utterance_id
        assert number == self.utterances, "every utterance has one end, in order"
        assert done.status == pb.UTTERANCE_STATUS_OK
        start, stop = self._source.pop(number)
        assert self._text.pop(number) == f"spa {stop - start}"
        assert self._speech_samples.pop(number) == SPEECH_UNITS * SAMPLES_PER_UNIT
        self.utterances += 1


@dataclass(slots=True)
class Speaker:
    """One stream that says the same utterance again and again, each frame when it is due.

    ``sent_s`` and ``late_s`` have one entry a frame: when it was written, and how long after it was due.
    ``ended_s`` has one an utterance: when its ``speech_ended`` came. Clock: ``time.monotonic``.
    """

    utterances: int
    ledger: Ledger = field(default_factory=Ledger)
    sent_s: array[float] = field(default_factory=lambda: array("d"))
    late_s: array[float] = field(default_factory=lambda: array("d"))
    ended_s: array[float] = field(default_factory=lambda: array("d"))

    async def run(self, channel: grpc.aio.Channel, start_s: float) -> None:
        """Speaks from ``start_s`` on, and checks that nothing was lost.

        Raises:
            AssertionError: a sample or an event is not accounted for. (The server counts the samples, and
                fails a stream whose ``end`` has another number.)
        """
        call = start_call(channel)
        await call.write(CONFIG)
        self.ledger.take(await call.read())
        reading = asyncio.create_task(self._read(call))
        frames = chain.from_iterable(
            (SPEECH,) * SPEECH_FRAMES + (PAUSE,) * PAUSE_FRAMES for _ in range(self.utterances)
        )
        for index, frame in enumerate(frames):
            due_s = start_s + index * FRAME_S
            if (early_s := due_s - time.monotonic()) > 0:
                await asyncio.sleep(early_s)
            now_s = time.monotonic()
            self.sent_s.append(now_s)
            self.late_s.append(now_s - due_s)
            await call.write(frame)
        await call.write(end(len(self.sent_s)))
        await call.done_writing()
        await reading
        assert await call.code() == grpc.StatusCode.OK
        self.ledger.settle(utterances=self.utterances)

    async def _read(self, call: Any) -> None:
        async for response in responses(call):
            self.ledger.take(response)
            if response.WhichOneof("event") == "speech_ended":
                self.ended_s.append(time.monotonic())
