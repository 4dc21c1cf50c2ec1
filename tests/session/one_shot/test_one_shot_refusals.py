"""Refusals of Translate calls: each names its field and costs other calls nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.fakes.engine_script import samples_of
from tests.session.harness import RATE_HZ, collect, house, speech
from tests.session.one_shot.one_shot_calls import S16, SPANISH, clip_call, done, play, text_call
from translate_svc.errors import (
    InvalidArgument,
    OutOfRange,
    ResourceExhausted,
    TranslateSvcError,
    Unavailable,
)
from translate_svc.types import (
    AudioClip,
    AudioFormat,
    Encoding,
    Inspect,
    TargetSettings,
    TranslateRequest,
    UtteranceStatus,
)

OPUS = AudioFormat(Encoding.OPUS, 48_000)
ENGLISH_TEXT = TargetSettings("en-GB", speech=False)
CLIP = clip_call(speech(0.5))
F32 = AudioFormat(Encoding.PCM_F32LE, RATE_HZ)
REFUSALS: list[tuple[TranslateRequest, type[TranslateSvcError], str]] = [
    (text_call(""), InvalidArgument, "text"),
    (text_call(" \t\n\u00a0\u200b\u2028"), InvalidArgument, "text"),
    (text_call("good\x00morning"), InvalidArgument, "text"),
    (text_call("good\x9bmorning"), InvalidArgument, "text"),
    (text_call("x" * 10_001), OutOfRange, "text"),
    (text_call(source_language=None), InvalidArgument, "source_language"),
    (text_call(source_language="tlh"), InvalidArgument, "source_language"),
    (text_call(source_language="a-" * 100_000), InvalidArgument, "source_language"),
    (text_call(source_language="ast"), InvalidArgument, "source_language"),  # only understood when spoken
    (text_call(include=frozenset({Inspect.TRANSCRIPT})), InvalidArgument, "include"),
    (text_call(include=frozenset({Inspect.DRAFTS})), InvalidArgument, "include"),
    (replace(CLIP, include=frozenset({Inspect.DRAFTS})), InvalidArgument, "include"),
    (
        text_call(targets=(TargetSettings("es", speech=False),), include=frozenset({Inspect.UNITS})),
        InvalidArgument,
        "include",
    ),
    (text_call(targets=()), InvalidArgument, "targets"),
    (text_call(targets=SPANISH * 9), OutOfRange, "targets"),
    (
        text_call(targets=(*SPANISH, TargetSettings("en-GB", speech=False))),
        InvalidArgument,
        "targets[1].language",
    ),
    (text_call(targets=(*SPANISH, *SPANISH)), InvalidArgument, "targets[1].language"),
    (text_call(targets=(TargetSettings(""),)), InvalidArgument, "targets[0].language"),
    (text_call(targets=(TargetSettings("es", speaker_id=12),)), InvalidArgument, "targets[0].speaker_id"),
    (text_call(targets=(TargetSettings("es", False, False),)), InvalidArgument, "targets[0].text"),
    (text_call(targets=(TargetSettings("zu"),)), InvalidArgument, "targets[0].speech"),
    (
        text_call(targets=(TargetSettings("es", duration_factor=2.5),)),
        OutOfRange,
        "targets[0].duration_factor",
    ),
    (text_call(output=AudioFormat(Encoding.PCM_S16LE, 7_999)), OutOfRange, "output.sample_rate_hz"),
    (text_call(output=replace(S16, channels=2)), InvalidArgument, "output.channels"),
    (replace(CLIP, targets=()), InvalidArgument, "targets"),
    (replace(CLIP, include=frozenset({Inspect.TRANSCRIPT})), InvalidArgument, "source_language"),
    (replace(CLIP, source_language="xx"), InvalidArgument, "source_language"),
    (
        replace(CLIP, source=AudioClip(replace(S16, sample_rate_hz=96_000), b"12")),
        OutOfRange,
        "clip.format.sample_rate_hz",
    ),
    (
        replace(CLIP, source=AudioClip(replace(S16, channels=2), b"1234")),
        InvalidArgument,
        "clip.format.channel",
    ),
    (replace(CLIP, source=AudioClip(S16)), InvalidArgument, "clip.data"),
    (replace(CLIP, source=AudioClip(S16, b"12", packets=(b"12",))), InvalidArgument, "clip.packets"),
    (replace(CLIP, source=AudioClip(OPUS, packets=(b"",))), InvalidArgument, "clip.packets"),
    (replace(CLIP, source=AudioClip(OPUS, b"12", packets=(b"12",))), InvalidArgument, "clip.data"),
    (replace(CLIP, source=AudioClip(S16, bytes(4 * 1024 * 1024 + 2))), OutOfRange, "clip.data"),
    (replace(CLIP, source=AudioClip(OPUS, packets=(bytes(2**21),) * 3)), OutOfRange, "clip.packets"),
]


@pytest.mark.parametrize(("call", "error", "field"), REFUSALS)
def test_what_cannot_be_had_is_refused_by_its_field_before_it_costs_anything(
    call: TranslateRequest, error: type[TranslateSvcError], field: str
) -> None:
    async def scenario() -> None:
        async with house() as home:
            with pytest.raises(error) as caught:
                home.translate(call)
            assert (type(caught.value), caught.value.field) == (error, field)
            home.assert_nothing_left()

    play(scenario())


@pytest.mark.parametrize("auto", ["auto", "AUTO"])
def test_a_text_whose_language_is_to_be_found_out_is_told_that_only_sound_tells_it(auto: str) -> None:
    async def scenario() -> None:
        async with house() as home:
            with pytest.raises(InvalidArgument, match="source_language: must be named for a text"):
                home.translate(text_call(source_language=auto))

    play(scenario())


@pytest.mark.parametrize("text", ["¿?", "好", "a\r\nb\tc\u0085d", "👋🏽", "x" * 1_000])
def test_any_text_with_something_to_see_is_taken(text: str) -> None:
    async def scenario() -> None:
        async with house() as home:
            assert done(await collect(home.translate(text_call(text)))).status is UtteranceStatus.OK

    play(scenario())


BAD_AUDIO: list[tuple[AudioClip, type[TranslateSvcError], str]] = [
    (AudioClip(S16, b"123"), InvalidArgument, "clip.data"),
    (AudioClip(F32, np.array([0.5, np.nan], "<f4").tobytes()), InvalidArgument, "clip.data"),
    (AudioClip(replace(S16, channels=2, channel=1), bytes(6)), InvalidArgument, "clip.data"),
    (AudioClip(S16, bytes(2 * 15 * RATE_HZ + 2)), OutOfRange, "clip.data"),
]


@pytest.mark.parametrize(("clip", "error", "field"), BAD_AUDIO)
def test_audio_that_is_none_ends_the_call_by_its_field(
    clip: AudioClip, error: type[TranslateSvcError], field: str
) -> None:
    async def scenario() -> None:
        async with house() as home:
            call = home.translate(replace(CLIP, source=clip))
            with pytest.raises(error) as caught:
                await collect(call)
            assert (type(caught.value), caught.value.field) == (error, field)
            assert home.vad_loop.open_streams == 0, "a call that failed holds nothing but its slot"
            await call.cancel()
            home.assert_nothing_left()
        if error is OutOfRange:
            assert "StreamingTranslate" in str(caught.value)

    play(scenario())


def test_the_longest_clip_is_taken() -> None:
    async def scenario() -> None:
        async with house() as home:
            events = await collect(home.translate(clip_call(speech(15, 44_100), 44_100)))
        assert len(samples_of(home.engine.submitted[0])) == 15 * RATE_HZ
        assert done(events).status is UtteranceStatus.OK

    play(scenario())


@pytest.mark.parametrize(
    ("refusal", "call", "field"),
    [
        (ResourceExhausted("the line is full", retry_after_s=3.0), text_call(), ""),
        (OutOfRange("must be at most 256 tokens", field="source"), text_call(), "text"),
        (InvalidArgument("must be finite", field="source"), CLIP, "clip.data"),
        (Unavailable("the engine is stopping"), CLIP, ""),
    ],
)
def test_what_the_engine_does_not_take_ends_the_call(
    refusal: TranslateSvcError, call: TranslateRequest, field: str
) -> None:
    async def scenario() -> None:
        async with house() as home:
            home.engine.refuse_next(refusal)
            with pytest.raises(type(refusal)) as caught:
                await collect(home.translate(call))
            assert (type(caught.value), caught.value.field) == (type(refusal), field)
            if isinstance(refusal, ResourceExhausted):
                assert caught.value is refusal, "with its time to come back"

    play(scenario())
