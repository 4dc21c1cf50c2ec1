"""Every ``speech_started`` is followed by exactly one ``speech_ended``, however the utterance ends."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from tests.session.harness import RATE_HZ, check_contract, collect, config, house, of, speak, speech
from tests.virtual_time import virtual_time
from translate_svc.types import (
    ClearInput,
    EndInput,
    EndReason,
    FinalizeInput,
    Segmentation,
    SpeechEnded,
    SpeechStarted,
)


def play(scenario: Coroutine[Any, Any, None], *, executor_s: float = 0.0) -> None:
    with virtual_time(executor_s) as runner:
        runner.run(scenario)


@pytest.mark.parametrize("segmentation", Segmentation)
@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("clear", EndReason.CLEARED),
        ("finalize", EndReason.FINALIZE),
        ("end", EndReason.END_OF_STREAM),
        ("half-close", EndReason.END_OF_STREAM),
        ("go on", EndReason.MAX_LENGTH),
    ],
)
def test_every_start_is_followed_by_one_cut(segmentation: Segmentation, how: str, reason: EndReason) -> None:
    async def scenario() -> None:
        async with house() as home:
            session = home.open(config(segmentation=segmentation))
            reader = asyncio.create_task(collect(session))
            seconds = 20 if how == "go on" else 1
            await speak(session, speech(seconds))
            if how == "clear":
                await session.receive(ClearInput())
            elif how == "finalize":
                await session.receive(FinalizeInput())
            elif how == "half-close":
                await session.half_close()
            if how != "half-close":
                await session.receive(EndInput(seconds * RATE_HZ))
            events = await reader
        check_contract(events)
        if segmentation is Segmentation.HINDSIGHT and how == "clear":
            assert not of(events, SpeechStarted)  # nothing is told before it is known whole
            return
        assert of(events, SpeechEnded)[0].reason is reason

    play(scenario())
