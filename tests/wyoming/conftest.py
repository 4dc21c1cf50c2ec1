"""A server of Wyoming with an engine that follows a script."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.fakes.model_free_service import ModelFreeService, model_free_service
from translate_svc.wyoming.server import WyomingServer


@pytest.fixture
async def service() -> AsyncIterator[ModelFreeService]:
    async with model_free_service() as running:
        yield running


@pytest.fixture
async def server(service: ModelFreeService) -> AsyncIterator[WyomingServer]:
    async with WyomingServer(service) as running:
        yield running
