"""Streams at the pace of speech, and how soon the server notices that somebody has stopped speaking."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.soak.speaker import (
    CONFIG,
    FRAME_S,
    PAUSE_FRAMES,
    SPEECH,
    SPEECH_FRAMES,
    Speaker,
    open_channel,
    start_call,
)
from translate_svc.v1 import speech_translation_pb2 as pb

_UTTERANCE_FRAMES = SPEECH_FRAMES + PAUSE_FRAMES
_DECIDING_FRAME = 85
"""With this frame of an utterance the pause is 512 ms long, and the server may end the utterance. It does so
with this frame, or one or two later: its detector hears 32 ms at a time.
"""
_MANUAL = pb.StreamingTranslateRequest.FromString(CONFIG)
_MANUAL.config.settings.segmentation = pb.SEGMENTATION_MANUAL
_FINALIZE = pb.StreamingTranslateRequest(finalize=pb.FinalizeInput()).SerializeToString()
_STREAMS_A_CONNECTION = 4


@dataclass(frozen=True, slots=True)
class Load:
    """What streams had. ``answer_ms``: from ``_DECIDING_FRAME`` to ``speech_ended``. ``messages``: frames."""

    answer_ms: npt.NDArray[np.float64]
    late_ms: npt.NDArray[np.float64]
    messages: int


async def speak(target: str, streams: int, seconds: float) -> Load:
    """``streams`` speak for about ``seconds`` in frames of 20 ms, four on a connection.

    Raises:
        AssertionError: a sample or an event is not accounted for.
    """
    utterances = max(1, round(seconds / (_UTTERANCE_FRAMES * FRAME_S)))
    speakers = [Speaker(utterances) for _ in range(streams)]
    channels = [open_channel(target) for _ in range(-(-streams // _STREAMS_A_CONNECTION))]
    start_s = time.monotonic() + 1.0
    phases = np.random.default_rng(0).uniform(0, 2.0, streams)
    async with asyncio.TaskGroup() as tasks:
        for index, speaker in enumerate(speakers):
            channel = channels[index // _STREAMS_A_CONNECTION]
            tasks.create_task(speaker.run(channel, start_s + phases[index]))
    for channel in channels:
        await channel.close(None)
    return Load(
        answer_ms=1000 * np.concatenate([_answers_s(each) for each in speakers]),
        late_ms=1000 * np.concatenate([np.array(each.late_s) for each in speakers]),
        messages=sum(len(each.late_s) for each in speakers),
    )


def _answers_s(speaker: Speaker) -> npt.NDArray[np.float64]:
    """From each utterance's deciding frame until its end was told."""
    asked_s: npt.NDArray[np.float64] = np.array(speaker.sent_s)[_DECIDING_FRAME::_UTTERANCE_FRAMES]
    return np.array(speaker.ended_s) - asked_s


class FirstTexts:
    """One stream whose utterances are ended by the client."""

    def __init__(self, target: str) -> None:
        self._channel = open_channel(target)
        self._call = start_call(self._channel)
        self.ms: list[float] = []

    async def open(self) -> None:
        """Opens the stream."""
        await self._call.write(_MANUAL.SerializeToString())
        assert (await self._call.read()).WhichOneof("event") == "opened"

    async def ask(self) -> None:
        """Says one utterance, and measures the time from its end to its first text."""
        for _ in range(SPEECH_FRAMES // 4):
            await self._call.write(SPEECH)
        asked_s = time.perf_counter()
        await self._call.write(_FINALIZE)
        await self._read_to("translation")
        self.ms.append(1000 * (time.perf_counter() - asked_s))
        await self._read_to("utterance_done")

    async def close(self) -> None:
        """Leaves."""
        self._call.cancel()
        await self._channel.close(None)

    async def _read_to(self, kind: str) -> None:
        while (await self._call.read()).WhichOneof("event") != kind:
            pass
