"""A program that forgot the ``with`` of a stream."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from translate_svc.client import AsyncClient, Client

CHUNK = np.zeros(160, dtype=np.float32)


@pytest.mark.parametrize("resume", [False, True])
async def test_a_stream_that_is_not_open_takes_no_audio(resume: bool) -> None:
    async with AsyncClient("127.0.0.1:1") as client:
        stream = client.stream(targets=["spa"], sample_rate_hz=16_000, resume=resume)
        async with asyncio.timeout(60):
            with pytest.raises(RuntimeError, match="not open"):
                await stream.send(CHUNK)
            with pytest.raises(RuntimeError, match="not open"):
                stream.feed([CHUNK])


@pytest.mark.parametrize("resume", [False, True])
def test_a_blocking_stream_that_is_not_open_takes_no_audio(resume: bool) -> None:
    with Client("127.0.0.1:1") as client:
        stream = client.stream(targets=["spa"], sample_rate_hz=16_000, resume=resume)
        with pytest.raises(RuntimeError, match="not open"):
            stream.feed([CHUNK])
        with pytest.raises(RuntimeError, match="not open"):
            stream.send(CHUNK)
