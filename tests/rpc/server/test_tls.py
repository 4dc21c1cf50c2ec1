"""TLS, mTLS, and certificates renewed while the server runs."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.certificates import Authority, Identity
from tests.rpc.scripted_session import ScriptedService
from translate_svc.client import AsyncClient, Client, ClientOptions, tls_credentials
from translate_svc.errors import InvalidArgument, Unavailable
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.server import RpcServer
from translate_svc.rpc.tls import server_credentials
from translate_svc.serving.tls_files import TlsFiles


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def files(authority: Authority) -> TlsFiles:
    issued = authority.issue("server")
    return TlsFiles(issued.certificate, issued.key)


def serve(files: TlsFiles) -> RpcServer:
    return RpcServer(ScriptedService(), RpcOptions(), server_credentials(files))


async def version(server: RpcServer, options: ClientOptions) -> str:
    async with AsyncClient(server.target, options) as client:
        return (await client.info()).version


async def test_what_is_said_is_encrypted_and_the_server_is_known(
    files: TlsFiles, authority: Authority, tmp_path: Path
) -> None:
    other = Authority(tmp_path, "other")
    async with serve(files) as server:
        known = tls_credentials(ca=authority.ca)
        assert await version(server, ClientOptions(credentials=known)) == "1.2.3"
        with Client(server.target, ClientOptions(credentials=known)) as client:
            assert (await asyncio.to_thread(client.info)).version == "1.2.3"
        for wrong in (None, tls_credentials(ca=other.ca), tls_credentials()):
            with pytest.raises(Unavailable):
                await version(server, ClientOptions(credentials=wrong, call_timeout_s=5))


async def test_a_client_without_a_certificate_is_refused_where_one_is_asked_for(
    files: TlsFiles, authority: Authority, tmp_path: Path
) -> None:
    untrusted = Authority(tmp_path, "other").issue("stranger", "mallory")
    friend = authority.issue("friend", "alice")
    async with serve(TlsFiles(files.certificate, files.key, client_ca=authority.ca)) as server:

        async def ask(identity: Identity | None) -> str:
            pair = (identity.certificate, identity.key) if identity else (None, None)
            credentials = tls_credentials(ca=authority.ca, certificate=pair[0], key=pair[1])
            return await version(server, ClientOptions(credentials=credentials, call_timeout_s=5))

        assert await ask(friend) == "1.2.3"
        for unknown in (None, untrusted):
            with pytest.raises(Unavailable):
                await ask(unknown)


async def test_a_renewed_certificate_is_used_without_a_restart(
    files: TlsFiles, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve(files) as server:
        before = await asyncio.to_thread(certificate_of, server, authority)
        async with AsyncClient(
            server.target, ClientOptions(credentials=tls_credentials(ca=authority.ca))
        ) as client:
            await client.info()
            authority.issue("server")
            after = await asyncio.to_thread(certificate_of, server, authority)
            assert after != before
            await client.info()  # over the connection that is open since before
        caplog.clear()
        files.key.write_text("half a file")
        assert await asyncio.to_thread(certificate_of, server, authority) == after
        assert await asyncio.to_thread(certificate_of, server, authority) == after
        assert [record.getMessage() for record in caplog.records] == [
            "tls_key: holds no PEM private key; the certificate read before stays in use"
        ]
        authority.issue("server")
        assert await asyncio.to_thread(certificate_of, server, authority) not in (before, after)


def certificate_of(server: RpcServer, authority: Authority) -> bytes:
    context = ssl.create_default_context(cafile=authority.ca)
    context.set_alpn_protocols(["h2"])
    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as encrypted,
    ):
        certificate = encrypted.getpeercert(binary_form=True)
    assert certificate is not None
    return certificate


def damage(path: Path) -> None:
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "AAAA", lines[-1]]))


BREAKAGES: list[tuple[str, str, Callable[[Path], None]]] = [
    ("certificate", "cannot be read: No such file or directory", Path.unlink),
    ("certificate", "holds no PEM certificate", lambda path: path.write_bytes(b"\x30\x82")),  # type: ignore[list-item]
    ("certificate", "is damaged or encrypted", damage),
    ("key", "cannot be read: No such file or directory", Path.unlink),
    ("key", "holds no PEM private key", lambda path: shutil.copy(path.with_suffix(".pem"), path)),  # type: ignore[list-item]
    ("key", "is damaged or encrypted", damage),
    ("client_ca", "cannot be read: No such file or directory", Path.unlink),
    ("client_ca", "is damaged or encrypted", damage),
]


@pytest.mark.parametrize(("name", "said", "breaks"), BREAKAGES)
def test_a_file_that_cannot_be_used_is_named(
    authority: Authority, name: str, said: str, breaks: Callable[[Path], None]
) -> None:
    issued = authority.issue("server")
    files = TlsFiles(issued.certificate, issued.key, authority.ca)
    server_credentials(files)
    breaks(getattr(files, name))
    with pytest.raises(InvalidArgument) as refusal:
        server_credentials(files)
    assert (refusal.value.field, refusal.value.description) == (f"tls_{name}", said)


def test_a_key_of_another_certificate_is_named(authority: Authority) -> None:
    one, other = authority.issue("one"), authority.issue("other")
    with pytest.raises(InvalidArgument) as refusal:
        server_credentials(TlsFiles(one.certificate, other.key))
    assert str(refusal.value) == "tls_key: does not belong to tls_certificate"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"ca": "missing.pem"}, "tls_ca"),
        ({"ca": __file__}, "tls_ca"),
        ({"certificate": "c.pem"}, "tls_certificate"),
        ({"key": "k.pem"}, "tls_key"),
    ],
)
def test_the_client_names_its_files_too(given: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        tls_credentials(**given)
    assert refusal.value.field == field


async def test_a_server_with_a_certificate_may_leave_loopback(files: TlsFiles, authority: Authority) -> None:
    server = RpcServer(ScriptedService(), RpcOptions(address="0.0.0.0:0"), server_credentials(files))
    async with server:
        options = ClientOptions(credentials=tls_credentials(ca=authority.ca))
        async with AsyncClient(f"127.0.0.1:{server.port}", options) as client:
            assert (await client.info()).version == "1.2.3"
