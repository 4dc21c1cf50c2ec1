"""A client may stop right behind the last word (a button, a file, a synthesizer) and is heard to the end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from tests.clips import texts
from tests.service.float_streams import clip
from tests.session.harness import chunks, converse, of
from tests.session.harness import texts as written
from translate_svc.config import Settings
from translate_svc.service import Service
from translate_svc.types import (
    ANONYMOUS,
    FRAME_SAMPLES,
    AudioFormat,
    Encoding,
    Inspect,
    Samples,
    Segmentation,
    SimultaneousSettings,
    StreamConfig,
    StreamSettings,
    TargetSettings,
    TextDelta,
    UtteranceDone,
)

SETTINGS = Settings(model=str(Path(__file__).resolve().parents[2] / "model_cache" / "starter"))
S16 = AudioFormat(Encoding.PCM_S16LE, 16_000)
AUDIBLE = 0.02
"""Of the loudest sample."""

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def service() -> AsyncIterator[Service]:
    async with Service.start(SETTINGS) as running:
        yield running


def cut_off(name: str) -> Samples:
    """A clip that begins and ends with an audible sample."""
    samples = clip(name)
    audible = np.flatnonzero(np.abs(samples) > AUDIBLE * np.abs(samples).max())
    return samples[audible[0] : audible[-1] + 1]


async def transcript(
    service: Service, samples: Samples, language: str, simultaneous: SimultaneousSettings | None = None
) -> str:
    """Of one utterance; checks that nothing but the model has heard the padding."""
    said = StreamSettings(
        (TargetSettings("fra", speech=False),),
        source_language=language,
        include=frozenset({Inspect.TRANSCRIPT, Inspect.TOKENS}),
        segmentation=Segmentation.MANUAL,
        simultaneous=simultaneous,
    )
    session = await service.open_session(StreamConfig(S16, S16, said), ANONYMOUS)
    events = await converse(session, chunks(samples))
    (done,) = of(events, UtteranceDone)
    assert done.usage.source_ms == len(samples) // 16, "what was sent, and no padding"
    deltas = of(events, TextDelta)
    times_ms = [token.source_ms for each in deltas if each.transcript for token in each.tokens]
    assert max(each or 0 for each in times_ms) <= done.usage.source_ms
    return written(events, transcript=True).get((done.utterance_id, language), "")


@pytest.mark.parametrize("name", ["eng_1", "demo_spa", "deu_1"])
@pytest.mark.parametrize("simultaneous", [None, SimultaneousSettings()], ids=["whole", "simultaneous"])
async def test_the_last_word_is_heard(
    service: Service, name: str, simultaneous: SimultaneousSettings | None
) -> None:
    language = name.removeprefix("demo_")[:3]
    assert await transcript(service, cut_off(name), language, simultaneous) == texts(name)[language]


async def test_without_the_padding_the_starter_waits_for_more() -> None:
    async with Service.start(replace(SETTINGS, tail_padding_ms=0)) as service:
        said = await transcript(service, cut_off("demo_spa"), "spa")
    assert texts("demo_spa")["spa"].startswith(said)
    assert len(said) < len(texts("demo_spa")["spa"]), "the other test could not fail"


@pytest.mark.parametrize("simultaneous", [None, SimultaneousSettings()], ids=["whole", "simultaneous"])
async def test_the_longest_utterance_has_room_for_it(simultaneous: SimultaneousSettings | None) -> None:
    clip, longest_ms = cut_off("deu_1"), 4_000
    samples = np.concatenate((np.zeros(longest_ms * 16 - FRAME_SAMPLES - len(clip), np.float32), clip))
    settings = replace(SETTINGS, max_utterance_ms=longest_ms, tail_padding_ms=1_000, max_source_tokens=8)
    async with Service.start(settings) as service:
        assert await transcript(service, samples, "deu", simultaneous) == texts("deu_1")["deu"]
