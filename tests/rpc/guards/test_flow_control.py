"""Over real sockets: who sends too fast is held, who reads slowly is paced, who reads nothing is let go."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from tests.fakes.engine_script import ScriptedRequest, ScriptedSequence
from tests.fakes.fake_vad import EnergyVad
from tests.fakes.model_free_service import model_free_service
from tests.rpc.conftest import CONFIG, audio, open_stream, request
from tests.rpc.guards.throttled_proxy import throttled_proxy
from tests.rpc.scripted_session import ScriptedService
from tests.waiting import until
from translate_svc.client import AsyncClient, AsyncStream, ClientOptions
from translate_svc.engine.request import Request
from translate_svc.errors import ResourceExhausted, TranslateSvcError
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.server import RpcServer
from translate_svc.session.admission import AdmissionOptions
from translate_svc.session.options import SessionOptions
from translate_svc.types import AudioFormat, Closed, Encoding, SampleRange, SessionEvent, SpeechChunk
from translate_svc.v1 import speech_translation_pb2_grpc as pb_grpc
from translate_svc.vad.frame_vad import Float32Array

pytestmark = pytest.mark.realtime

CHUNK_BYTES = 3_200
RATE_HZ = 16_000


class SlowVad(EnergyVad):
    """Takes 0.6 ms a frame: 50 times real time, and far slower than the client sends. Counts the frames."""

    heard_bytes = 0

    def step(self, frames: Float32Array, states: Float32Array) -> tuple[Float32Array, Float32Array]:
        time.sleep(0.0006 * len(frames))
        self.heard_bytes += 2 * frames.size
        return super().step(frames, states)


async def test_a_sender_faster_than_it_is_heard_is_held_at_once() -> None:
    """Bytes on their way are bounded: by the session's queue, one window and gRPC's own buffer."""
    options = SessionOptions(max_queued_input_ms=1_000)
    queue_bytes = 2 * RATE_HZ
    vad = SlowVad()
    async with (
        model_free_service(options=options, vad=vad) as service,
        RpcServer(service) as server,
        grpc.aio.insecure_channel(server.target) as channel,
    ):
        call: Any = pb_grpc.SpeechTranslationStub(channel).StreamingTranslate()  # type: ignore[no-untyped-call]
        await call.write(request(config=CONFIG))
        written_bytes = most_bytes = 0
        while vad.heard_bytes < 1_000_000:
            await call.write(audio(CHUNK_BYTES // 2))
            written_bytes += CHUNK_BYTES
            most_bytes = max(most_bytes, written_bytes - vad.heard_bytes)
        call.cancel()
        await until(lambda: not any(service.held.values()))
    assert written_bytes > 3 * most_bytes, "what was sent has been heard, and more was taken in its place"
    assert most_bytes < queue_bytes + 3 * RpcOptions().stream_buffer_bytes


async def test_what_leaves_towards_a_reader_who_stops_is_one_window() -> None:
    """Our client's window is small and fixed, so the server may slow down; by default it takes megabytes."""
    service = ScriptedService()
    async with RpcServer(service) as server:
        arguments = ClientOptions().channel_arguments(server.target)
        async with grpc.aio.insecure_channel(server.target, options=arguments) as channel:
            stub = pb_grpc.SpeechTranslationStub(channel)  # type: ignore[no-untyped-call]  # generated
            call, session = await open_stream(stub, service)
            for number in range(400):
                session.say(SpeechChunk(0, SampleRange(0, 1), "spa", number * 1_600, bytes(3_200), False))
            left = -1
            while left != session.line.qsize():
                left = session.line.qsize()
                await asyncio.sleep(0.1)
            call.cancel()
    taken_bytes = (400 - left) * 3_200
    assert 0 < taken_bytes < 4 * 64 * 1024


def eloquent(sent: Request) -> ScriptedRequest:
    """Five seconds of speech in one piece."""
    said = ScriptedSequence(piece_units=(250,), piece_interval_s=0.0)
    return ScriptedRequest(tuple(said for _ in sent.sequences), encode_s=0.0)


async def test_a_slow_reader_that_lives_is_paced_and_gets_everything(tmp_path: Path) -> None:
    """One engine's piece takes seconds on this line, many times what a reader gets who takes nothing."""
    socket = tmp_path / "socket"
    patience_s = 2.0
    output = AudioFormat(Encoding.PCM_F32LE, 48_000)
    speech_bytes = 5 * 48_000 * 4
    async with (
        model_free_service(eloquent) as service,
        RpcServer(service, RpcOptions(address=f"unix:{socket}", write_timeout_s=patience_s)),
        throttled_proxy(socket, down_bytes_per_s=192 * 1024) as target,
        AsyncClient(target) as client,
        client.stream(targets=["spa"], sample_rate_hz=RATE_HZ, output=output) as stream,
    ):
        began_s = time.monotonic()
        stream.feed([np.full(RATE_HZ, 0.5, np.float32)])
        events = await read_all(stream)
        took_s = time.monotonic() - began_s
        await until(lambda: not any(service.held.values()))
    speech = [event for event in events if isinstance(event, SpeechChunk)]
    assert sum(len(chunk.data) for chunk in speech) == speech_bytes
    assert isinstance(events[-1], Closed)
    assert took_s > 2 * patience_s, "the line was slow"


