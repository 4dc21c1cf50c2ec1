"""Admission of a service: while live streams have a backlog, no other stream is admitted."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.tiny_checkpoint import build_tiny_checkpoint
from translate_svc.config import Settings
from translate_svc.engine.async_engine import AsyncEngine
from translate_svc.engine.handle import Deliver
from translate_svc.engine.plan import StepPlan
from translate_svc.engine.request import Request
from translate_svc.engine.runner.model_runner import ModelRunner
from translate_svc.engine.step_result import StepResult
from translate_svc.errors import ResourceExhausted
from translate_svc.service import Service
from translate_svc.session.capacity.estimate import CapacityEstimate
from translate_svc.session.options import SessionOptions
from translate_svc.session.vad_loop import VadLoop
from translate_svc.types import (
    ANONYMOUS,
    AudioFormat,
    AudioInput,
    Caller,
    Encoding,
    Opened,
    SilenceInput,
    StreamConfig,
    StreamSettings,
    TargetSettings,
    TranslateRequest,
)

S16 = AudioFormat(Encoding.PCM_S16LE, 16_000)
TARGETS = (TargetSettings("spa", speech=False),)
CONFIG = StreamConfig(S16, S16, StreamSettings(TARGETS, "eng"))
SECOND = AudioInput(bytes(2 * 16_000))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_checkpoint(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture
async def service(checkpoint: Path) -> AsyncIterator[Service]:
    settings = Settings(
        model=str(checkpoint),
        max_streams=8,
        max_slots=2,
        max_waiting_requests=2,
        max_queued_input_total_ms=6_000,
    )
    async with Service.start(settings) as running:
        yield running


async def test_audio_that_waits_to_be_heard_keeps_others_out(service: Service) -> None:
    """Nothing here waits before it is done, so no session hears anything meanwhile."""
    one, other = [await service.open_session(CONFIG, ANONYMOUS) for _ in range(2)]
    for session, seconds in ((one, 3), (other, 2)):
        for _ in range(seconds):
            await session.receive(SECOND)
    third = await service.open_session(CONFIG, ANONYMOUS)
    await other.receive(SECOND)
    for admit in (
        lambda: service.open_session(CONFIG, ANONYMOUS),
        lambda: service.translate(_text(), ANONYMOUS),
    ):
        with pytest.raises(ResourceExhausted, match="6000 ms of audio wait") as refusal:
            await admit()
        assert refusal.value.retry_after_s > 0
    for session in (one, other, third):
        await session.cancel()
    await (await service.open_session(CONFIG, ANONYMOUS)).cancel()


async def test_an_hour_of_silence_in_one_message_refuses_no_other_stream(service: Service) -> None:
    quiet = await service.open_session(CONFIG, ANONYMOUS)
    await quiet.receive(SilenceInput(3_600 * 16_000))
    assert quiet.queued_s == 3_600
    await (await service.open_session(CONFIG, ANONYMOUS)).cancel()


async def test_requests_that_wait_for_the_engine_keep_others_out(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new call is then refused, and admitted once the queue has become shorter."""
    going = threading.Event()
    execute = ModelRunner.execute

    def halted(runner: ModelRunner, plan: StepPlan) -> StepResult:
        going.wait()
        return execute(runner, plan)

    monkeypatch.setattr(ModelRunner, "execute", halted)
    calls = [await service.translate(_text(), ANONYMOUS) for _ in range(2)]
    async with asyncio.timeout(60):
        while service.info().load.waiting_requests < 2:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.005)
    with pytest.raises(ResourceExhausted, match="2 requests wait for the engine"):
        await service.open_session(CONFIG, ANONYMOUS)
    going.set()
    for call in calls:
        assert [event async for event in call.events()]
    await (await service.open_session(CONFIG, ANONYMOUS)).cancel()


async def test_no_more_are_admitted_than_the_engine_keeps_up_with(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert service.info().load.stream_capacity == 8, "nothing was measured yet"
    one, other = [await service.open_session(CONFIG, ANONYMOUS) for _ in range(2)]
    for name in ("units", "sustained"):
        monkeypatch.setattr(CapacityEstimate, name, 2.0)
    for admit in (
        lambda: service.open_session(CONFIG, ANONYMOUS),
        lambda: service.translate(_text(), ANONYMOUS),
    ):
        with pytest.raises(ResourceExhausted, match="keeps up with 2 streams, and 2 are open") as refusal:
            await admit()
        assert refusal.value.retry_after_s > 0
    assert service.info().load.stream_capacity == service.snapshot().streams_capacity == 2
    assert service.not_ready_reason == "", "full, but well"
    await one.cancel()
    await (await service.open_session(CONFIG, ANONYMOUS)).cancel()
    await other.cancel()


async def test_a_stream_that_is_resumed_takes_its_own_place(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await service.open_session(CONFIG, ANONYMOUS)
    opened = await anext(session.events())
    assert isinstance(opened, Opened)
    other = await service.open_session(CONFIG, ANONYMOUS)
    monkeypatch.setattr(CapacityEstimate, "units", 1.0)
    resumed = await service.open_session(replace(CONFIG, resume_token=opened.resume_token), ANONYMOUS)
    for each in (session, other, resumed):
        await each.cancel()


async def test_a_server_that_falls_behind_is_not_ready(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CapacityEstimate, "keeps_up", False)
    assert "does not keep up" in service.not_ready_reason
    assert service.refusal is None, "and goes on with those inside"
    assert not service.snapshot().ready


async def test_each_caller_has_a_share_of_the_engine_and_each_anonymous_stream(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares: list[str] = []
    submit = AsyncEngine.submit

    def record(engine: AsyncEngine, request: Request, deliver: Deliver) -> None:
        shares.append(request.caller)
        submit(engine, request, deliver)

    monkeypatch.setattr(AsyncEngine, "submit", record)
    for caller in (Caller("alice"), Caller("alice"), ANONYMOUS, ANONYMOUS):
        call = await service.translate(_text(), caller)
        assert [event async for event in call.events()]
    alice, again, one, other = shares
    assert alice == again
    assert len({alice, one, other}) == 3


async def test_a_server_whose_detector_fails_is_not_ready(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert service.not_ready_reason == ""
    monkeypatch.setattr(VadLoop, "is_failing", True)
    assert service.not_ready_reason == "the voice activity detector fails"
    assert service.refusal is None


async def test_the_limits_are_told(service: Service) -> None:
    limits, options = service.info().limits, SessionOptions()
    assert (limits.max_streams, limits.max_waiting_requests) == (8, 2)
    assert limits.max_queued_input_total_ms == 6_000
    assert limits.max_queued_input_ms == options.max_queued_input_ms
    assert limits.max_live_requests > 0


def _text() -> TranslateRequest:
    return TranslateRequest(source="good", source_language="eng", targets=TARGETS, output=S16)
