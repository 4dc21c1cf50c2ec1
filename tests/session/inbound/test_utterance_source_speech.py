"""Real speech through the real detector: every word lands in an utterance, noise and silence in none."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.session.source_driver import Driver, comparable, heard_by
from translate_svc.audio.files import read_audio
from translate_svc.audio.resampler import resample
from translate_svc.session.inbound.source_events import Utterance
from translate_svc.session.inbound.utterance_source import UtteranceSource
from translate_svc.session.vad_loop import VadLoop
from translate_svc.types import Samples
from translate_svc.vad.frame_vad import VadFrame
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


async def test_streams_at_once_give_what_each_gives_alone(vad: SileroVad) -> None:
    audio = [read_audio(DATA / clip["file"])[0] for clip in CLIPS[:8]]

    async def speak(loop: VadLoop, samples: Samples) -> list[Utterance]:
        source, stream, utterances = UtteranceSource(16_000, heard_by(VadOptions())), loop.open_stream(), []
        for chunk in np.array_split(samples, 40):
            source.push(chunk)
            while (step := source.step()) is not None:
                if isinstance(step, VadFrame):
                    source.push_probability(await stream.probability(step))
                elif isinstance(step, Utterance):
                    utterances.append(step)
        return utterances

    async with VadLoop(vad) as loop:
        together = await asyncio.gather(*(speak(loop, samples) for samples in audio))
    for samples, utterances in zip(audio, together, strict=True):
        alone = Driver(UtteranceSource(16_000, heard_by(VadOptions())), vad)
        alone.push(samples, [320])
        assert comparable(utterances) == comparable(alone.utterances)