async def test_a_reader_who_takes_nothing_is_let_go_and_leaves_nothing(tmp_path: Path) -> None:
    """The same, and the line stands still."""
    socket = tmp_path / "socket"
    options = RpcOptions(address=f"unix:{socket}", write_timeout_s=0.5, abort_timeout_s=0.2)
    output = AudioFormat(Encoding.PCM_F32LE, 48_000)
    async with (
        model_free_service(eloquent) as service,
        RpcServer(service, options) as server,
        throttled_proxy(socket, down_bytes_per_s=2_000) as target,
        AsyncClient(target) as client,
        client.stream(targets=["spa"], sample_rate_hz=RATE_HZ, output=output) as stream,
    ):
        stream.feed([np.full(RATE_HZ, 0.5, np.float32)])
        await until(lambda: server.live_streams == 1)
        await until(lambda: server.live_streams == 0, timeout_s=RpcOptions().write_timeout_s)
        await until(lambda: not any(service.held.values()))
        stream.cancel()
        with pytest.raises(TranslateSvcError):
            await read_all(stream)


async def test_admission_is_the_services_own_and_says_when_to_come_back() -> None:
    """Not gRPC's ``maximum_concurrent_rpcs``, which some versions let through: exactly so many get in."""
    async with (
        model_free_service(admission=AdmissionOptions(max_streams=3, retry_after_s=7.0)) as service,
        RpcServer(service) as server,
        AsyncClient(server.target) as client,
    ):

        async def attempt() -> AsyncStream | ResourceExhausted:
            stream = client.stream(targets=["spa"], sample_rate_hz=RATE_HZ)
            try:
                return await stream.__aenter__()
            except ResourceExhausted as refusal:
                return refusal

        came = await asyncio.gather(*(attempt() for _ in range(40)))
        admitted = [each for each in came if isinstance(each, AsyncStream)]
        refused = [each for each in came if isinstance(each, ResourceExhausted)]
        assert (len(admitted), len(refused)) == (3, 37)
        delays_s = {refusal.retry_after_s for refusal in refused}
        assert min(delays_s) == 7.0
        assert len(delays_s) > 1, "they do not come again all at once"
        assert service.admission.rejected == 37
        for stream in admitted:
            await stream.end()
            assert isinstance((await read_all(stream))[-1], Closed)
            await stream.__aexit__(None, None, None)
        again = await attempt()
        assert isinstance(again, AsyncStream)
        await again.__aexit__(None, None, None)


async def mute_streams(stub: Any) -> dict[asyncio.Task[Any], Any]:
    """Three streams that say nothing, by what is to be read of them; one at least was refused."""
    opened = [stub.StreamingTranslate() for _ in range(3)]
    calls = {asyncio.ensure_future(call.read()): call for call in opened}
    refused, _ = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
    for event in refused:
        error = event.exception()
        assert isinstance(error, grpc.aio.AioRpcError)
        assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    return calls


async def served_of(calls: dict[asyncio.Task[Any], Any]) -> int:
    """How many streams open now that they say what they want."""
    for call in calls.values():
        if not call.done():
            await call.write(request(config=CONFIG))
    await asyncio.wait(calls)
    return sum(
        event.exception() is None and event.result().WhichOneof("event") == "opened" for event in calls
    )


async def test_streams_that_never_say_what_they_want_are_bounded_too() -> None:
    """Two places, for three streams. Who says what it wants, or leaves, gives its place back."""
    async with (
        RpcServer(ScriptedService(), RpcOptions(max_unopened_streams=2)) as server,
        grpc.aio.insecure_channel(server.target) as channel,
    ):
        stub: Any = pb_grpc.SpeechTranslationStub(channel)  # type: ignore[no-untyped-call]  # generated
        assert await served_of(await mute_streams(stub)) == 2
        assert await served_of(await mute_streams(stub)) == 2, "the first two are still open"
        for call in (await mute_streams(stub)).values():
            call.cancel()
        async with asyncio.timeout(10):
            while await served_of(await mute_streams(stub)) < 2:  # the server learns late who left
                pass


async def read_all(stream: AsyncStream) -> list[SessionEvent]:
    return [event async for event in stream]
