"""Real speech through the real detector: every word lands in an utterance, noise and silence in none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.session.source_driver import Driver, comparable, heard_by
from translate_svc.audio.files import read_audio
from translate_svc.audio.resampler import resample
from translate_svc.session.inbound.utterance_source import UtteranceSource
from translate_svc.types import Samples
from translate_svc.vad.options import VadOptions
from translate_svc.vad.silero import SileroVad

DATA = Path(__file__).parents[2] / "data"
CLIPS: list[dict[str, Any]] = json.loads((DATA / "clips.json").read_text())["clips"]


@pytest.fixture(scope="module")
def vad() -> SileroVad:
    return SileroVad()


def listen(vad: SileroVad, samples: Samples, rate_hz: int, chunk_ms: int = 20) -> Driver:
    driver = Driver(UtteranceSource(rate_hz, heard_by(VadOptions())), vad)
    driver.push(samples, [rate_hz * chunk_ms // 1000])
    driver.source.end()
    driver.pull()
    return driver


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 48_000])
@pytest.mark.parametrize("clip", CLIPS, ids=lambda clip: clip["file"])
def test_every_word_is_in_an_utterance(vad: SileroVad, clip: dict[str, Any], rate_hz: int) -> None:
    samples, own_rate_hz = read_audio(DATA / clip["file"])
    utterances = listen(vad, resample(samples, own_rate_hz, rate_hz), rate_hz).utterances
    ranges_ms = [(u.source.start * 1000 / rate_hz, u.source.end * 1000 / rate_hz) for u in utterances]
    spoken = [part for sentence in clip["sentences"] for part in sentence["words"] or [sentence]]
    for part in spoken:
        assert any(start <= part["start_ms"] and part["end_ms"] <= end for start, end in ranges_ms), part
    assert bool(utterances) == bool(spoken)
    assert len(utterances) <= len(clip["sentences"])


def test_chunks_never_show(vad: SileroVad) -> None:
    samples, rate_hz = read_audio(DATA / "demo_eng.flac")
    small, large = (listen(vad, samples, rate_hz, chunk_ms) for chunk_ms in (7, 3_000))
    assert comparable(small.events) == comparable(large.events)
    assert len(small.utterances) == 2
