"""The transports that a server may have: gRPC always, others where they are asked for.

For ``serve`` and its front processes.
"""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from translate_svc.cli.descriptors import connections_within_limit
from translate_svc.cli.guard.doors import Place, guarded
from translate_svc.cli.guard.envoy.parts import PEER_HEADER
from translate_svc.cli.guard.exposure import warn_of_exposure
from translate_svc.cli.options import comma_parts
from translate_svc.cli.ports import ListenAddress
from translate_svc.config import Settings
from translate_svc.errors import InvalidArgument

if TYPE_CHECKING:
    from translate_svc.access.callers import Callers
    from translate_svc.observability.telemetry import Tracing
    from translate_svc.serving.protocols import TranslationService, TransportServer
    from translate_svc.serving.tcp_server import TcpOptions, TcpServer
    from translate_svc.serving.tls_files import TlsFiles

ServerMaker = Callable[["TranslationService"], "TransportServer"]
"""Creates a server, which is not started yet."""

_OWN = Place()
"""Servers of one process, at the addresses of the settings."""


def transport_makers(settings: Settings, place: Place = _OWN) -> list[ServerMaker]:
    """Functions that create the servers of ``settings``, in the order of ``TRANSPORTS``.

    The settings are checked now, before a model is loaded.

    Raises:
        InvalidArgument: an address is not loopback and TLS is off, or a file cannot be used. Names the
            setting.
    """
    callers, wanted = callers_of(settings), listen_addresses(settings)
    makers = [each.maker(settings, callers, place) for each in TRANSPORTS if each.name in wanted]
    if place == _OWN:  # else the server has said it
        warn_of_exposure(settings, guarded(wanted).values(), callers)
    return makers


def listen_addresses(settings: Settings) -> dict[str, ListenAddress]:
    """Where the transports that ``settings`` ask for will listen, by their names."""
    addresses = {each.name: each.address(settings) for each in TRANSPORTS}
    return {name: address for name, address in addresses.items() if address is not None}


def target_of(name: str, address: object, settings: Settings) -> str:
    """What a client of the transport ``name`` connects to, at the address ``host:port``."""
    (transport,) = (each for each in TRANSPORTS if each.name == name)
    return transport.target(address, bool(settings.tls_certificate))


def client_targets(settings: Settings, addresses: Mapping[str, ListenAddress]) -> dict[str, str]:
    """What clients of each transport connect to, where it listens at ``addresses``."""
    names = [each.name for each in TRANSPORTS if each.name in addresses]
    return {name: target_of(name, addresses[name], settings) for name in names}


@dataclass(frozen=True, slots=True)
class Transport:
    """One way for clients to reach the service.

    Attributes:
        name: of nothing else in ``TRANSPORTS``.
        fields: the settings with its address: one with ``host:port``, where empty means that it is off, or
            one with the host and one with the port.
        scheme: of its URLs without TLS; empty: clients connect to ``host:port``.
        maker: checks its settings, and returns what creates its server at a place. Raises
            ``InvalidArgument``, which names the setting.
    """

    name: str
    fields: tuple[str, ...]
    scheme: str
    maker: Callable[[Settings, Callers, Place], ServerMaker]

    def address(self, settings: Settings) -> ListenAddress | None:
        """Where it will listen; None: it is off."""
        values = [getattr(settings, field) for field in self.fields]
        if len(values) == 2:
            return ListenAddress(*values, *self.fields)
        return ListenAddress.parse(*values, *self.fields) if values[0] else None

    def target(self, address: object, tls: bool) -> str:
        """What a client connects to: ``address`` is ``host:port``."""
        return f"{self.scheme}{'s' * tls}://{address}" if self.scheme else str(address)


