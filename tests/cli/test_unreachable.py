"""What is said of an address at which no server of this service answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.rpc.scripted_session import ScriptedService
from translate_svc.cli.backends.remote_backend import RemoteBackend
from translate_svc.cli.backends.unreachable import AWAY, cause_of
from translate_svc.cli.commands.top import readings
from translate_svc.client import ClientOptions, tls_credentials
from translate_svc.errors import Unavailable
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.server import RpcServer
from translate_svc.rpc.tls import server_credentials
from translate_svc.serving.tls_files import TlsFiles

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def nothing(_: Streams) -> None:
    await asyncio.sleep(60)


async def http(streams: Streams) -> None:
    streams[1].write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
    await asyncio.sleep(60)


async def ssh(streams: Streams) -> None:
    streams[1].write(b"SSH-2.0-OpenSSH_9.6\r\n")
    await asyncio.sleep(60)


async def end(streams: Streams) -> None:
    streams[1].close()


@asynccontextmanager
async def listening(act: Callable[[Streams], Awaitable[None]]) -> AsyncIterator[str]:
    """The address of a server that does this with each connection."""
    tasks = set[asyncio.Task[None]]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await act((reader, writer))
        except asyncio.CancelledError:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        host, port = server.sockets[0].getsockname()
        yield f"{host}:{port}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks)


async def said_of(address: str, options: ClientOptions) -> str:
    with pytest.raises(Unavailable) as caught:
        await RemoteBackend(address, options).languages()
    return caught.value.description.removeprefix(f"{address}: ")


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (nothing, "the server did not answer within 2 s"),
        (http, "speaks HTTP and not gRPC: it may be the port of --http, or that of metrics"),
        (ssh, "does not speak gRPC"),
        (end, "closes connections: it may want TLS (--tls-ca) or a client certificate (--tls-certificate)"),
    ],
)
async def test_what_is_no_server_is_said_to_be_none(
    act: Callable[[Streams], Awaitable[None]], said: str
) -> None:
    options = ClientOptions(call_timeout_s=2 if act is nothing else 60)
    async with listening(act) as address:
        assert await said_of(address, options) == said
        if act is not nothing:
            async with aclosing(readings(address, 0.1, options)) as shown:
                assert (await anext(shown)).line() == f"{address}: {said}"


@pytest.mark.parametrize(("failed", "away"), [("ipv6:%5B::1%5D", False), ("ipv4:127.0.0.1", True)])
async def test_a_name_is_not_away_for_one_of_its_addresses(failed: str, away: bool) -> None:
    async with listening(nothing) as address:
        server = address.replace("127.0.0.1", "localhost")
        refused = (
            f"{failed}:{address.rpartition(':')[2]}: Failed to connect to remote host: Connection refused"
        )
        error = Unavailable(f"connections to all backends failing; last error: UNKNOWN: {refused}")
        said = await cause_of(error, server)
    assert (said == AWAY) is away
    assert ("it may be ending, want TLS (--tls-ca)" in said) is not away


async def test_of_several_servers_a_silent_one_is_left_out() -> None:
    options = ClientOptions(call_timeout_s=2)
    async with listening(nothing) as silent, RpcServer(ScriptedService(), RpcOptions()) as server:
        table = await RemoteBackend(f"{silent},{server.target}", options).languages()
    assert [language.code for language in table] == ["eng", "spa"]


async def test_a_server_that_is_ending_is_said_to_be() -> None:
    async with RpcServer(ScriptedService(), RpcOptions()) as server:
        await server.set_serving(False)
        assert (
            await said_of(server.target, ClientOptions(call_timeout_s=60))
            == "takes nothing new: it is ending"
        )


async def test_tls_that_does_not_fit_is_said(tmp_path: Path) -> None:
    authority, other = Authority(tmp_path), Authority(tmp_path, "other")
    issued, own = authority.issue("server"), tls_credentials(ca=authority.ca)
    credentials = server_credentials(TlsFiles(issued.certificate, issued.key))
    foreign = tls_credentials(ca=other.ca)
    async with RpcServer(ScriptedService(), RpcOptions(), credentials) as server:
        said = await said_of(server.target, ClientOptions(credentials=foreign, call_timeout_s=60))
        assert said.startswith("has a certificate that is not trusted: ")
        assert len(said) < 100
    elsewhere = authority.issue("elsewhere", "elsewhere.test")
    credentials = server_credentials(TlsFiles(elsewhere.certificate, elsewhere.key))
    async with RpcServer(ScriptedService(), RpcOptions(), credentials) as server:
        said = await said_of(server.target, ClientOptions(credentials=own, call_timeout_s=60))
        assert said == "has a certificate for other names than this"
    async with RpcServer(ScriptedService(), RpcOptions()) as plain:
        said = await said_of(plain.target, ClientOptions(credentials=own, call_timeout_s=60))
        assert said == "does not speak TLS: leave out --tls-ca"
