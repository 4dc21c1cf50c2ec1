"""How many calls one address may begin behind the real Envoy."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import aiohttp
import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from benchmarks.attacks.http2 import connect, message
from tests.cli.guard import needs_envoy
from tests.cli.guard.guarded import guarded
from tests.fakes.model_free_service import model_free_service
from tests.rpc.scripted_session import ScriptedService
from translate_svc.cli.guard.envoy.parts import PEER_HEADER
from translate_svc.cli.guard.limits import GuardLimits, HttpLimits
from translate_svc.client.failures import error_of
from translate_svc.errors import ResourceExhausted
from translate_svc.gateway.options import GatewayOptions, Proxy
from translate_svc.gateway.server import GatewayServer
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.server import RpcServer

pytestmark = [needs_envoy, pytest.mark.timeout(120)]

ONCE = 20
FLOOD = 200
OTHER = "127.0.0.2"


async def health(channel: grpc.aio.Channel) -> grpc.aio.AioRpcError | None:
    try:
        await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
    except grpc.aio.AioRpcError as error:
        return error
    return None


async def health_from(address: str, target: str) -> str:
    """The status of a call from another address of this machine."""
    async with connect(target, address) as connection:
        call, headers = connection.start_call("/grpc.health.v1.Health/Check")
        await connection.write(headers)
        await connection.send_message(call, message(b""), half_close=True)
        await call.ended.wait()
        return call.outcome


async def test_who_begins_too_many_calls_is_told_when_to_come_again_and_nobody_else_is() -> None:
    def make(socket: Path) -> RpcServer:
        return RpcServer(ScriptedService(), RpcOptions(address=f"unix:{socket}"))

    async with guarded({"grpc": make}, limits=GuardLimits(calls_per_s=ONCE)) as running:
        target = running.servers["grpc"].target
        async with grpc.aio.insecure_channel(target) as channel:
            began_s = asyncio.get_running_loop().time()
            outcomes = await asyncio.gather(*(health(channel) for _ in range(FLOOD)))
            took_s = asyncio.get_running_loop().time() - began_s
            refused = [each for each in outcomes if each is not None]
            # what came in the time that the flood took is let in, too
            assert ONCE <= FLOOD - len(refused) <= ONCE * (2 + took_s)
            for each in refused:
                error = error_of(each.code(), each.details(), each.trailing_metadata())
                assert isinstance(error, ResourceExhausted)
                assert (str(error), error.retry_after_s) == (
                    "too many calls from your address: come again in a second",
                    1.0,
                )
            others = await asyncio.gather(*(health_from(OTHER, target) for _ in range(ONCE)))
            assert others == ["0"] * ONCE
            await asyncio.sleep(1.0)
            assert await health(channel) is None


async def test_requests_over_http_are_counted_by_address_too() -> None:
    async with model_free_service() as service:

        def make(socket: Path) -> GatewayServer:
            return GatewayServer(service, GatewayOptions(proxy=Proxy(str(socket), PEER_HEADER, tls=False)))

        limits = HttpLimits(requests_per_s=ONCE)
        async with guarded({"http": make}, http_limits=limits) as running:
            page = f"http://{running.servers['http'].target}/v1/models"

            async def ask(http: aiohttp.ClientSession) -> int:
                async with http.get(page) as answer:
                    if answer.status == 429:
                        assert answer.headers["Retry-After"] == "1"
                        assert (await answer.json())["error"]["code"] == "rate_limit_exceeded"
                    return answer.status

            elsewhere = aiohttp.TCPConnector(local_addr=(OTHER, 0))
            async with aiohttp.ClientSession() as one, aiohttp.ClientSession(connector=elsewhere) as other:
                statuses = Counter(await asyncio.gather(*(ask(one) for _ in range(FLOOD))))
                assert statuses[200] >= ONCE
                assert statuses[429] > 0
                assert statuses.total() == statuses[200] + statuses[429]
                assert await asyncio.gather(*(ask(other) for _ in range(ONCE))) == [200] * ONCE
