from __future__ import annotations

from contextlib import ExitStack
from contextvars import copy_context

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from tests.rpc.scripted_session import ScriptedService
from translate_svc.access.callers import Identified
from translate_svc.errors import ResourceExhausted
from translate_svc.rpc.authentication import _identified
from translate_svc.rpc.call_limiter import CallLimiter
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.server import RpcServer
from translate_svc.types import Caller


def test_one_peer_leaves_room_to_others() -> None:
    limiter = CallLimiter(4, 2)
    with ExitStack() as calls:
        for port in (1, 2):
            calls.enter_context(limiter.hold(f"ipv4:1.1.1.1:{port}"))
        with pytest.raises(ResourceExhausted, match="too many calls are open"):
            calls.enter_context(limiter.hold("ipv4:1.1.1.1:3"))
        for port in (1, 2):
            calls.enter_context(limiter.hold(f"ipv4:2.2.2.2:{port}"))
        with pytest.raises(ResourceExhausted):
            calls.enter_context(limiter.hold("ipv4:3.3.3.3:1"))
    with ExitStack() as calls:
        for host in range(4):
            calls.enter_context(limiter.hold(f"ipv4:3.3.3.{host}:1"))


@pytest.mark.realtime
async def test_calls_that_never_end_are_bounded(service: ScriptedService) -> None:
    """``Watch`` needs no key and ends when its caller wants; so does a stream of reflection."""
    async with (
        RpcServer(service, RpcOptions(max_calls_per_caller=4)) as server,
        grpc.aio.insecure_channel(server.target) as channel,
    ):
        stub = health_pb2_grpc.HealthStub(channel)
        watches = [stub.Watch(health_pb2.HealthCheckRequest()) for _ in range(4)]
        for watch in watches:
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        late = stub.Watch(health_pb2.HealthCheckRequest())
        assert await late.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert await late.details() == "too many calls are open"
        reflection = reflection_pb2_grpc.ServerReflectionStub(channel)
        asked = reflection.ServerReflectionInfo()
        assert await asked.code() is grpc.StatusCode.RESOURCE_EXHAUSTED

        watches[0].cancel()
        asked = reflection.ServerReflectionInfo()
        await asked.write(reflection_pb2.ServerReflectionRequest(list_services=""))
        names = [each.name for each in (await asked.read()).list_services_response.service]
        assert "grpc.health.v1.Health" in names


def test_behind_a_gateway_each_caller_has_its_own_limit() -> None:
    """All come from one address there."""
    limiter, gateway = CallLimiter(4, 1), "ipv4:1.1.1.1:1"

    def hold(name: str, calls: ExitStack) -> None:
        as_caller = copy_context()
        as_caller.run(_identified.set, Identified(Caller(name), lambda: True))
        as_caller.run(calls.enter_context, limiter.hold(gateway))

    with ExitStack() as calls:
        hold("alice", calls)
        hold("bob", calls)
        with pytest.raises(ResourceExhausted):
            hold("alice", calls)