def callers_of(settings: Settings) -> Callers:
    """Finds out who calls, for every transport. Raises InvalidArgument if a file cannot be used."""
    from translate_svc.access.api_keys import ApiKeys
    from translate_svc.access.callers import Callers

    keys = ApiKeys(Path(settings.api_keys)) if settings.api_keys else None
    callers = Callers(keys, Path(settings.callers) if settings.callers else None)
    if callers.by_certificate and not settings.tls_client_ca:
        raise InvalidArgument("knows callers by certificates, which needs tls_client_ca", field="callers")
    if callers.by_certificate and settings.guard == "on":
        message = "knows callers by certificates, which the server does not see behind guard: use keys"
        raise InvalidArgument(message, field="callers")
    return callers


def _rpc_server_maker(settings: Settings, callers: Callers, place: Place) -> ServerMaker:
    """A function that creates the gRPC server of ``settings``, not started yet.

    The settings are checked now, before a model is loaded.

    Raises:
        InvalidArgument: the address is not loopback and TLS is off, a file cannot be used, or a package is
            missing. Names the setting.
    """
    # imported here because only this command needs the extra "server"
    from translate_svc.rpc.options import RpcOptions
    from translate_svc.rpc.server import RpcServer, refuse_plaintext
    from translate_svc.rpc.tls import server_credentials

    if settings.riva and importlib.util.find_spec("riva") is None:
        raise InvalidArgument("needs NVIDIA's protocol: pip install 'translate-svc[riva]'", field="riva")
    socket = place.socket("grpc")
    options = RpcOptions(
        address=f"unix:{socket}" if socket else settings.address,
        insecure=settings.insecure,
        keepalive_time_ms=settings.keepalive_time_ms,
        keepalive_timeout_ms=settings.keepalive_timeout_ms,
        ping_timeout_ms=settings.ping_timeout_ms,
        max_connections=connections_within_limit(RpcOptions().max_connections),
        reuse_port=place.is_shared,
        riva=settings.riva,
        peer_header=PEER_HEADER if socket else "",
    )
    credentials = None
    if settings.tls_certificate and not socket:
        credentials = server_credentials(_tls_files(settings))
    try:
        refuse_plaintext(options, credentials)
    except InvalidArgument:
        message = "is not loopback: give tls_certificate and tls_key, or `insecure` to serve plaintext"
        raise InvalidArgument(message, field="host") from None
    return lambda service: RpcServer(service, options, credentials, callers)


def _tls_files(settings: Settings) -> TlsFiles:
    from translate_svc.serving.tls_files import TlsFiles

    client_ca = Path(settings.tls_client_ca) if settings.tls_client_ca else None
    return TlsFiles(Path(settings.tls_certificate), Path(settings.tls_key), client_ca)


def _gateway_maker(settings: Settings, callers: Callers, place: Place) -> ServerMaker:
    """A function that creates the HTTP server of ``settings``, not started yet.

    Raises:
        InvalidArgument: as ``_rpc_server_maker``.
    """
    from translate_svc.access.client_secrets import ClientSecrets
    from translate_svc.access.resume_tokens import shared_keys
    from translate_svc.gateway.options import GatewayOptions, Proxy
    from translate_svc.gateway.origins import Origins
    from translate_svc.gateway.server import GatewayServer, refuse_plaintext
    from translate_svc.gateway.tls import server_context
    from translate_svc.gateway.webrtc.availability import check_ice_servers
    from translate_svc.telephone.telephone_file import Telephone

    socket = place.socket("http")
    proxy = Proxy(socket, PEER_HEADER, tls=bool(settings.tls_certificate)) if socket else None
    options = GatewayOptions(
        address=settings.http,
        proxy=proxy,
        insecure=settings.insecure,
        origins=_named(settings.http_origins),
        ice_servers=_named(settings.http_ice_servers),
        process_index=place.index,
        max_calls=settings.max_streams,
        source_language=settings.http_source_language,
        ping_interval_s=settings.keepalive_time_ms / 1000,
        ping_timeout_s=settings.ping_timeout_ms / 1000,
        reuse_port=place.is_shared,
    )
    tls = server_context(_tls_files(settings)) if settings.tls_certificate and not socket else None
    refuse_plaintext(options, tls)
    check_ice_servers(options)
    Origins(options.origins, keys_required=lambda: callers.required)
    secrets = ClientSecrets(shared_keys(Path(settings.resume_keys)) if settings.resume_keys else None)
    telephone = Telephone(Path(settings.telephone)) if settings.telephone else None
    return lambda service: GatewayServer(service, options, tls, callers, secrets, telephone)


