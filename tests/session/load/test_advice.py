"""Warnings that say what would help: when they come, how often, and when not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.fakes.engine_script import ScriptedRequest, ScriptedSequence
from tests.session.harness import check_contract, chunks, clip, config, converse, house, of, silence, speech
from tests.session.source_driver import heard_by
from tests.virtual_time import virtual_time
from translate_svc.engine.events import StopReason
from translate_svc.engine.request import Request
from translate_svc.engine.simultaneous.commit_policy import LocalAgreement
from translate_svc.session.outbound.advice import LengthAdvice
from translate_svc.session.settings.negotiated import Negotiated
from translate_svc.session.simultaneous_options import SimultaneousOptions
from translate_svc.types import (
    ClientMessage,
    EndReason,
    Samples,
    Segmentation,
    SessionEvent,
    SimultaneousSettings,
    SpeechEnded,
    StreamSettings,
    StreamWarning,
    TargetSettings,
    UpdateInput,
    VadSettings,
)
from translate_svc.vad.options import VadOptions

ES, FR = TargetSettings("es"), TargetSettings("fr")
SHORT = VadSettings(max_utterance_ms=2_500)


REACHED = "3 utterances in a row reached max_utterance_ms"
LOST = "Their text comes late and may lack words."


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        pytest.param(
            heard_by(VadOptions()),
            f"{REACHED} (15000): no pause of min_silence_ms (500) ended them. {LOST} Simultaneous "
            "translation helps (settings.simultaneous), or a smaller max_utterance_ms, such as 5000.",
            id="defaults",
        ),
        pytest.param(
            heard_by(VadOptions(max_utterance_ms=5_000, min_silence_ms=400)),
            f"{REACHED} (5000): no pause of min_silence_ms (400) ended them. {LOST} Simultaneous translation "
            "helps (settings.simultaneous), or a shorter min_silence_ms.",
            id="short already",
        ),
        pytest.param(
            heard_by(VadOptions(max_utterance_ms=5_000), Segmentation.MANUAL),
            f"{REACHED} (5000): no finalize ended them. {LOST} Simultaneous translation helps "
            "(settings.simultaneous), or a finalize at each pause.",
            id="manual",
        ),
        pytest.param(
            replace(
                heard_by(VadOptions(max_utterance_ms=6_000)),
                simultaneous=SimultaneousOptions(512, 12_000, LocalAgreement(), 2_560, 1_600),
            ),
            f"{REACHED} (6000): no pause of min_silence_ms (500) ended them. {LOST} A max_utterance_ms well "
            "above 8000, or a smaller simultaneous.max_buffer_ms, helps.",
            id="simultaneous",
        ),
    ],
)
def test_it_says_what_would_help(settings: Negotiated, said: str) -> None:
    advice = LengthAdvice()
    told = [advice.update(EndReason.MAX_LENGTH, settings) for _ in range(3)]
    assert told == [None, None, StreamWarning("max_utterance_reached", said)]


# ------------------------------------------------------------------------------------------ in a stream


def stream(
    messages: Sequence[ClientMessage], *sequences: ScriptedSequence, targets: int = 1, **settings: Any
) -> list[SessionEvent]:
    def script(request: Request) -> ScriptedRequest:
        return ScriptedRequest(sequences or (wordy(200),) * len(request.sequences))

    async def scenario() -> list[SessionEvent]:
        async with house(script) as home:
            return await converse(home.open(config(*(ES, FR)[:targets], **settings)), messages)

    with virtual_time() as runner:
        events = runner.run(scenario())
    check_contract(events)
    return events


def wordy(tokens: int) -> ScriptedSequence:
    return ScriptedSequence(deltas=("a",) * tokens)


def warned(events: Sequence[SessionEvent], code: str) -> list[StreamWarning]:
    return [each for each in of(events, StreamWarning) if each.code == code]


def endless(seconds: float) -> list[ClientMessage]:
    return list(chunks(speech(seconds)))


def test_speech_without_a_pause_is_told_of_once_behind_the_third_cut() -> None:
    events = stream(endless(15), vad=SHORT)
    assert len(of(events, SpeechEnded)) >= 6
    (told,) = warned(events, "max_utterance_reached")
    assert told.utterance_id is None
    third = of(events, SpeechEnded)[2]
    assert events.index(third) < events.index(told) < events.index(of(events, SpeechEnded)[3])


def test_speech_with_pauses_is_not_told_of() -> None:
    sentence: Samples = clip(speech(4), silence(1))
    events = stream(chunks(clip(*[sentence] * 5)), vad=SHORT)
    assert {each.reason for each in of(events, SpeechEnded)} == {EndReason.MAX_LENGTH, EndReason.SILENCE}
    assert warned(events, "max_utterance_reached") == []


@pytest.mark.parametrize(("before_s", "after_s", "limits_ms"), [(11, 14, [2_500]), (4, 16, [3_000])])
def test_it_is_told_once_a_stream_of_cuts_under_the_same_settings(
    before_s: float, after_s: float, limits_ms: list[int]
) -> None:
    """Who has followed the advice is not told again. Cuts before an ``update`` count for nothing."""
    update = UpdateInput(StreamSettings((ES,), vad=VadSettings(max_utterance_ms=3_000)))
    events = stream([*endless(before_s), update, *endless(after_s)], vad=SHORT)
    assert sum(each.reason is EndReason.MAX_LENGTH for each in of(events, SpeechEnded)) >= 6
    told = warned(events, "max_utterance_reached")
    assert len(told) == len(limits_ms)
    assert all(f"({limit_ms})" in each.message for each, limit_ms in zip(told, limits_ms, strict=True))


def test_simultaneous_translation_that_never_comes_to_go_on_is_told_of() -> None:
    """Its utterances end at the maximum before they are long enough to be cut where their buffer begins."""
    events = stream(endless(15), vad=SHORT, simultaneous=SimultaneousSettings())
    assert len(warned(events, "max_utterance_reached")) == 1
    assert not warned(stream(endless(40), simultaneous=SimultaneousSettings()), "max_utterance_reached")


def test_silence_that_nobody_ends_is_not_told_of() -> None:
    """Push to talk with the button held: the voice gate keeps each utterance back."""
    events = stream(chunks(silence(16)), segmentation=Segmentation.MANUAL, vad=SHORT)
    assert {each.code for each in of(events, StreamWarning)} == {"no_speech"}


def test_a_short_text_is_told_of_once_an_utterance_with_its_language() -> None:
    events = stream(chunks(clip(speech(5), silence(1), speech(5))), wordy(3), wordy(2), targets=2)
    told = warned(events, "short_text")
    assert sorted(each.utterance_id or 0 for each in told) == [0, 1]
    assert {each.language for each in told} <= {"spa", "fra"}


def test_the_language_whose_text_is_short_is_named() -> None:
    events = stream(endless(5), wordy(60), wordy(2), targets=2)
    assert [(each.utterance_id, each.language) for each in warned(events, "short_text")] == [(0, "fra")]


@pytest.mark.parametrize("tokens", [13, 40, 200])
def test_a_text_of_the_usual_length_is_not_told_of(tokens: int) -> None:
    assert of(stream(endless(5), wordy(tokens)), StreamWarning) == []


def test_a_short_text_of_short_speech_is_not_told_of() -> None:
    assert of(stream(endless(2), wordy(1)), StreamWarning) == []


def test_a_text_that_was_ended_is_not_told_of_twice() -> None:
    ended = replace(wordy(2), stop=StopReason.REPETITION)
    assert [each.code for each in of(stream(endless(5), ended), StreamWarning)] == ["repetition_stopped"]


def test_an_empty_text_of_much_speech_is_told_of() -> None:
    events = stream(endless(5), ScriptedSequence(deltas=()))
    assert [each.code for each in of(events, StreamWarning)] == ["short_text"]
