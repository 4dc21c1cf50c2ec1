"""The VAD loop: one call for many streams, and nobody pays for another's mishap."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator

import numpy as np
import pytest

from tests.fakes.fake_vad import AmplitudeVad, FailingVad, GatedVad, SmoothedAmplitudeVad
from tests.virtual_time import virtual_time
from translate_svc.errors import DetectorError, ResourceExhausted, Unavailable
from translate_svc.session.vad_loop import GATHER_FROM_STREAMS, VadLoop, VadStream, batch_interval_s
from translate_svc.vad.frame_vad import MAX_FRAMES_AT_ONCE, Float32Array, VadFrames


def frames(*levels: float, restart: bool = False) -> VadFrames:
    """One frame a level."""
    return VadFrames(np.repeat(np.array(levels, np.float32)[:, None], 512, axis=1), restart)


async def score(stream: VadStream, level: float, restart: bool = False) -> float:
    """The probability of one frame."""
    (probability,) = await stream.probabilities(frames(level, restart=restart))
    return probability


async def in_flight(loop: VadLoop, vad: GatedVad) -> tuple[VadStream, asyncio.Task[float]]:
    """A stream whose frame is being scored now; the gate holds the worker."""
    stream = loop.open_stream()
    task = asyncio.create_task(score(stream, 0.1))
    assert await asyncio.to_thread(vad.entered.wait, 60)
    return stream, task


@pytest.fixture
async def gated() -> AsyncIterator[tuple[VadLoop, GatedVad]]:
    vad = GatedVad()
    async with VadLoop(vad, max_batch_streams=4, max_streams=8) as loop:
        try:
            yield loop, vad
        finally:
            vad.gate.set()


async def test_streams_share_calls_and_keep_their_own_state() -> None:
    """Ten streams together answer what each answers alone, in far fewer calls than frames."""
    levels = np.random.default_rng(0).uniform(0, 1, (10, 30)).astype(np.float32)

    class Counting(SmoothedAmplitudeVad):
        calls = 0

        def step(self, frames, states):  # type: ignore[no-untyped-def]
            Counting.calls += 1
            return super().step(frames, states)

    async def talk(loop: VadLoop, row: np.ndarray) -> list[float]:
        stream = loop.open_stream()
        answers = [await score(stream, float(x), i % 13 == 0) for i, x in enumerate(row)]
        stream.close()
        return answers

    async with VadLoop(Counting()) as loop:
        together = await asyncio.gather(*(talk(loop, row) for row in levels))
        calls = Counting.calls
        alone = [await talk(loop, row) for row in levels]
        assert loop.open_streams == 0
    np.testing.assert_array_equal(np.array(together), np.array(alone))
    assert calls < 60


async def test_streams_in_step_share_every_call() -> None:
    """Whoever is answered together asks together again: no frame is left behind for a call of its own."""
    vad = AmplitudeVad()

    async def talk(loop: VadLoop) -> None:
        stream = loop.open_stream()
        for _ in range(10):
            await score(stream, 0.5)

    async with VadLoop(vad) as loop:
        await asyncio.gather(*(talk(loop) for _ in range(5)))
    assert vad.batch_sizes == [5] * 10


async def test_frames_that_are_scored_together_follow_one_another() -> None:
    """Streams with one, three and eight frames share one call; each state goes on from frame to frame."""
    levels = np.random.default_rng(0).uniform(0, 1, (3, 10)).tolist()
    counts = (1, 3, 8)

    def smoothed(row: list[float]) -> list[float]:
        return list(itertools.accumulate(row, lambda last, level: (last + level) / 2, initial=0.0))[1:]

    sizes: list[int] = []

    class Counting(SmoothedAmplitudeVad):
        def step(self, frames: Float32Array, states: Float32Array) -> tuple[Float32Array, Float32Array]:
            sizes.append(len(frames))
            return super().step(frames, states)

    async with VadLoop(Counting()) as loop:
        streams = [loop.open_stream() for _ in counts]
        together = await asyncio.gather(
            *(
                stream.probabilities(frames(*row[:count]))
                for stream, row, count in zip(streams, levels, counts, strict=True)
            )
        )
        assert sizes == [3, 2, 2, 1, 1, 1, 1, 1]
        for stream, row, found, count in zip(streams, levels, together, counts, strict=True):
            found.append(await score(stream, row[count]))
            assert found == pytest.approx(smoothed(row[: count + 1]))


async def test_restart_clears_the_state() -> None:
    async with VadLoop(SmoothedAmplitudeVad()) as loop:
        stream = loop.open_stream()
        assert await score(stream, 0.8, restart=True) == pytest.approx(0.4)
        assert await score(stream, 0.8) == pytest.approx(0.6)
        assert await score(stream, 0.8, restart=True) == pytest.approx(0.4)


async def test_what_waits_goes_into_one_bounded_call_longest_waiting_first(
    gated: tuple[VadLoop, GatedVad],
) -> None:
    loop, vad = gated
    _, first = await in_flight(loop, vad)
    order: list[int] = []

    async def ask(index: int) -> None:
        await score(loop.open_stream(), 0.1)
        order.append(index)

    others = [asyncio.create_task(ask(index)) for index in range(6)]
    await asyncio.sleep(0)
    vad.gate.set()
    await asyncio.gather(first, *others)
    assert vad.batch_sizes == [1, 4, 2]
    assert order == list(range(6))


async def test_a_cancelled_wait_costs_the_others_nothing(gated: tuple[VadLoop, GatedVad]) -> None:
    """Cancelled while scored and cancelled while waiting: the other frames of both calls get results."""
    loop, vad = gated
    _, scored = await in_flight(loop, vad)
    waiting = [asyncio.create_task(score(loop.open_stream(), level)) for level in (0.2, 0.3, 0.4)]
    await asyncio.sleep(0)
    scored.cancel()
    waiting[1].cancel()
    vad.gate.set()
    answers = await asyncio.gather(scored, *waiting, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert isinstance(answers[2], asyncio.CancelledError)
    assert [answers[1], answers[3]] == pytest.approx([0.2, 0.4])
    assert vad.batch_sizes == [1, 2]


async def test_cancelling_and_asking_again_does_not_grow_the_queue(gated: tuple[VadLoop, GatedVad]) -> None:
    loop, vad = gated
    _, running = await in_flight(loop, vad)
    stream = loop.open_stream()
    for _ in range(50):
        task = asyncio.create_task(score(stream, 0.5))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    vad.gate.set()
    await running
    assert await score(loop.open_stream(), 0.3) == pytest.approx(0.3)
    assert vad.batch_sizes == [1, 1], "no cancelled frame was scored"


async def test_one_frame_at_a_time(gated: tuple[VadLoop, GatedVad]) -> None:
    loop, vad = gated
    stream, task = await in_flight(loop, vad)
    with pytest.raises(RuntimeError):
        await score(stream, 0.1)
    vad.gate.set()
    assert await task == pytest.approx(0.1)


async def test_places_are_bounded_and_given_back() -> None:
    async with VadLoop(AmplitudeVad(), max_streams=2) as loop:
        streams = [loop.open_stream(), loop.open_stream()]
        with pytest.raises(ResourceExhausted):
            loop.open_stream()
        streams[0].close()
        streams[0].close()
        assert loop.open_streams == 1
        assert await score(loop.open_stream(), 0.5) == pytest.approx(0.5)
        with pytest.raises(Unavailable):
            await score(streams[0], 0.5)


async def test_a_failing_call_fails_its_frames_and_the_loop_goes_on() -> None:
    async with VadLoop(FailingVad()) as loop:
        bad, good = loop.open_stream(), loop.open_stream()
        with pytest.raises(DetectorError) as caught:
            await score(bad, 2.0)
        assert isinstance(caught.value.__cause__, RuntimeError)
        assert await score(good, 0.25) == pytest.approx(0.25)


async def test_a_frame_on_which_the_detector_fails_costs_no_other_stream_anything() -> None:
    """Frames of all streams are scored together; those beside a bad one get their probability and state."""
    async with VadLoop(_FailingSmoothedVad()) as loop:
        streams = [loop.open_stream() for _ in range(4)]
        for level in (0.1, 0.2):
            scores = [score(stream, level * number) for number, stream in enumerate(streams)]
            before = await asyncio.gather(*scores)
        levels = (0.5, 2.0, 0.5, 0.5)
        scores = [score(stream, level) for stream, level in zip(streams, levels, strict=True)]
        found = await asyncio.gather(*scores, return_exceptions=True)
        assert isinstance(found[1], DetectorError)
        for number in (0, 2, 3):
            assert found[number] == pytest.approx(0.5 * before[number] + 0.25)
        assert not loop.is_failing


class _FailingSmoothedVad(SmoothedAmplitudeVad):
    """Raises in every call whose batch holds a frame with a sample above 1."""

    def step(self, frames: Float32Array, states: Float32Array) -> tuple[Float32Array, Float32Array]:
        if np.abs(frames).max() > 1.0:
            raise RuntimeError("scripted failure")
        return super().step(frames, states)


async def test_a_detector_that_fails_for_good_is_known_and_tried_again_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with VadLoop(FailingVad()) as loop:
        stream = loop.open_stream()
        for failing in (False, False, True):
            with pytest.raises(DetectorError):
                await score(stream, 2.0)
            assert loop.is_failing is failing
        now_s = time.monotonic()
        for later_s, failing in ((31, False), (0, True)):
            at_s = now_s + later_s
            monkeypatch.setattr("translate_svc.session.vad_loop.time.monotonic", lambda at_s=at_s: at_s)
            assert loop.is_failing is failing
        await score(stream, 0.25)
        assert not loop.is_failing


async def test_frames_of_another_shape_are_refused_before_they_reach_a_call() -> None:
    async with VadLoop(AmplitudeVad()) as loop:
        for shape in ((1, 511), (512,), (0, 512), (MAX_FRAMES_AT_ONCE + 1, 512)):
            with pytest.raises(ValueError, match="512"):
                await loop.open_stream().probabilities(VadFrames(np.zeros(shape, np.float32), restart=False))


async def test_closing_answers_what_runs_and_refuses_what_waits() -> None:
    vad = GatedVad()
    loop = VadLoop(vad)
    loop.start()
    _, running = await in_flight(loop, vad)
    waiting = asyncio.create_task(score(loop.open_stream(), 0.3))
    await asyncio.sleep(0)
    closing = asyncio.create_task(loop.aclose())
    await asyncio.sleep(0)
    vad.gate.set()
    await closing
    assert await running == pytest.approx(0.1)
    with pytest.raises(Unavailable):
        await waiting
    with pytest.raises(Unavailable):
        loop.open_stream()
    await loop.aclose()


@pytest.mark.parametrize("streams", [GATHER_FROM_STREAMS - 1, GATHER_FROM_STREAMS])
def test_calls_keep_apart_where_many_streams_are_open_so_that_frames_share_them(streams: int) -> None:
    """And where few are, nobody waits for company."""
    called_s: list[float] = []

    class Clocked(AmplitudeVad):
        def step(self, frames, states):  # type: ignore[no-untyped-def]
            called_s.append(asyncio.get_running_loop().time())
            return super().step(frames, states)

    async def scenario() -> None:
        async with VadLoop(Clocked()) as loop:
            speaker, *_ = [loop.open_stream() for _ in range(streams)]
            for _ in range(60):
                await score(speaker, 0.5)

    with virtual_time() as runner:
        runner.run(scenario())
    assert np.diff(called_s) == pytest.approx([batch_interval_s(streams)] * 59)
    assert (batch_interval_s(streams) > 0) == (streams == GATHER_FROM_STREAMS)


def test_the_more_streams_the_further_apart_and_never_a_frame() -> None:
    apart_s = [batch_interval_s(streams) for streams in (0, 1, 15, 16, 40, 80, 1_000)]
    assert apart_s[:3] == [0, 0, 0]
    assert apart_s[3:] == pytest.approx([0.0016, 0.004, 0.008, 0.008])
