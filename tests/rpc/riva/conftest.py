"""Riva's own Python client against our server: with the starter checkpoint, and with a scripted engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, TypeVar

import grpc
import pytest
import pytest_asyncio
import riva.client

from tests.fakes.engine_script import ScriptedRequest, ScriptedSequence
from tests.fakes.model_free_service import ModelFreeService, model_free_service
from tests.gateway.conftest import STARTER
from translate_svc.engine.request import Request
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.server import RpcServer
from translate_svc.service import Service

T = TypeVar("T")
OPTIONS = RpcOptions(riva=True)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def starter() -> AsyncIterator[RpcServer]:
    async with Service.start(STARTER) as service, RpcServer(service, OPTIONS) as running:
        yield running


@pytest.fixture
async def service() -> AsyncIterator[ModelFreeService]:
    async with model_free_service() as running:
        yield running


@pytest.fixture
async def tone_service() -> AsyncIterator[ModelFreeService]:
    """Every speech of it is a tone."""

    def script(request: Request) -> ScriptedRequest:
        return ScriptedRequest(tuple(ScriptedSequence(tone_hz=440.0) for _ in request.sequences))

    async with model_free_service(script) as running:
        yield running


@pytest.fixture
async def server(service: ModelFreeService) -> AsyncIterator[RpcServer]:
    async with RpcServer(service, OPTIONS) as running:
        yield running


def auth_of(server: RpcServer, *metadata: tuple[str, str]) -> riva.client.Auth:
    """As the client's users make it."""
    return riva.client.Auth(uri=server.target, metadata_args=[list(pair) for pair in metadata])


async def called(function: Callable[[], T]) -> T:
    """What a call of the client gives, which blocks a thread."""
    return await asyncio.to_thread(function)


async def listed(function: Callable[[], Iterable[T]]) -> list[T]:
    """All responses of a call of the client."""
    return await asyncio.to_thread(lambda: list(function()))


async def refusal(function: Callable[[], object]) -> tuple[grpc.StatusCode, str]:
    """How a call of the client fails: code and message."""
    with pytest.raises(grpc.RpcError) as failed:
        await called(function)
    error: Any = failed.value  # it is a call, too
    return error.code(), error.details() or ""
