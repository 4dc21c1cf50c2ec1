"""A program that resumes a stream itself, by the token that another call got, as after its own restart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.fakes.model_free_service import model_free_service
from translate_svc.client import AsyncClient
from translate_svc.rpc.server import RpcServer
from translate_svc.types import AudioFormat, Closed, Encoding, StreamConfig, StreamSettings, TargetSettings

PCM = AudioFormat(Encoding.PCM_S16LE, 16_000)
CONFIG = StreamConfig(PCM, PCM, StreamSettings((TargetSettings("spa"),)))


@pytest.mark.parametrize("first", [None, 0, 4_000])
async def test_the_end_counts_what_was_sent_before(first: int | None) -> None:
    """Also where the token alone tells the place: then nothing is counted."""
    async with (
        model_free_service() as service,
        RpcServer(service) as server,
        AsyncClient(server.target) as client,
    ):
        async with client.open(CONFIG) as stream:
            config = replace(CONFIG, resume_token=stream.opened.resume_token, resume_from_sample=first)
        async with client.open(config) as stream:
            stream.feed([np.zeros(16_000, np.float32)])
            events = [event async for event in stream]
            assert stream.total_samples == 16_000, "of this call"
    assert isinstance(events[-1], Closed)
    assert events[-1].complete
