"""Envoy in front of a real gRPC server over scripted sessions: TLS, and an Envoy that ends or freezes."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from grpc_health.v1 import health_pb2

from benchmarks.attacks.http2 import connect, message
from tests.certificates import Authority
from tests.cli.guard import needs_envoy
from tests.cli.guard.guarded import Guarded, guarded
from tests.rpc.scripted_session import ScriptedService
from tests.waiting import until
from translate_svc.cli.guard.envoy.parts import PEER_HEADER
from translate_svc.client import AsyncClient, ClientOptions, tls_credentials
from translate_svc.errors import Unavailable
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.server import RpcServer
from translate_svc.serving.tls_files import TlsFiles

pytestmark = [needs_envoy, pytest.mark.timeout(120)]


@asynccontextmanager
async def grpc_server(
    tls: TlsFiles | None = None,
    settled_s: float = 10.0,
    rpc: RpcOptions = RpcOptions(),  # noqa: B008 - frozen
) -> AsyncIterator[Guarded]:
    def make(socket: Path) -> RpcServer:
        return RpcServer(ScriptedService(), replace(rpc, address=f"unix:{socket}"))

    async with guarded({"grpc": make}, tls, settled_s) as running:
        yield running


def target(running: Guarded) -> str:
    return running.servers["grpc"].target


async def version(running: Guarded, options: ClientOptions = ClientOptions()) -> str:  # noqa: B008 - frozen
    async with AsyncClient(target(running), options) as client:
        return (await client.info()).version


async def test_tls_ends_in_envoy_which_asks_for_certificates(tmp_path: Path) -> None:
    authority, other = Authority(tmp_path), Authority(tmp_path, "other")
    server, caller = authority.issue("server"), authority.issue("caller", "caller")
    stranger = other.issue("stranger", "stranger")
    async with grpc_server(TlsFiles(server.certificate, server.key, authority.ca)) as running:
        mine = tls_credentials(ca=authority.ca, certificate=caller.certificate, key=caller.key)
        assert await version(running, ClientOptions(credentials=mine)) == "1.2.3"
        theirs = tls_credentials(ca=authority.ca, certificate=stranger.certificate, key=stranger.key)
        for wrong in (None, tls_credentials(ca=authority.ca), theirs):
            with pytest.raises(Unavailable):
                await version(running, ClientOptions(credentials=wrong, call_timeout_s=5))


async def test_a_certificate_that_is_written_in_place_is_served(tmp_path: Path) -> None:
    """As the server without a guard does it; Envoy by itself looks for files that are moved there."""
    old, new = Authority(tmp_path, "old"), Authority(tmp_path, "new")
    server, renewed = old.issue("server"), new.issue("renewed")
    async with grpc_server(TlsFiles(server.certificate, server.key)) as running:
        before, after = (ClientOptions(credentials=tls_credentials(ca=each.ca)) for each in (old, new))
        assert await version(running, before) == "1.2.3"
        shutil.copyfile(renewed.key, server.key)
        shutil.copyfile(renewed.certificate, server.certificate)
        async with asyncio.timeout(60):
            while True:
                try:
                    assert await version(running, after) == "1.2.3"
                except Unavailable:
                    await asyncio.sleep(0.1)
                else:
                    break
        with pytest.raises(Unavailable):
            await version(running, ClientOptions(credentials=before.credentials, call_timeout_s=5))


async def test_an_envoy_that_ends_is_started_again_on_the_same_port() -> None:
    async with grpc_server(settled_s=0.0) as running:
        before, address = running.guard.pid, target(running)
        os.kill(before, signal.SIGKILL)
        await until(lambda: running.guard.pid not in (0, before))
        assert target(running) == address
        assert await version(running, ClientOptions(call_timeout_s=30)) == "1.2.3"
        assert not running.lost.is_set()


@pytest.mark.slow
async def test_an_envoy_that_is_frozen_is_replaced() -> None:
    """Connections to it are still accepted, by the kernel; nothing else would notice."""
    async with grpc_server(settled_s=0.0) as running:
        before = running.guard.pid
        os.kill(before, signal.SIGSTOP)
        await until(lambda: running.guard.pid not in (0, before))
        assert await version(running, ClientOptions(call_timeout_s=30)) == "1.2.3"
        assert not running.lost.is_set()


async def test_an_envoy_that_does_not_stay_loses_the_guard() -> None:
    async with grpc_server(settled_s=60.0) as running:
        os.kill(running.guard.pid, signal.SIGKILL)
        await asyncio.wait_for(running.lost.wait(), 60)
        assert running.guard.pid == 0


async def test_each_address_has_its_own_limits_and_says_nothing_of_itself() -> None:
    one_call = RpcOptions(max_calls_per_caller=1, peer_header=PEER_HEADER)
    async with grpc_server(rpc=one_call) as running, connect(target(running), "127.0.0.2") as other:
        watch = "/grpc.health.v1.Health/Watch"
        call, headers = other.start_call(watch)
        await other.write(headers)
        await other.send_message(call, message(health_pb2.HealthCheckRequest().SerializeToString()))
        await until(lambda: other.received["Data"] == 1)
        async with grpc.aio.insecure_channel(target(running)) as channel:
            watching: Any = cast(Any, channel).unary_stream(watch)
            lies = ((PEER_HEADER, "127.0.0.3:1"),)
            first = watching(b"", metadata=lies)
            assert await first.read()
            second = watching(b"", metadata=((PEER_HEADER, "127.0.0.4:1"),))
            with pytest.raises(grpc.aio.AioRpcError, match="too many calls are open"):
                await second.read()
            first.cancel()
        assert not call.outcome
