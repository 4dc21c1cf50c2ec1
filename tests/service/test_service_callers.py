"""A service holds each caller to its limits, and nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from tests.tiny_checkpoint import build_tiny_checkpoint
from translate_svc.config import Settings
from translate_svc.errors import OutOfRange, PermissionDenied, ResourceExhausted
from translate_svc.observability.labels import PREFIX
from translate_svc.observability.metrics import Metrics
from translate_svc.service import Service
from translate_svc.session.session import Session
from translate_svc.types import (
    AudioClip,
    AudioFormat,
    AudioInput,
    Caller,
    CallerLimits,
    Encoding,
    Opened,
    StreamConfig,
    StreamSettings,
    TargetSettings,
    TranslateRequest,
    UpdateInput,
)

PCM = AudioFormat(Encoding.PCM_S16LE, 16_000)
SPANISH, FRENCH = TargetSettings("spa", speech=False), TargetSettings("fra", speech=False)
CONFIG = StreamConfig(PCM, PCM, StreamSettings((SPANISH,), "eng"))
BOTH = StreamSettings((SPANISH, FRENCH), "eng")
SECOND = AudioInput(bytes(2 * 16_000))
TEXT = TranslateRequest("Good morning.", (SPANISH,), PCM, "eng")
CLIP = TranslateRequest(AudioClip(PCM, bytes(3 * 2 * 16_000)), (SPANISH,), PCM, "eng")

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def metrics() -> Metrics:
    return Metrics()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def service(metrics: Metrics, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    checkpoint = build_tiny_checkpoint(tmp_path_factory.mktemp("model") / "tiny")
    settings = Settings(model=str(checkpoint), max_streams=8, measure_capacity=False)
    async with Service.start(settings, metrics=metrics) as running:
        yield running


def caller(name: str, **limits: Any) -> Caller:
    return Caller(name, "free", CallerLimits(**limits))


async def test_a_stream_is_resumed_where_it_is_the_only_one(service: Service) -> None:
    alice = caller("alice", max_streams=1)
    first = await service.open_session(CONFIG, alice)
    opened = await anext(aiter(first.events()))
    assert isinstance(opened, Opened)
    again = await service.open_session(replace(CONFIG, resume_token=opened.resume_token), alice)
    with pytest.raises(ResourceExhausted):
        await service.open_session(CONFIG, alice)
    for each in (first, again):
        await each.cancel()
    await (await service.open_session(CONFIG, alice)).cancel()


async def test_targets_are_bounded_also_in_an_update(service: Service) -> None:
    alice = caller("alice", max_targets=1)
    with pytest.raises(OutOfRange) as refused:
        await service.open_session(replace(CONFIG, settings=BOTH), alice)
    assert refused.value.field == "config.settings.targets"
    with pytest.raises(OutOfRange, match="more than 1 entries"):
        await service.translate(replace(TEXT, targets=BOTH.targets), alice)
    stream = await service.open_session(CONFIG, alice)
    with pytest.raises(OutOfRange) as refused:
        await stream.receive(UpdateInput(BOTH))
    assert refused.value.field == "update.settings.targets"
    await stream.cancel()
    await (await service.open_session(replace(CONFIG, settings=BOTH), caller("bob"))).cancel()


async def test_a_model_that_a_caller_may_not_use(service: Service) -> None:
    alice = caller("alice", models=frozenset({"another"}))
    for attempt in (
        lambda: service.open_session(CONFIG, alice),
        lambda: service.translate(TEXT, alice),
        lambda: service.check_admission(alice),
    ):
        with pytest.raises(PermissionDenied):
            await attempt()
    own = caller("alice", models=frozenset({service.info().model.name}))
    await (await service.open_session(CONFIG, own)).cancel()


async def _sent(stream: Session, seconds: int) -> int:
    """How many seconds of audio ``stream`` takes."""
    for second in range(seconds):
        try:
            await stream.receive(SECOND)
        except ResourceExhausted:
            return second
    return seconds


async def _read(stream: Session) -> None:
    """Takes what the stream says, as its client would."""
    async for _ in stream.events():
        pass


async def test_all_streams_of_a_caller_use_the_same_audio(service: Service) -> None:
    alice, bob = (caller(name, audio_s_per_minute=6.0, audio_burst_s=6.0) for name in ("carol", "dave"))
    streams = one, two, other = [await service.open_session(CONFIG, each) for each in (alice, alice, bob)]
    readers = [asyncio.create_task(_read(each)) for each in streams]
    assert await _sent(one, 4) == 4
    assert await _sent(two, 4) in (2, 3), "audio comes back while it is sent"
    assert await _sent(one, 1) == 0
    with pytest.raises(ResourceExhausted):
        await service.open_session(CONFIG, alice)
    assert await _sent(other, 4) == 4
    for each in streams:
        await each.cancel()
    await asyncio.gather(*readers)


async def test_what_was_heard_is_finished_before_the_stream_ends(service: Service) -> None:
    frank = caller("frank", audio_s_per_minute=6.0, audio_burst_s=3.0)
    stream = await service.open_session(CONFIG, frank)
    reader = asyncio.create_task(_read(stream))
    assert await _sent(stream, 5) in (3, 4)
    assert stream.queued_s == 0
    await stream.cancel()
    await reader


async def test_a_clip_counts_and_is_refused_before_it_is_read(service: Service) -> None:
    erin = caller("erin", audio_s_per_minute=2.0, audio_burst_s=2.0)
    await service.check_admission(erin)
    call = await service.translate(CLIP, erin)
    assert [event async for event in call.events()]
    await call.cancel()
    with pytest.raises(ResourceExhausted, match="2 s of audio a minute"):
        await service.check_admission(erin)
    with pytest.raises(ResourceExhausted):
        await service.translate(TEXT, erin)


async def test_metrics_know_classes_and_no_names(service: Service, metrics: Metrics) -> None:
    grace = Caller("grace", "partner", CallerLimits(max_streams=1))
    stream = await service.open_session(CONFIG, grace)
    await stream.receive(SECOND)
    with pytest.raises(ResourceExhausted):
        await service.open_session(CONFIG, grace)
    await stream.cancel()

    def count(name: str) -> float | None:
        return metrics.registry.get_sample_value(f"{PREFIX}caller_{name}_total", {"class": "partner"})

    assert (count("admitted"), count("audio_seconds"), count("streams_limited")) == (1, 1, 1)
    assert not any(
        "grace" in str(sample.labels) for family in metrics.registry.collect() for sample in family.samples
    )
