"""What a call's settings become, and what of the speech of a session is played."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.telephone.test_playback import MULAW, SECOND, Line
from tests.virtual_time import virtual_time
from translate_svc.errors import InvalidArgument
from translate_svc.languages import packaged
from translate_svc.telephone.call_settings import CallSettings
from translate_svc.telephone.phone_call import PhoneOutput
from translate_svc.telephone.playback import Playback
from translate_svc.types import (
    AUTO,
    Echo,
    EndReason,
    SampleRange,
    SpeechChunk,
    SpeechEnded,
    SpeechStarted,
    StreamSettings,
)

CHUNK = SpeechChunk(0, SampleRange(0, 1), "spa", 0, SECOND, final=False)


def settled(*, calibrated: bool = True, **values: str) -> StreamSettings:
    """What ``values`` over those of a conversation in German and French become."""
    former = CallSettings().updated({"between": "de,fr"}, "call")
    return former.updated(values, "parameters").stream_settings(packaged(), calibrated=calibrated)


def test_two_languages_are_a_conversation() -> None:
    """As decision 36 says: its candidates are its targets, and nothing is repeated."""
    settings = settled(between="en, es", barge_in="true")
    assert settings.source_language == AUTO
    assert settings.source_candidates == ("en", "es")
    assert [(each.language, each.text, each.speech) for each in settings.targets] == [
        ("en", False, True), ("es", False, True),
    ]  # fmt: skip
    assert settings.echo is Echo.SILENT


def test_one_direction_ends_a_conversation() -> None:
    settings = settled(source="en", target="es", voice="3")
    assert (settings.source_language, settings.source_candidates) == ("en", ())
    assert [(each.language, each.speaker_id) for each in settings.targets] == [("es", 3)]
    assert settings.echo is Echo.SPEAK
    assert settled(target="es").source_language is None, "the published model cannot tell languages"


@pytest.mark.parametrize(
    ("mode", "calibrated", "simultaneous"),
    [("", True, True), ("", False, False), ("utterance", True, False), ("simultaneous", False, True)],
)
def test_the_mode_is_the_checkpoints_unless_it_is_named(
    mode: str, calibrated: bool, simultaneous: bool
) -> None:
    settings = settled(mode=mode, calibrated=calibrated)
    assert (settings.simultaneous is not None) is simultaneous


def test_a_language_that_the_model_lacks_is_named() -> None:
    for values, field in (({"between": "en,xx"}, "call.between"), ({"target": "xx"}, "call.target")):
        with pytest.raises(InvalidArgument) as refused:
            CallSettings().updated(values, "call").check(packaged(), "call")
        assert refused.value.field == field


@pytest.mark.parametrize("barge_in", [False, True])
def test_an_utterance_that_was_interrupted_is_not_taken_up_again(barge_in: bool) -> None:
    async def scenario(line: Line) -> None:
        line.playback = playback = Playback(line, MULAW)
        playing = asyncio.create_task(playback.run())
        output = PhoneOutput(line, playback, barge_in=barge_in)
        await output.send(CHUNK)
        await asyncio.sleep(0.5)
        await output.send(SpeechStarted(1, 0))
        await output.send(replace(CHUNK, final=True))
        await output.send(replace(CHUNK, utterance_id=1, final=True))
        await asyncio.sleep(10)
        playing.cancel()

    line = Line(200)
    with virtual_time() as runner:
        runner.run(scenario(line))
    assert len(line.cleared_s) == int(barge_in)
    expected_s = 0.7 + 1 if barge_in else 3
    assert sum(line.sizes) / len(SECOND) == pytest.approx(expected_s, abs=0.11)


@pytest.mark.parametrize(
    ("reason", "next_start", "interrupts"),
    [
        (EndReason.CONTINUED, 8000, False),
        (EndReason.MAX_LENGTH, 8000, False),
        (EndReason.MAX_LENGTH, 8001, True),
        (EndReason.SILENCE, 8000, True),
    ],
)
def test_a_cut_for_length_interrupts_nobody(reason: EndReason, next_start: int, interrupts: bool) -> None:
    """Who goes on speaking would silence the translation of the own words."""

    async def scenario(line: Line) -> None:
        line.playback = playback = Playback(line, MULAW)
        playing = asyncio.create_task(playback.run())
        output = PhoneOutput(line, playback, barge_in=True)
        await output.send(SpeechStarted(0, 0))
        await output.send(CHUNK)
        await output.send(SpeechEnded(0, SampleRange(0, 8000), reason))
        await output.send(SpeechStarted(1, next_start))
        await output.send(replace(CHUNK, final=True))
        await asyncio.sleep(10)
        playing.cancel()

    line = Line(200)
    with virtual_time() as runner:
        runner.run(scenario(line))
    assert len(line.cleared_s) == int(interrupts)
    if not interrupts:
        assert sum(line.sizes) == 2 * len(SECOND)
