"""Nobody pauses: the language that was heard, where another one is asked for or spoken."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from tests.service.float_streams import F32, clip
from tests.session.harness import check_contract, chunks, converse, of
from translate_svc.config import Settings
from translate_svc.service import Service
from translate_svc.types import (
    ANONYMOUS,
    AUTO,
    AudioFormat,
    Echo,
    Encoding,
    EndReason,
    LanguageDetected,
    Samples,
    SessionEvent,
    SimultaneousSettings,
    SpeechChunk,
    SpeechEnded,
    StreamConfig,
    StreamSettings,
    TargetSettings,
    TextDelta,
    UpdateInput,
)

STARTER = str(Path(__file__).resolve().parents[2] / "model_cache" / "starter")
S16 = AudioFormat(Encoding.PCM_S16LE, 16_000)
PASSED = StreamSettings(
    (TargetSettings("spa"), TargetSettings("eng")),
    AUTO,
    source_candidates=("eng", "spa"),
    echo=Echo.PASS,
    simultaneous=SimultaneousSettings(max_buffer_ms=5_000),
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def service() -> AsyncIterator[Service]:
    async with Service.start(Settings(model=STARTER, max_streams=8)) as running:
        yield running


def without_pauses(*names: str) -> Samples:
    """Recordings, one close behind the other: ``[n]`` at 16 kHz."""
    parts = []
    for name in names:
        loud = np.flatnonzero(np.abs(clip(name)) > 0.02)
        parts.append(clip(name)[max(0, loud[0] - 1_200) : loud[-1] + 1_200])
    return np.concatenate(parts)


async def hear(
    service: Service, settings: StreamSettings, *parts: Samples | UpdateInput
) -> list[SessionEvent]:
    session = await service.open_session(StreamConfig(S16, F32, settings), ANONYMOUS)
    messages = [each for part in parts for each in (chunks(part) if isinstance(part, np.ndarray) else [part])]
    events = await converse(session, messages)
    check_contract(events)
    assert EndReason.CONTINUED in {each.reason for each in of(events, SpeechEnded)}
    return events


async def test_a_language_that_is_named_counts_at_once(service: Service) -> None:
    """What was heard before does not: one half of the server took the sound for that."""
    named = replace(PASSED, source_language="eng", source_candidates=())
    spanish, english = without_pauses("spa_two"), without_pauses("eng_1", "eng_three", "eng_two")
    events = await hear(service, PASSED, spanish, UpdateInput(named), english)
    last = max(each.utterance_id for each in of(events, SpeechEnded))
    spoken = {each.language for each in of(events, SpeechChunk) if each.utterance_id == last}
    assert spoken == {"spa", "eng"}


async def test_a_text_that_goes_on_in_the_language_that_is_spoken_has_an_end(service: Service) -> None:
    before = replace(PASSED, source_language="eng", source_candidates=(), echo=Echo.TEXT)
    silent = replace(PASSED, echo=Echo.SILENT)
    said = without_pauses("eng_three"), without_pauses("eng_1", "eng_three", "eng_two")
    events = await hear(service, before, said[0], UpdateInput(silent), said[1])
    begun = {(each.utterance_id, each.language) for each in of(events, TextDelta)}
    ended = {(each.utterance_id, each.language) for each in of(events, TextDelta) if each.final}
    assert begun == ended
    assert len([each for each in begun if each[1] == "eng"]) > 1


async def test_who_speaks_another_language_without_a_pause_is_not_heard_for_sure(service: Service) -> None:
    said = without_pauses("spa_two", "eng_three", "eng_two")
    *_, last = of(await hear(service, replace(PASSED, echo=Echo.TEXT), said), LanguageDetected)
    assert (last.language, last.sure) == ("spa", False)
