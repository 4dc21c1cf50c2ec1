"""Streams on the starter, with the real detector and engine: barge-in, many targets, guards, load."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from tests.service.float_streams import F32, clip, converse, send
from tests.session.harness import check_contract, of, texts
from translate_svc.config import Settings
from translate_svc.engine.async_engine import AsyncEngine
from translate_svc.engine.plan import StepPlan
from translate_svc.engine.runner.model_runner import ModelRunner
from translate_svc.engine.step_result import StepResult
from translate_svc.errors import InvalidArgument, ResourceExhausted
from translate_svc.service import Service
from translate_svc.types import (
    ANONYMOUS,
    Cleared,
    ClearInput,
    Closed,
    EndInput,
    FinalizeInput,
    Inspect,
    Segmentation,
    SessionEvent,
    SpeechChunk,
    StreamConfig,
    StreamSettings,
    StreamWarning,
    TargetSettings,
    UtteranceDone,
    UtteranceStatus,
)

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def service() -> AsyncIterator[Service]:
    settings = Settings(model=str(ROOT / "model_cache" / "starter"), max_streams=2)
    async with Service.start(settings) as running:
        yield running


def _config(*targets: TargetSettings, **settings: object) -> StreamConfig:
    return StreamConfig(F32, F32, StreamSettings(targets, "eng", **settings))  # type: ignore[arg-type]


# ------------------------------------------------------------------ barge-in


async def test_clear_silences_a_stream_that_speaks(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """``Cleared`` comes with the received sample. The engine drops its requests in one step."""
    samples = np.concatenate([clip("eng_three"), clip("demo_eng")])
    session = await service.open_session(_config(TargetSettings("spa", duration_factor=2.0)), ANONYMOUS)
    stream = session.events()
    events: list[SessionEvent] = []
    try:
        await send(session, samples)
        while not of(events, SpeechChunk):
            events.append(await anext(stream))
        assert service.info().load.live_requests > 0, "there is something to silence"

        steps_at_abort = list[int]()
        abort = AsyncEngine.abort

        def counted_abort(engine: AsyncEngine, request_id: str) -> None:
            abort(engine, request_id)
            steps_at_abort.append(engine.steps)  # before it, the engine may continue while this thread waits

        monkeypatch.setattr(AsyncEngine, "abort", counted_abort)
        await session.receive(ClearInput())
        while not of(events, Cleared):
            events.append(await anext(stream))
        assert of(events, Cleared) == [Cleared(len(samples))]
        assert service.info().load.live_requests == 0
        while (load := service.info().load).busy_slots:  # noqa: ASYNC110  # its thread sets no event
            await asyncio.sleep(0.001)
        assert load.steps - steps_at_abort[-1] <= 1

        again = clip("eng_1")
        await send(session, again)
        await session.receive(EndInput(len(samples) + len(again)))
        events += [event async for event in stream]
    finally:
        await session.cancel()
    check_contract(events)
    cleared = {
        done.utterance_id for done in of(events, UtteranceDone) if done.status is UtteranceStatus.CLEARED
    }
    behind = events[events.index(of(events, Cleared)[0]) :]
    assert cleared
    assert not cleared & {chunk.utterance_id for chunk in of(events, SpeechChunk) if chunk.final}
    assert not cleared & {getattr(event, "utterance_id", None) for event in behind}
    assert of(behind, SpeechChunk), "what is said afterwards is translated"


# ------------------------------------------------------------------ many targets


async def test_two_targets_and_the_transcript_come_from_one_encoding(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute, slots = ModelRunner.execute, dict[int, int]()  # by ticket: an encoding may take several steps

    def counted(runner: ModelRunner, plan: StepPlan) -> StepResult:
        slots.update(
            {each.job_id: len(each.slots) for each in plan.encode if isinstance(each.source, np.ndarray)}
        )
        return execute(runner, plan)

    monkeypatch.setattr(ModelRunner, "execute", counted)
    both = (TargetSettings("spa"), TargetSettings("eng"))
    include = frozenset({Inspect.TRANSCRIPT})
    events = await converse(
        await service.open_session(_config(*both, include=include), ANONYMOUS), clip("demo_eng")
    )
    check_contract(events)
    utterances = len(of(events, UtteranceDone))
    assert utterances == 2
    assert list(slots.values()) == [3] * utterances
    alone = await converse(await service.open_session(_config(both[0]), ANONYMOUS), clip("demo_eng"))
    written, transcripts = texts(events), texts(events, transcript=True)
    for number in range(utterances):
        assert written[number, "spa"] == texts(alone)[number, "spa"]
        assert written[number, "eng"] == transcripts[number, "eng"]
    spoken = {(chunk.utterance_id, chunk.language) for chunk in of(events, SpeechChunk) if chunk.final}
    assert spoken == {(number, language) for number in range(utterances) for language in ("spa", "eng")}


async def test_targets_that_the_checkpoint_lacks_are_refused_by_their_field(service: Service) -> None:
    tags = ("eng", "spa", "fra", "deu", "ita", "por", "pol", "rus")
    with pytest.raises(InvalidArgument) as caught:
        await service.open_session(_config(*map(TargetSettings, tags)), ANONYMOUS)
    assert caught.value.field == "config.settings.targets[4].language"
    with pytest.raises(InvalidArgument) as caught:
        await service.open_session(_config(*[TargetSettings("spa")] * 8), ANONYMOUS)
    assert caught.value.field == "config.settings.targets[1].language"
    assert service.live_sessions == 0


# ------------------------------------------------------------------ guards and load


@pytest.mark.parametrize("name", ["silence", "noise"])
async def test_push_to_talk_without_a_word_yields_no_invented_text(service: Service, name: str) -> None:
    """Complaint 254 of SeamlessM4T's users: silence or noise yields invented text."""
    asked = service.info().load.finished_requests
    session = await service.open_session(
        _config(TargetSettings("spa"), segmentation=Segmentation.MANUAL), ANONYMOUS
    )
    events = await converse(session, clip(name), FinalizeInput())
    check_contract(events)
    assert [warning.code for warning in of(events, StreamWarning)] == ["no_speech"]
    assert [done.status for done in of(events, UtteranceDone)] == [UtteranceStatus.EMPTY]
    assert service.info().load.finished_requests == asked


