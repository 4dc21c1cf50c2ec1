"""A file that is longer than its caller may send at once: it waits, or is refused for good."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import openai
import pytest
import pytest_asyncio
import soundfile
from openai import AsyncOpenAI

from tests.gateway.clients import ROOT
from tests.gateway.conftest import STARTER
from translate_svc.access.api_keys import ApiKeys, key_line, new_key
from translate_svc.access.callers import Callers
from translate_svc.gateway.options import GatewayOptions
from translate_svc.gateway.server import GatewayServer
from translate_svc.service import Service

pytestmark = pytest.mark.asyncio(loop_scope="module")

FILE = ROOT / "tests" / "data" / "demo_eng.flac"
FILE_S = soundfile.info(FILE).duration


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def house() -> AsyncIterator[Service]:
    async with Service.start(STARTER) as service:
        yield service


@pytest.fixture
def keys(tmp_path: Path) -> tuple[str, Path]:
    key = new_key()
    (tmp_path / "keys").write_text(key_line(tmp_path.name, key))
    return key, tmp_path


@asynccontextmanager
async def limited(
    house: Service, keys: tuple[str, Path], options: GatewayOptions, *, rate: float, burst_s: float
) -> AsyncIterator[AsyncOpenAI]:
    """The SDK, as a caller that may send ``rate`` seconds of audio a minute. It tries again by itself."""
    key, folder = keys
    (folder / "callers.toml").write_text(
        f'default_class = "free"\n[classes.free]\naudio_s_per_minute = {rate}\naudio_burst_s = {burst_s}\n'
    )
    callers = Callers(ApiKeys(folder / "keys"), folder / "callers.toml")
    async with (
        GatewayServer(house, options, callers=callers) as server,
        AsyncOpenAI(api_key=key, base_url=f"{server.target}/v1", max_retries=1) as client,
    ):
        yield client


async def test_it_waits_and_is_translated_whole(house: Service, keys: tuple[str, Path]) -> None:
    async with limited(house, keys, GatewayOptions(), rate=360, burst_s=FILE_S / 2) as client:
        answer = await client.audio.transcriptions.create(model="m", file=FILE, language="en")
    assert (
        answer.text == "My wife will call my neighbor tonight. The meeting is on Monday at twenty past five."
    )


async def test_one_that_can_never_pass_is_refused_once(house: Service, keys: tuple[str, Path]) -> None:
    async with limited(house, keys, GatewayOptions(file_patience_s=60), rate=1, burst_s=1) as client:
        for _ in range(3):  # nothing of it was counted, so it is not for the moment that it is refused
            with pytest.raises(
                openai.BadRequestError, match="1 s of audio at once and 1 s a minute"
            ) as caught:
                await client.audio.transcriptions.create(model="m", file=FILE, language="en")
            assert (caught.value.code, caught.value.param) == ("out_of_range", "file")


@pytest.mark.parametrize("stream", [False, True])
async def test_one_whose_time_is_over_is_refused_for_good(
    house: Service, keys: tuple[str, Path], stream: bool
) -> None:
    """The caller has used up what it may send, so that even a short file would have to wait for too long."""
    burst_s = FILE_S + 0.5
    options = GatewayOptions(file_patience_s=0.5)
    async with limited(house, keys, options, rate=1, burst_s=burst_s) as client:
        create = client.audio.transcriptions.create
        await create(model="m", file=FILE, language="en")
        with pytest.raises(openai.APIStatusError, match="more audio than this caller may send") as caught:
            await create(model="m", file=FILE, language="en", stream=stream)
        assert caught.value.status_code == 400
        with pytest.raises(openai.RateLimitError, match="This caller may send 1 s of audio") as own:
            await client.with_options(max_retries=0).audio.transcriptions.create(model="m", file=FILE)
        assert own.value.code == "rate_limit_exceeded", "the server is not overloaded"
