"""Real front processes before a scripted engine: limits are those of the whole, exactly."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from tests.cli.fronts.test_fronted_server import (
    QUICK,
    RATE_HZ,
    SETTINGS,
    at_rest,
    each_serves,
    scraped,
)
from tests.fakes.fronted_service import Fronted, fronted_service
from tests.waiting import until
from translate_svc.access.api_keys import key_line, new_key
from translate_svc.client import AsyncClient, AsyncStream, ClientOptions
from translate_svc.errors import ResourceExhausted, TranslateSvcError
from translate_svc.session.capacity.estimate import CapacityEstimate
from translate_svc.types import TargetSettings

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

KEYS = {name: new_key() for name in ("three", "minute", "other")}
CALLERS = """
default_class = "free"
[classes.free]
[classes.three]
max_streams = 3
[classes.minute]
audio_s_per_minute = 0.6
audio_burst_s = 10
[callers.three]
class = "three"
[callers.minute]
class = "minute"
"""
CHUNK_S = 0.1


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fronted(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fronted]:
    folder: Path = tmp_path_factory.mktemp("callers")
    (folder / "keys").write_text("".join(f"{key_line(name, key)}\n" for name, key in KEYS.items()))
    (folder / "callers.toml").write_text(CALLERS)
    settings = replace(SETTINGS, api_keys=str(folder / "keys"), callers=str(folder / "callers.toml"))
    async with fronted_service(replace(settings, max_streams=40), options=QUICK) as running:
        yield running


async def open_stream(
    stack: AsyncExitStack, fronted: Fronted, name: str, *, speech: bool = True, simultaneous: bool = False
) -> AsyncStream | ResourceExhausted:
    """A stream on a connection of its own, or why it was refused."""
    client = await stack.enter_async_context(AsyncClient(fronted.address, ClientOptions(api_key=KEYS[name])))
    target = TargetSettings("es", speech=speech)
    stream = client.stream(
        targets=[target], source="en", sample_rate_hz=RATE_HZ, simultaneous=simultaneous or None
    )
    try:
        return await stack.enter_async_context(stream)
    except ResourceExhausted as refusal:
        return refusal


async def test_twelve_at_once_and_three_get_in_every_time(fronted: Fronted) -> None:
    """They come to both processes in the same moment. It was six with two processes, for a moment."""
    used = Counter[int]()
    for _ in range(20):
        async with at_rest(fronted), AsyncExitStack() as stack:
            came = await asyncio.gather(*(open_stream(stack, fronted, "three") for _ in range(12)))
            refused = [each for each in came if isinstance(each, ResourceExhausted)]
            assert len(refused) == 9
            assert all("3 streams of this caller" in each.description for each in refused)
            used.update(index for index, count in enumerate(each_serves(fronted)) for _ in range(count))
    assert used.total() == 60
    assert set(used) == {0, 1}, "both processes served some"


async def test_audio_of_one_caller_is_taken_from_one_bucket(fronted: Fronted) -> None:
    """Streams at both processes send far more than ten seconds, as fast as they can."""

    async def speak(stream: AsyncStream) -> None:
        for _ in range(200):
            await stream.send(np.zeros(round(CHUNK_S * RATE_HZ), np.float32))

    async def refusal(stream: AsyncStream) -> TranslateSvcError | None:
        try:
            async for _ in stream:
                pass
        except TranslateSvcError as error:
            return error
        return None

    async with at_rest(fronted), AsyncExitStack() as stack:
        streams: list[AsyncStream] = []
        while not all(each_serves(fronted)):
            opened = await open_stream(stack, fronted, "minute")
            assert isinstance(opened, AsyncStream)
            streams.append(opened)
        began_s = time.monotonic()
        speaking = [asyncio.create_task(speak(stream)) for stream in streams]
        for stream in streams:
            error = await refusal(stream)
            assert isinstance(error, ResourceExhausted)
            assert "0.6 s of audio a minute" in error.description
        await asyncio.gather(*speaking, return_exceptions=True)
        gained_s = 0.01 * (time.monotonic() - began_s)
    least_s = 10 - 2 * CHUNK_S  # each process may be left with less than a chunk
    await until(lambda: scraped(fronted, "caller_audio_seconds_total", "minute") >= least_s)
    await asyncio.sleep(3 * QUICK.report_interval_s)  # time for a report of more than that
    taken_s = scraped(fronted, "caller_audio_seconds_total", "minute")
    assert taken_s <= 10 + CHUNK_S + gained_s


async def test_the_place_of_a_stream_is_what_its_kind_costs_at_every_process(
    fronted: Fronted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine carries twelve streams of one text. A simultaneous one with speech counts as 6.68."""
    for name in ("units", "sustained"):
        monkeypatch.setattr(CapacityEstimate, name, 12.0)

    async def comes(*, costly: bool) -> bool:
        opened = await open_stream(stack, fronted, "other", speech=costly, simultaneous=costly)
        return isinstance(opened, AsyncStream)

    async with at_rest(fronted), AsyncExitStack() as stack:
        assert [await comes(costly=True) for _ in range(8)] == [True] + [False] * 7
        assert [await comes(costly=False) for _ in range(12)] == [True] * 5 + [False] * 7
        assert sum(each_serves(fronted)) == 6
        assert fronted.server.info().load.stream_capacity == 6
