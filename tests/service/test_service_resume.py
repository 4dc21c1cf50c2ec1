"""Resume tokens at the service: whom they serve, and what becomes of the older session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from translate_svc.access.resume_tokens import new_resume_key
from translate_svc.config import Settings
from translate_svc.errors import InvalidArgument, ResourceExhausted, Superseded, TranslateSvcError
from translate_svc.observability.labels import PREFIX
from translate_svc.observability.metrics import Metrics
from translate_svc.service import Service
from translate_svc.types import (
    ANONYMOUS,
    AudioFormat,
    Caller,
    Encoding,
    Inspect,
    Opened,
    StreamConfig,
    StreamSettings,
    TargetSettings,
)

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = Settings(model=str(ROOT / "model_cache" / "starter"), max_streams=1)
PCM = AudioFormat(Encoding.PCM_S16LE, 16_000)
CONFIG = StreamConfig(PCM, PCM, StreamSettings((TargetSettings("spa"),), source_language="eng"))

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def metrics() -> Metrics:
    return Metrics()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def service(metrics: Metrics) -> AsyncIterator[Service]:
    async with Service.start(SETTINGS, metrics=metrics) as running:
        yield running


async def _opened(service: Service, config: StreamConfig, caller: Caller = ANONYMOUS) -> Opened:
    """What a new session tells first."""
    session = await service.open_session(config, caller)
    event = await anext(aiter(session.events()))
    await session.cancel()
    assert isinstance(event, Opened)
    return event


async def _refused(service: Service, config: StreamConfig, caller: Caller = ANONYMOUS) -> TranslateSvcError:
    with pytest.raises(TranslateSvcError) as refused:
        await service.open_session(config, caller)
    assert service.live_sessions == 0
    return refused.value


async def test_a_token_opens_the_same_stream(service: Service, metrics: Metrics) -> None:
    first = await _opened(service, CONFIG)
    again = await _opened(service, replace(CONFIG, resume_token=first.resume_token))
    assert again.config == first.config
    assert again.config.resume_token == b""
    assert again.session_id != first.session_id
    assert again.resume_token != first.resume_token
    assert metrics.registry.get_sample_value(f"{PREFIX}streams_resumed_total") == 1


async def test_the_settings_of_the_token_hold_whatever_the_configuration_says(service: Service) -> None:
    first = await _opened(service, CONFIG)
    others = StreamSettings((TargetSettings("fra"),), "eng", frozenset({Inspect.TRANSCRIPT}))
    again = await _opened(service, replace(CONFIG, settings=others, resume_token=first.resume_token))
    assert again.config.settings == first.config.settings


async def test_a_token_is_refused_by_its_field(service: Service) -> None:
    token = (await _opened(service, CONFIG, Caller("alice"))).resume_token
    altered = bytes([*token[:-1], token[-1] ^ 1])
    resumed = replace(CONFIG, resume_token=token)
    for config, caller, says in (
        (replace(CONFIG, resume_token=altered), "alice", "cannot be read"),
        (replace(CONFIG, resume_token=b"token"), "alice", "cannot be read"),
        (resumed, "bob", "another caller"),
        (replace(resumed, input=replace(PCM, sample_rate_hz=8_000)), "alice", "other formats"),
        (replace(resumed, output=AudioFormat(Encoding.MULAW, 8_000)), "alice", "other formats"),
    ):
        error = await _refused(service, config, Caller(caller))
        assert isinstance(error, InvalidArgument)
        assert error.field == "config.resume_token"
        assert says in error.description
    await _opened(service, resumed, Caller("alice"))


async def test_fields_that_need_a_token_are_refused_without_one(service: Service) -> None:
    for field in ("resume_from_sample", "resume_utterance_id"):
        error = await _refused(service, replace(CONFIG, **{field: 7}))  # type: ignore[arg-type]
        assert error.field == f"config.{field}"


async def test_a_newer_session_ends_the_older_one_and_takes_its_place(service: Service) -> None:
    """The server is full: the older session's place is the only one."""
    old = await service.open_session(CONFIG, ANONYMOUS)
    events = aiter(old.events())
    opened = await anext(events)
    assert isinstance(opened, Opened)
    with pytest.raises(ResourceExhausted):
        await service.open_session(CONFIG, ANONYMOUS)
    new = await service.open_session(replace(CONFIG, resume_token=opened.resume_token), ANONYMOUS)
    with pytest.raises(Superseded):
        await anext(events)
    assert service.live_sessions == 1
    await old.cancel()
    newest = await anext(aiter(new.events()))
    assert isinstance(newest, Opened)
    third = await service.open_session(replace(CONFIG, resume_token=newest.resume_token), ANONYMOUS)
    with pytest.raises(InvalidArgument, match="resumed since") as refused:
        await service.open_session(replace(CONFIG, resume_token=opened.resume_token), ANONYMOUS)
    assert refused.value.field == "config.resume_token"
    assert third.live
    for session in (new, third):
        await session.cancel()
    assert service.live_sessions == 0


async def test_servers_that_share_keys_take_each_others_streams(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text(new_resume_key() + "\n")
    shared = replace(SETTINGS, resume_keys=str(keys))
    async with Service.start(shared) as one, Service.start(shared) as other, Service.start(SETTINGS) as alone:
        token = (await _opened(one, CONFIG)).resume_token
        await _opened(other, replace(CONFIG, resume_token=token))
        assert "has other keys" in (await _refused(alone, replace(CONFIG, resume_token=token))).description


async def test_a_token_expires(tmp_path: Path) -> None:
    async with Service.start(replace(SETTINGS, resume_lifetime_s=1.0)) as service:
        token = (await _opened(service, CONFIG)).resume_token
        await asyncio.sleep(2.1)  # a token's time is in whole seconds
        assert "expired" in (await _refused(service, replace(CONFIG, resume_token=token))).description


async def test_keys_that_cannot_be_used_are_found_before_a_model_is_loaded(tmp_path: Path) -> None:
    wrong = Settings(model="absent", resume_keys=str(tmp_path / "absent"))
    with pytest.raises(InvalidArgument) as refused:
        async with Service.start(wrong):
            pass
    assert refused.value.field == "resume_keys"
