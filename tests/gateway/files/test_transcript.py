"""What an answer of texts alone says of what has no text."""

from __future__ import annotations

import asyncio

from translate_svc.gateway.files.transcript import Transcript
from translate_svc.types import (
    NO_SPEECH,
    EndReason,
    SampleRange,
    SessionEvent,
    SpeechEnded,
    SpeechStarted,
    StreamWarning,
    TokenInfo,
    Usage,
    UtteranceDone,
    UtteranceStatus,
)

_WHERE = SampleRange(8_000, 24_000)
_STARTED = SpeechStarted(0, 8_000, 9_000)
_ENDED = SpeechEnded(0, _WHERE, EndReason.SILENCE)
_EMPTY = UtteranceDone(0, _WHERE, UtteranceStatus.EMPTY, Usage())


def _codes(*events: SessionEvent) -> list[tuple[str, float, float]]:
    async def send() -> Transcript:
        transcript = Transcript(16_000, ("Latn",), _ignore)
        for event in events:
            await transcript.send(event)
        return transcript

    told = asyncio.run(send()).warnings(None)
    return [(each["code"], each["start"], each["end"]) for each in told]


async def _ignore(delta: str, tokens: tuple[TokenInfo, ...]) -> None:
    del delta, tokens


def test_something_said_without_a_text_is_told() -> None:
    assert _codes(_STARTED, _ENDED, _EMPTY) == [("no_text", 0.5, 1.5)]


def test_what_was_warned_of_already_is_told_once() -> None:
    for code in ("short_text", NO_SPEECH):
        warning = StreamWarning(code, "", 0)
        assert _codes(_STARTED, _ENDED, warning, _EMPTY) == [(code, 0.5, 1.5)]


def test_warnings_are_in_the_order_of_the_speech_not_of_the_engine() -> None:
    later = SampleRange(32_000, 48_000)
    events = (
        *(_STARTED, _ENDED, SpeechStarted(1, 32_000, 33_000), SpeechEnded(1, later, EndReason.SILENCE)),
        *(StreamWarning("short_text", "", 1), _EMPTY),
    )
    assert _codes(*events) == [("no_text", 0.5, 1.5), ("short_text", 2.0, 3.0)]
