"""One text or one clip: an utterance's events, and nothing left behind however it ends."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.engine_script import ScriptedRequest, ScriptedSequence, samples_of
from tests.session.harness import chunks, collect, config, converse, house, of, silence, speech, texts
from tests.session.one_shot.one_shot_calls import clip_call, done, play, text_call
from tests.virtual_time import virtual_time
from translate_svc.engine.request import Request, SourceText
from translate_svc.errors import EngineLost
from translate_svc.session.one_shot import OneShot
from translate_svc.types import (
    AudioClip,
    GuardSettings,
    SampleRange,
    Segmentation,
    SpeechChunk,
    StreamWarning,
    TargetSettings,
    TextDelta,
    UtteranceDone,
    UtteranceStatus,
)


def test_a_text_becomes_text_and_speech() -> None:
    async def scenario() -> None:
        async with house() as home:
            events = await collect(home.translate(text_call()))
            assert home.admission.live == 0
        (request,) = home.engine.submitted
        assert request.source == SourceText("Good morning.", "eng")
        assert [spec.language for spec in request.sequences] == ["spa"]
        assert texts(events) == {(0, "spa"): "spa 13"}
        assert {event.source for event in of(events, TextDelta)} == {SampleRange(0, 0)}, (
            "a text has no samples"
        )
        assert [chunk.final for chunk in of(events, SpeechChunk)] == [False, True]
        assert done(events).status is UtteranceStatus.OK
        assert done(events).usage.source_ms == 0
        assert done(events).usage.speech_ms == 1_500
        assert done(events).end_to_first_text_ms == pytest.approx(120)

    play(scenario())


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100, 48_000])
def test_a_clip_is_heard_as_a_stream_hears_it(rate_hz: int) -> None:
    """Sample for sample what an utterance between two ``finalize`` is."""
    samples = speech(1.0371, rate_hz) * np.sin(np.arange(round(1.0371 * rate_hz)) / 5).astype(np.float32)

    async def scenario() -> None:
        async with house() as home:
            call = clip_call(samples, rate_hz)
            assert isinstance(call.source, AudioClip)
            stream = config(input_rate_hz=rate_hz, segmentation=Segmentation.MANUAL)
            streamed = await converse(home.open(stream), chunks(samples))
            events = await collect(home.translate(call))
        first, second = home.engine.submitted
        np.testing.assert_array_equal(samples_of(first), samples_of(second))
        assert done(events).source == SampleRange(0, len(samples))
        assert done(events).source == of(streamed, UtteranceDone)[0].source
        assert done(events).usage == of(streamed, UtteranceDone)[0].usage
        assert texts(events) == texts(streamed)

    play(scenario())


@pytest.mark.parametrize(("gate", "status"), [(True, UtteranceStatus.EMPTY), (False, UtteranceStatus.OK)])
def test_a_clip_in_which_nobody_speaks_is_not_translated(gate: bool, status: UtteranceStatus) -> None:
    async def scenario() -> None:
        async with house() as home:
            call = clip_call(silence(2), guards=GuardSettings(voice_gate=gate))
            events = await collect(home.translate(call))
            assert len(home.engine.submitted) == (not gate)
        assert [warning.code for warning in of(events, StreamWarning)] == ["no_speech"] * gate
        assert done(events).status is status

    play(scenario())


def test_a_device_that_is_lost_fails_the_call_and_refuses_the_next() -> None:
    async def scenario() -> None:
        async with house() as home:
            running = asyncio.create_task(collect(home.translate(text_call())))
            await asyncio.sleep(0.13)
            home.engine.lose_device()
            assert done(await running).status is UtteranceStatus.FAILED
            with pytest.raises(EngineLost):
                await collect(home.translate(text_call()))

    play(scenario())


def _talkative(request: Request) -> ScriptedRequest:
    return ScriptedRequest(tuple(ScriptedSequence(piece_units=(25,) * 30) for _ in request.sequences))


def test_a_reader_who_does_not_read_stops_the_engines_pieces() -> None:
    async def scenario() -> None:
        async with house(_talkative, initial_credit_pieces=3) as home:
            call = home.translate(text_call())
            await asyncio.sleep(600)
            assert home.engine.granted == [], "no piece was taken, so none is paid for"
            assert home.admission.live == 1
            events = await collect(call)
        assert len(of(events, SpeechChunk)) == 30
        assert done(events).usage.speech_ms == 15_000

    play(scenario())


TWO_TARGETS = clip_call(speech(1), targets=(TargetSettings("es"), TargetSettings("fr")))


async def _take(call: OneShot, count: int) -> None:
    taken = 0
    async for _ in call.events():
        taken += 1
        if taken == count:
            return


@pytest.mark.parametrize("count", range(12))
def test_cancelled_after_any_event_nothing_is_left(count: int) -> None:
    async def scenario() -> None:
        async with house() as home:
            call = home.translate(TWO_TARGETS)
            if count:
                await _take(call, count)
            await call.cancel()
            home.assert_nothing_left()
            assert await collect(call) == [], "nothing comes after cancel"
            await call.cancel()

    play(scenario())


@given(after_s=st.floats(0, 1), reads=st.booleans(), spoken=st.booleans())
@settings(max_examples=30)
def test_cancelled_at_any_time_nothing_is_left(after_s: float, reads: bool, spoken: bool) -> None:
    """While its audio is read, while the detector listens, while the engine works."""

    async def scenario() -> None:
        async with house() as home:
            call = home.translate(TWO_TARGETS if spoken else text_call())
            reader = asyncio.create_task(collect(call)) if reads else None
            await asyncio.sleep(after_s)
            cancelling = asyncio.create_task(call.cancel())
            await asyncio.sleep(0)
            assert (home.admission.live, home.vad_loop.open_streams) == (0, 0), "before it waits"
            await cancelling
            home.assert_nothing_left()
            if reader is not None:
                await reader

    with virtual_time(executor_s=0.01) as runner:
        runner.run(scenario())
