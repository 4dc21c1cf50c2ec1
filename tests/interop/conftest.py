"""A real server on the starter checkpoint, in this process, for clients in processes of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio

from translate_svc.config import Settings
from translate_svc.rpc.server import RpcServer
from translate_svc.service import Service


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def server() -> AsyncIterator[RpcServer]:
    async with Service.start(Settings(max_streams=4)) as service, RpcServer(service) as running:
        yield running
        # whatever the client did, the server holds no streams
        async with asyncio.timeout(60):
            while running.live_streams or service.live_sessions:  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.01)