@pytest.mark.parametrize("name", ["eng_1", "eng_noise"])
async def test_push_to_talk_with_words_is_translated(service: Service, name: str) -> None:
    samples = clip(name)
    config = _config(TargetSettings("spa"), segmentation=Segmentation.MANUAL)
    events = await converse(await service.open_session(config, ANONYMOUS), samples)
    assert of(events, StreamWarning) == []
    assert [done.status for done in of(events, UtteranceDone)] == [UtteranceStatus.OK]


async def test_the_load_counts_what_was_done(service: Service) -> None:
    before = service.info().load
    targets = (TargetSettings("spa"), TargetSettings("eng", speech=False))
    sessions = [await service.open_session(_config(*targets), ANONYMOUS) for _ in range(2)]
    with pytest.raises(ResourceExhausted):
        await service.open_session(_config(*targets), ANONYMOUS)
    assert service.info().load.live_streams == 2
    conversations = [
        converse(session, clip(name)) for session, name in zip(sessions, ("eng_two", "demo_eng"), strict=True)
    ]
    usages = [of(events, Closed)[0].usage for events in await asyncio.gather(*conversations)]
    after = service.info().load
    assert (after.admitted - before.admitted, after.rejected - before.rejected) == (2, 1)
    done = sum(usage.utterances for usage in usages)
    assert done >= 3
    assert after.finished_requests - before.finished_requests == done
    assert after.failed_requests == before.failed_requests
    assert after.text_tokens - before.text_tokens == sum(usage.text_tokens for usage in usages)
    assert after.steps - before.steps > 10
    for field in ("source_ms", "speech_ms"):
        counted = getattr(after, field) - getattr(before, field)
        assert counted == pytest.approx(sum(getattr(usage, field) for usage in usages), abs=1 + done)
        assert counted > 3_000
    assert (after.live_streams, after.live_requests, after.waiting_requests, after.busy_slots) == (0, 0, 0, 0)
    assert after.slots == Settings().max_slots
    assert after.uptime_ms >= before.uptime_ms > 0
    assert service.info().limits.max_unacknowledged == 1_024
