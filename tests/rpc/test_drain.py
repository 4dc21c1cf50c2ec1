"""A server that leaves: it finishes and delivers begun work, and it goes in time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import numpy as np
import pytest

from tests.fakes.engine_script import ScriptedRequest, ScriptedSequence
from tests.fakes.model_free_service import ModelFreeService, model_free_service
from tests.rpc.conftest import request
from tests.waiting import until
from translate_svc.client import AsyncClient, AsyncStream, pace
from translate_svc.engine.request import Request
from translate_svc.errors import Unavailable
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.server import RpcServer
from translate_svc.types import (
    Closed,
    EndReason,
    GoAway,
    Samples,
    SessionEvent,
    SpeechChunk,
    SpeechEnded,
    SpeechStarted,
    TextDelta,
    UtteranceDone,
    UtteranceStatus,
)
from translate_svc.v1 import speech_translation_pb2_grpc as pb_grpc

pytestmark = pytest.mark.realtime

RATE_HZ = 16_000


def speech(seconds: float) -> Samples:
    return np.full(round(seconds * RATE_HZ), 0.5, np.float32)


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE_HZ), np.float32)


def half_a_second(sent: Request) -> ScriptedRequest:
    """Of work on each utterance."""
    words = ScriptedSequence(deltas=("uno", " dos", " tres"), token_interval_s=0.1, piece_units=(25, 25))
    return ScriptedRequest(tuple(words for _ in sent.sequences))


@asynccontextmanager
async def serving(options: RpcOptions) -> AsyncIterator[tuple[ModelFreeService, RpcServer, AsyncClient]]:
    async with (
        model_free_service(half_a_second) as service,
        RpcServer(service, options) as server,
        AsyncClient(server.target) as client,
    ):
        yield service, server, client
        assert server.live_streams == 0
        await until(lambda: not any(service.held.values()))


def stream(client: AsyncClient) -> AsyncStream:
    return client.stream(targets=["spa"], source="eng", sample_rate_hz=RATE_HZ)


async def collect(events: AsyncStream, into: list[SessionEvent]) -> None:
    async for event in events:
        into.append(event)  # noqa: PERF401 - another task looks on


async def heard(service: ModelFreeService, events: list[SessionEvent]) -> None:
    await until(lambda: any(isinstance(event, SpeechStarted) for event in events))


async def test_who_talks_on_is_heard_out_to_where_it_was_and_told_to_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The utterance that runs when the input ends comes back whole; then UNAVAILABLE, within the grace.

    Of a minute 57 s are for finishing: the work takes half a second, and a busy machine much longer.
    """
    monkeypatch.setattr(ModelFreeService, "finish_s", 57.0)
    async with serving(RpcOptions()) as (service, server, client):
        events: list[SessionEvent] = []
        async with stream(client) as talk:
            talk.feed(pace(speech(60), RATE_HZ))
            reading = asyncio.create_task(collect(talk, events))
            await heard(service, events)
            began_s = time.monotonic()
            stopping = asyncio.create_task(server.stop(60.0))
            with pytest.raises(Unavailable, match="draining"):
                await reading
            assert 3.0 < time.monotonic() - began_s < 60.0
        await asyncio.wait_for(stopping, 60)
    (go_away,) = (event for event in events if isinstance(event, GoAway))
    assert go_away.deadline_ms == 60_000
    (ended,) = (event for event in events if isinstance(event, SpeechEnded))
    assert ended.reason is EndReason.GOING_AWAY
    text = "".join(event.delta for event in events if isinstance(event, TextDelta))
    assert text == "uno dos tres"
    assert [event.final for event in events if isinstance(event, SpeechChunk)] == [False, True]
    (done,) = (event for event in events if isinstance(event, UtteranceDone))
    assert done.status is UtteranceStatus.OK
    assert not any(isinstance(event, Closed) for event in events), "not all that was said was heard"


async def test_a_call_of_translate_is_answered_whole_and_no_other_is_taken() -> None:
    async with serving(RpcOptions()) as (_, server, client):
        answer = client.translate(text="One, two, three.", source="eng", targets=["spa"])
        answering = asyncio.create_task(answer.result())
        await until(lambda: server.live_streams == 1)
        stopping = asyncio.create_task(server.stop(30))
        with pytest.raises(Unavailable):  # the client has heard it from the health service, or hears it now
            await client.translate(text="Four.", source="eng", targets=["spa"]).result()
        assert (await answering).text["spa"] == "uno dos tres"
        await asyncio.wait_for(stopping, 60)


async def test_a_call_that_is_aborted_meanwhile_costs_no_other_anything() -> None:
    """gRPC's own ``stop`` cuts other calls off where one is aborted (grpc#37239)."""
    async with serving(RpcOptions()) as (service, server, client):
        events: list[SessionEvent] = []
        async with stream(client) as talk, grpc.aio.insecure_channel(server.target) as channel:
            await talk.send(np.concatenate([speech(1), silence(0.1)]))
            reading = asyncio.create_task(collect(talk, events))
            await heard(service, events)
            broken = pb_grpc.SpeechTranslationStub(channel).StreamingTranslate()  # type: ignore[no-untyped-call]
            stopping = asyncio.create_task(server.stop(30))
            await broken.write(request())
            with pytest.raises(grpc.aio.AioRpcError) as failure:
                await broken.read()
            assert failure.value.code() == grpc.StatusCode.INVALID_ARGUMENT
            await talk.end()
            await asyncio.wait_for(reading, 60)
        await asyncio.wait_for(stopping, 60)
    assert isinstance(events[-1], Closed)
    assert "".join(event.delta for event in events if isinstance(event, TextDelta)) == "uno dos tres"
