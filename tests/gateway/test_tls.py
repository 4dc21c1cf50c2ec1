"""TLS over HTTP: the files of gRPC, followed while the server runs."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path

import aiohttp
import pytest
from aiohttp import WSCloseCode

from tests.certificates import Authority, Identity
from tests.fakes.model_free_service import ModelFreeService
from tests.gateway.clients import connect
from translate_svc.errors import InvalidArgument
from translate_svc.gateway.options import GatewayOptions
from translate_svc.gateway.server import GatewayServer
from translate_svc.gateway.tls import server_context
from translate_svc.serving.tls_files import TlsFiles


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def trusting(authority: Authority, identity: Identity | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority.ca)
    if identity is not None:
        context.load_cert_chain(identity.certificate, identity.key)
    return context


async def _serial(server: GatewayServer, context: ssl.SSLContext) -> str:
    """The serial number of the certificate that a new connection gets."""
    async with connect(server.target, ssl=context) as session:
        await session.open("es")
        tls = session.raw.get_extra_info("ssl_object")
        serial: str = tls.getpeercert()["serialNumber"]
        return serial


async def test_a_renewed_certificate_needs_no_restart(
    service: ModelFreeService, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    issued = authority.issue("server")
    tls = server_context(TlsFiles(issued.certificate, issued.key))
    async with GatewayServer(service, tls=tls) as server:
        assert server.target.startswith("https://127.0.0.1:")
        first = await _serial(server, trusting(authority))
        assert await _serial(server, trusting(authority)) == first
        authority.issue("server")
        second = await _serial(server, trusting(authority))
        assert second != first
        issued.key.write_text("half of a key")
        with caplog.at_level(logging.ERROR):
            assert await _serial(server, trusting(authority)) == second
        assert "stays in use" in caplog.text


async def test_browsers_are_told_to_come_back_by_tls_alone(
    service: ModelFreeService, authority: Authority
) -> None:
    issued = authority.issue("server")
    async with (
        GatewayServer(service, tls=server_context(TlsFiles(issued.certificate, issued.key))) as server,
        aiohttp.ClientSession(server.target) as http,
    ):
        for host, told in (("translate.example", "max-age=31536000"), ("localhost:8443", None)):
            async with http.get("/v1/models", headers={"Host": host}, ssl=trusting(authority)) as response:
                assert response.headers.get("Strict-Transport-Security") == told


async def test_the_end_of_a_socket_is_no_fault_of_ours(
    service: ModelFreeService, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    issued = authority.issue("server")
    with caplog.at_level(logging.ERROR):
        async with (
            GatewayServer(service, tls=server_context(TlsFiles(issued.certificate, issued.key))) as server,
            aiohttp.ClientSession(server.target) as http,
        ):
            for _ in range(5):
                async with http.ws_connect("/v1/vosk", ssl=trusting(authority)) as socket:
                    await socket.send_str("not a message of the protocol")
                    assert (await socket.receive()).data == WSCloseCode.POLICY_VIOLATION
    assert caplog.messages == []


async def test_only_clients_with_a_certificate(service: ModelFreeService, authority: Authority) -> None:
    issued = authority.issue("server")
    tls = server_context(TlsFiles(issued.certificate, issued.key, authority.ca))
    async with GatewayServer(service, tls=tls) as server:
        await _serial(server, trusting(authority, authority.issue("client", "somebody")))
        with pytest.raises(aiohttp.ClientError):
            await _serial(server, trusting(authority))


def test_files_that_do_not_fit_are_refused(authority: Authority) -> None:
    one, other = authority.issue("one"), authority.issue("other")
    with pytest.raises(InvalidArgument, match="tls_key: does not belong"):
        server_context(TlsFiles(one.certificate, other.key))


def test_plaintext_stays_on_this_machine(service: ModelFreeService, authority: Authority) -> None:
    with pytest.raises(InvalidArgument, match="http: is not loopback"):
        GatewayServer(service, GatewayOptions(address="0.0.0.0:0"))
    issued = authority.issue("server")
    tls = server_context(TlsFiles(issued.certificate, issued.key))
    GatewayServer(service, GatewayOptions(address="0.0.0.0:0"), tls)
    GatewayServer(service, GatewayOptions(address="0.0.0.0:0", insecure=True))
