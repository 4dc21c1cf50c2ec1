"""Live streams: people who speak, pause, and speak again, in real time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.throughput.utterance import Utterance

_LONGEST_PAUSE_S = 2.0


@dataclass(slots=True)
class Answered:
    """Seconds from the end of an utterance to the first of its text and of its speech."""

    first_text_s: list[float] = field(default_factory=list)
    first_audio_s: list[float] = field(default_factory=list)

    def percentiles_ms(self) -> dict[str, float]:
        """p50 and p95 of both."""
        return {
            f"{name}_p{percent}_ms": round(float(np.percentile(values, percent)) * 1000, 1)
            for name, values in (("first_text", self.first_text_s), ("first_audio", self.first_audio_s))
            for percent in (50, 95)
        }


Translate = Callable[[Utterance, Callable[[], None], Callable[[], None]], Awaitable[None]]
"""Translates one utterance; calls back at the first text, then at the first speech."""


async def run_streams(
    translate: Translate, utterances: Sequence[Utterance], *, streams: int, duration_s: float
) -> Answered:
    """Runs streams for some time. Each starts at a random moment, speaks an utterance in real time, submits
    it and continues after a pause, without waiting for the answer.
    """
    answered = Answered()
    answers: set[asyncio.Task[None]] = set()

    async def answer(utterance: Utterance) -> None:
        ended = time.perf_counter()
        await translate(
            utterance,
            lambda: answered.first_text_s.append(time.perf_counter() - ended),
            lambda: answered.first_audio_s.append(time.perf_counter() - ended),
        )

    async def speak(stream: int) -> None:
        rng = np.random.default_rng(stream)
        until = time.perf_counter() + duration_s
        await asyncio.sleep(rng.uniform(0, _LONGEST_PAUSE_S))
        while time.perf_counter() < until:
            utterance = utterances[int(rng.integers(len(utterances)))]
            await asyncio.sleep(utterance.seconds)
            task = asyncio.create_task(answer(utterance))
            answers.add(task)
            task.add_done_callback(answers.discard)
            await asyncio.sleep(rng.uniform(0, _LONGEST_PAUSE_S))

    await asyncio.gather(*(speak(stream) for stream in range(streams)))
    while answers:
        await asyncio.gather(*answers)
    return answered
