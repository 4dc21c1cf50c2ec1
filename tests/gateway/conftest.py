"""HTTP servers on loopback: with the starter checkpoint, and with an engine that follows a script."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.fakes.model_free_service import ModelFreeService, model_free_service
from tests.gateway.clients import ROOT
from translate_svc.config import Settings
from translate_svc.gateway.options import GatewayOptions
from translate_svc.gateway.server import GatewayServer
from translate_svc.service import Service

STARTER = Settings(model=str(ROOT / "model_cache" / "starter"))


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def starter() -> AsyncIterator[GatewayServer]:
    async with Service.start(STARTER) as service, GatewayServer(service) as running:
        yield running


@pytest.fixture
def options() -> GatewayOptions:
    return GatewayOptions()


@pytest.fixture
async def service() -> AsyncIterator[ModelFreeService]:
    async with model_free_service() as running:
        yield running


@pytest.fixture
async def server(service: ModelFreeService, options: GatewayOptions) -> AsyncIterator[GatewayServer]:
    async with GatewayServer(service, options) as running:
        yield running
