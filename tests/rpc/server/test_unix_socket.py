"""A Unix socket is its owner's alone, and no second server takes it over."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from tests.rpc.scripted_session import ScriptedService
from translate_svc.client import AsyncClient
from translate_svc.errors import InvalidArgument
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.server import RpcServer


def _server(path: Path) -> RpcServer:
    return RpcServer(ScriptedService(), RpcOptions(address=f"unix:{path}"))


async def test_only_its_owner_may_connect(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    umask = os.umask(0)
    os.umask(umask)
    async with _server(path) as server:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        async with AsyncClient(server.target) as client:
            await client.info()
    after = os.umask(umask)
    assert after == umask, "other files get the modes that they had"


async def test_a_second_server_does_not_take_over_the_first_ones_socket(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    async with _server(path) as first:
        second = _server(path)
        with pytest.raises(InvalidArgument) as refused:
            await second.start()
        assert (refused.value.field, refused.value.description) == ("address", "is taken by another server")
        async with AsyncClient(first.target) as client:
            await client.info()


async def test_a_socket_that_was_left_over_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    async with _server(path) as server, AsyncClient(server.target) as client:
        await client.info()


async def test_another_file_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "letters"
    path.write_text("dear")
    with pytest.raises(InvalidArgument, match="cannot be bound"):
        await _server(path).start()
    assert path.read_text() == "dear"


@pytest.mark.parametrize("name", ["s" * 120, "ñ" * 60])
async def test_a_path_that_is_too_long_is_refused_by_its_length(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await _server(tmp_path / name).start()
    assert refused.value.description == "has a path of more than 107 bytes"
