"""The level of the microphone and the lag of the speech, as they are shown."""

from __future__ import annotations

import numpy as np
import pytest

from translate_svc.cli.output.live_meter import LiveMeter
from translate_svc.types import SampleRange, SpeechChunk


def test_the_level_rises_at_once_and_falls_slowly() -> None:
    meter = LiveMeter()
    assert "quiet" in meter.__rich__().plain
    meter.hear(np.full(320, 0.1, np.float32))
    assert meter.level_db == pytest.approx(-20)
    assert "-20 dB" in meter.__rich__().plain
    assert meter.__rich__().plain.count("█") == 16, "two thirds of 24, from -60 dB"
    meter.hear(np.zeros(320, np.float32))
    assert -23 < meter.level_db < -20
    for _ in range(60):
        meter.hear(np.zeros(320, np.float32))
    assert "quiet" in meter.__rich__().plain
    meter.hear(np.zeros(0, np.float32))
    meter.hear(np.ones(320, np.float32))
    assert "█" * 24 in meter.__rich__().plain


def test_the_lag_is_that_of_the_last_chunk() -> None:
    meter = LiveMeter()
    assert "behind" not in meter.__rich__().plain
    meter.play(SpeechChunk(0, SampleRange(0, 1), "spa", 0, b"", False, output_lag_ms=1_240))
    assert "speech is 1.2 s behind" in meter.__rich__().plain