def _audiosocket_maker(settings: Settings, callers: Callers, place: Place) -> ServerMaker:
    """A function that creates the server of Asterisk's AudioSocket, not started yet.

    Raises:
        InvalidArgument: there is no ``telephone``, or its file or the address cannot be used.
    """
    from translate_svc.audiosocket.server import AudioSocketServer, refuse_unnamed
    from translate_svc.telephone.telephone_file import Telephone

    if not settings.telephone:
        raise InvalidArgument("needs `telephone`, which says what becomes of calls", field="audiosocket")
    options = _tcp_options(settings, settings.audiosocket, AudioSocketServer, place)
    telephone = Telephone(Path(settings.telephone))
    refuse_unnamed(telephone, callers)
    return lambda service: AudioSocketServer(service, telephone, options, callers)


def _wyoming_maker(settings: Settings, callers: Callers, place: Place) -> ServerMaker:
    """A function that creates the server of the Wyoming protocol, not started yet.

    Raises:
        InvalidArgument: the address cannot be used, or ``wyoming_caller`` is missing.
    """
    from translate_svc.wyoming.server import WyomingServer, refuse_unnamed

    options = _tcp_options(settings, settings.wyoming, WyomingServer, place)
    refuse_unnamed(settings.wyoming_caller, callers)
    names = {"target": settings.wyoming_target, "caller": settings.wyoming_caller}
    return lambda service: WyomingServer(service, options, callers, **names)


def _tcp_options(settings: Settings, text: str, kind: type[TcpServer], place: Place) -> TcpOptions:
    """Options of a server of ``kind`` at the address in ``text``. Raises InvalidArgument, as it does."""
    from translate_svc.serving.tcp_server import TcpOptions

    address = ListenAddress.parse(text, kind.field)
    options = TcpOptions(
        host=address.host,
        port=address.port,
        insecure=settings.insecure,
        reuse_port=place.is_shared,
        keepalive_time_ms=settings.keepalive_time_ms,
        keepalive_timeout_ms=settings.keepalive_timeout_ms,
    )
    kind.refuse_unprotected(options)
    return options


TRANSPORTS: tuple[Transport, ...] = (
    Transport("grpc", ("host", "port"), "", _rpc_server_maker),
    Transport("http", ("http",), "http", _gateway_maker),
    Transport("audiosocket", ("audiosocket",), "", _audiosocket_maker),
    Transport("wyoming", ("wyoming",), "", _wyoming_maker),
)
"""All of them. ``serve`` and its front processes serve each that the settings ask for; gRPC comes first."""


def refuse_unknown_language(settings: Settings) -> None:
    """Checks ``http_source_language`` against the languages of the model, whose weights are not read.

    Raises:
        InvalidArgument: the model does not have the language.
        CheckpointError: there is no such model, or its directory is incomplete.
    """
    from translate_svc.models.checkpoint.identity import find_checkpoint
    from translate_svc.models.registry import describe
    from translate_svc.server_info import language_table

    if settings.http_source_language:
        folder = find_checkpoint(settings.model, Path(settings.model_cache))
        table = language_table(describe(folder).capabilities(folder))
        if table.find(settings.http_source_language) is None:
            message = "is not a language of the model (translate-svc languages lists them)"
            raise InvalidArgument(message, field="http_source_language")


def _named(text: str) -> tuple[str, ...]:
    """What a setting lists with commas; nothing if it is empty."""
    return tuple(filter(None, comma_parts((text,))))


@asynccontextmanager
async def tracing_of_environment() -> AsyncIterator[Tracing | None]:
    """Tracing, if the environment asks for it. The remaining spans are exported at the end."""
    from translate_svc.observability.telemetry import Tracing

    tracing = Tracing.from_environment()
    try:
        yield tracing
    finally:
        if tracing is not None:
            await asyncio.to_thread(tracing.shutdown)
