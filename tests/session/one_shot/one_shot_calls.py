"""Calls of Translate that the tests of them share."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import numpy as np

from tests.session.harness import RATE_HZ, of
from tests.virtual_time import virtual_time
from translate_svc.types import (
    AudioClip,
    AudioFormat,
    Encoding,
    Samples,
    SessionEvent,
    TargetSettings,
    TranslateRequest,
    UtteranceDone,
)

S16 = AudioFormat(Encoding.PCM_S16LE, RATE_HZ)
SPANISH = (TargetSettings("es"),)


def play(scenario: Coroutine[Any, Any, None]) -> None:
    with virtual_time() as runner:
        runner.run(scenario)


def text_call(text: str = "Good morning.", **changes: Any) -> TranslateRequest:
    return replace(TranslateRequest(text, SPANISH, S16, source_language="en"), **changes)


def clip_call(samples: Samples, rate_hz: int = RATE_HZ, **changes: Any) -> TranslateRequest:
    data = np.rint(samples * 32_767).astype("<i2").tobytes()
    clip = AudioClip(AudioFormat(Encoding.PCM_S16LE, rate_hz), data)
    return replace(TranslateRequest(clip, SPANISH, S16), **changes)


def done(events: list[SessionEvent]) -> UtteranceDone:
    """The last event, and the only one of its kind."""
    assert len(of(events, UtteranceDone)) == 1
    assert isinstance(events[-1], UtteranceDone)
    return events[-1]
