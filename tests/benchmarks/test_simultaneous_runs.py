"""What ``make simultaneous`` plays to the service, and the clock by which it listens."""

from __future__ import annotations

import asyncio
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from benchmarks.simultaneous.audio_clock import AudioClockLoop
from benchmarks.simultaneous.figures import Figures
from benchmarks.simultaneous.listen import UTTERANCE, listen, stream_settings
from benchmarks.simultaneous.measure import clocked_service, is_computing, run
from benchmarks.simultaneous.monologues import SAMPLES_PER_MS, VARIANTS, monologues, shipped_clips
from benchmarks.simultaneous.words import flicker, words_of
from translate_svc.types import Stage, TargetSettings

STARTER = Path(__file__).parents[2] / "model_cache" / "starter"


def test_the_clock_waits_for_what_is_computed_and_for_nothing_else() -> None:
    busy = threading.Event()

    async def main() -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, AudioClockLoop)
        with loop.audio_time(busy.is_set):
            started_s = loop.time()
            await asyncio.sleep(3600)
            slept_s = loop.time() - started_s
            done: asyncio.Future[None] = loop.create_future()

            def compute() -> None:
                time.sleep(0.1)
                loop.call_soon_threadsafe(done.set_result, None)
                busy.clear()

            busy.set()
            thread = threading.Thread(target=compute)
            thread.start()
            later = asyncio.create_task(asyncio.sleep(1))
            await done
            computed_s = loop.time() - started_s - slept_s
            await later
            thread.join()
        return slept_s, computed_s

    started_s = time.monotonic()
    with asyncio.Runner(loop_factory=AudioClockLoop) as runner:
        slept_s, computed_s = runner.run(main())
    assert time.monotonic() - started_s < 60
    assert slept_s == pytest.approx(3600)
    assert computed_s == 0


def test_utterance_mode_answers_when_the_segmenter_has_heard_the_end() -> None:
    """The whole way, on the audio clock: two sentences, a pause of a second between them. They are sure."""
    spoken = monologues(shipped_clips("eng"), VARIANTS[1], 4)[3]
    first, second = spoken.sentences[:2]
    samples = spoken.samples[: round((second.end_ms + 200) * SAMPLES_PER_MS)]

    async def measure(loop: AudioClockLoop) -> Figures:
        async with clocked_service(STARTER) as (service, clock):
            settings = stream_settings(UTTERANCE, "eng", TargetSettings("spa", speech=False))
            with loop.audio_time(partial(is_computing, service)):
                heard = await listen(service, samples, settings)
        totals = clock.read()
        spoken_s = (second.end_ms - first.start_ms) / 1000
        assert spoken_s - 1 < totals[Stage.ENCODE].work < spoken_s + 2, "each utterance was encoded once"
        assert totals[Stage.DECODE].work > len(heard.deltas) - 2
        assert totals[Stage.ENCODE].engine_s > 0
        assert totals[Stage.VOCODE].work == 0
        words = words_of(heard.deltas)
        moments = sorted({round(word.arrived_ms) for word in words})
        assert heard.utterances == len(moments) == 2
        assert first.end_ms + 400 < moments[0] < first.end_ms + 700
        assert moments[1] == round(len(samples) / SAMPLES_PER_MS)
        assert flicker(heard.deltas) == 0
        return Figures()

    run(measure)
