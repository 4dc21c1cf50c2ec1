"""``translate-svc serve``: runs the server until a signal stops it."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from translate_svc.addresses import is_local
from translate_svc.cli import interrupts, options
from translate_svc.cli.exit_codes import EXIT_LOST
from translate_svc.cli.logs import configure_logs, log_loop_error
from translate_svc.cli.ports import ListenAddress, refuse_taken_ports
from translate_svc.config import Settings
from translate_svc.errors import InvalidArgument

if TYPE_CHECKING:
    from translate_svc.access.api_keys import ApiKeys
    from translate_svc.admin.probes import Probes
    from translate_svc.errors import TranslateSvcError
    from translate_svc.gateway.server import GatewayServer
    from translate_svc.metrics import Metrics
    from translate_svc.rpc.server import RpcServer
    from translate_svc.serving.protocols import Service, TransportServer
    from translate_svc.serving.tls_files import TlsFiles
    from translate_svc.telemetry import Tracing

READY_PREFIX = "translate-svc is ready on "
"""Start of each line on stdout; an address follows. gRPC's comes first."""

_EXIT_DEADLINE_S = 10.0
_log = logging.getLogger(__name__)


@options.with_setting_flags
def serve(**flags: Any) -> None:
    """Serve speech translation over gRPC.

    Every flag may also be set by an environment variable (TRANSLATE_SVC_MAX_STREAMS for --max-streams), or in
    the file of --config (max_streams = 8). Flags count more than variables, and variables more than the file.
    The first SIGTERM or Ctrl-C drains the server, the second one ends the remaining streams.

    Examples:
      translate-svc serve
      translate-svc serve --model facebook/seamless-m4t-v2-large --device cuda
      translate-svc serve --config server.toml
      translate-svc serve --host 0.0.0.0 --tls-certificate c.pem --tls-key k.pem
      TRANSLATE_SVC_PORT=0 translate-svc serve --no-admin
    """
    settings = Settings.load(flags)
    configure_logs(settings.log_level, settings.log_format)
    with options.named_as_given(flags):
        code = interrupts.run(_run(settings))
    if code == EXIT_LOST:
        _exit_now(code)
    sys.exit(code)


async def _run(settings: Settings) -> int:
    """Serves until a signal or the loss of the engine. Returns the exit code."""
    # imported here because only this command needs the extra "server"
    from translate_svc.admin.probes import Probes
    from translate_svc.metrics import Metrics
    from translate_svc.service import Service
    from translate_svc.serving.live_calls import DRAINING

    keys = _api_keys(settings)
    makers: list[Callable[[Service], TransportServer]] = [_rpc_server_maker(settings, keys)]
    addresses = [ListenAddress(settings.host, settings.port, "host", "port")]
    if settings.http:
        makers.append(_gateway_maker(settings, keys))
        addresses.append(ListenAddress.parse(settings.http, "http"))
    refuse_taken_ports(addresses)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(log_loop_error)
    signals, lost = asyncio.Queue[None](), asyncio.Event()

    def on_fatal(error: BaseException) -> None:
        del error  # the engine has logged it already
        lost.set()
        signals.put_nowait(None)
        _arm_exit()

    started, metrics, probes = time.monotonic(), Metrics(), Probes()
    async with (
        _admin_port(settings, metrics, probes),
        _tracing() as tracing,
        Service.start(settings, on_fatal=on_fatal, metrics=metrics, tracing=tracing) as service,
    ):
        servers = [make_server(service) for make_server in makers]
        await _start(servers)
        # a garbage collection over the objects of the model's libraries would stop every stream for 0.2 s
        gc.collect()
        gc.freeze()
        # until here a signal ends the process at once: there is nothing to drain
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, signals.put_nowait, None)
        probes.attach(service)
        model = service.info().model
        if model.notice:
            _log.warning("%s: %s", model.name, model.notice)
        for server in servers:
            print(f"{READY_PREFIX}{server.target}", flush=True)
            _log.info("ready on %s after %.1f s", server.target, time.monotonic() - started)
        await signals.get()
        service.drain(DRAINING)
        grace_s = 0.0 if lost.is_set() else settings.drain_grace_s
        reason = service.refusal or DRAINING
        live_streams = sum(server.live_streams for server in servers)
        _log.info("draining %d streams for up to %.0f s", live_streams, grace_s)
        await _drain(servers, grace_s, reason, signals)
    _log.info("stopped")
    return EXIT_LOST if lost.is_set() else 0


def _api_keys(settings: Settings) -> ApiKeys | None:
    """The keys that callers of every transport need. Raises InvalidArgument if the file cannot be used."""
    from translate_svc.access.api_keys import ApiKeys

    return ApiKeys(Path(settings.api_keys)) if settings.api_keys else None


def _rpc_server_maker(settings: Settings, keys: ApiKeys | None) -> Callable[[Service], RpcServer]:
    """A function that creates the gRPC server of ``settings``, not started yet.

    The settings are checked now, before a model is loaded.

    Raises:
        InvalidArgument: the address is not loopback and TLS is off, or a file cannot be used. Names the
            setting.
    """
    # imported here because only this command needs the extra "server"
    from translate_svc.rpc.options import RpcOptions
    from translate_svc.rpc.server import RpcServer, refuse_plaintext
    from translate_svc.rpc.tls import server_credentials

    options = RpcOptions(
        address=settings.address,
        insecure=settings.insecure,
        keepalive_time_ms=settings.keepalive_time_ms,
        keepalive_timeout_ms=settings.keepalive_timeout_ms,
        ping_timeout_ms=settings.ping_timeout_ms,
    )
    credentials = None
    if settings.tls_certificate:
        credentials = server_credentials(_tls_files(settings))
    try:
        refuse_plaintext(options, credentials)
    except InvalidArgument:
        message = "is not loopback: give tls_certificate and tls_key, or `insecure` to serve plaintext"
        raise InvalidArgument(message, field="host") from None
    if keys is not None and credentials is None and not is_local(settings.address):
        _log.warning("API keys arrive in plaintext: anyone on the network can read them")
    return lambda service: RpcServer(service, options, credentials, keys)


def _tls_files(settings: Settings) -> TlsFiles:
    from translate_svc.serving.tls_files import TlsFiles

    client_ca = Path(settings.tls_client_ca) if settings.tls_client_ca else None
    return TlsFiles(Path(settings.tls_certificate), Path(settings.tls_key), client_ca)


def _gateway_maker(settings: Settings, keys: ApiKeys | None) -> Callable[[Service], GatewayServer]:
    """A function that creates the HTTP server of ``settings``, not started yet.

    Raises:
        InvalidArgument: as ``_rpc_server_maker``.
    """
    from translate_svc.access.client_secrets import ClientSecrets
    from translate_svc.access.resume_tokens import shared_keys
    from translate_svc.gateway.options import GatewayOptions
    from translate_svc.gateway.origins import Origins
    from translate_svc.gateway.server import GatewayServer, refuse_plaintext
    from translate_svc.gateway.tls import server_context
    from translate_svc.gateway.webrtc.availability import check_ice_servers

    options = GatewayOptions(
        address=settings.http,
        insecure=settings.insecure,
        origins=_parts(settings.http_origins),
        ice_servers=_parts(settings.http_ice_servers),
        max_calls=settings.max_streams,
        source_language=settings.http_source_language,
        ping_interval_s=settings.keepalive_time_ms / 1000,
        ping_timeout_s=settings.ping_timeout_ms / 1000,
    )
    tls = server_context(_tls_files(settings)) if settings.tls_certificate else None
    refuse_plaintext(options, tls)
    check_ice_servers(options)
    Origins(options.origins, keys_required=keys is not None)
    secrets = ClientSecrets(shared_keys(Path(settings.resume_keys)) if settings.resume_keys else None)
    return lambda service: GatewayServer(service, options, tls, keys, secrets)


def _parts(text: str) -> tuple[str, ...]:
    """The parts of a setting that commas separate."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


@asynccontextmanager
async def _admin_port(settings: Settings, metrics: Metrics, probes: Probes) -> AsyncIterator[None]:
    """Serves probes and metrics, from before the model is loaded until everything has stopped."""
    from translate_svc.admin.options import AdminOptions
    from translate_svc.admin.server import AdminServer

    if not settings.admin:
        yield
        return
    async with AdminServer(AdminOptions(settings.admin_host, settings.admin_port), metrics, probes) as admin:
        _log.info("metrics and probes on %s", admin.address)
        yield


@asynccontextmanager
async def _tracing() -> AsyncIterator[Tracing | None]:
    """Tracing, if the environment asks for it. The remaining spans are exported at the end."""
    from translate_svc.telemetry import Tracing

    tracing = Tracing.from_environment()
    try:
        yield tracing
    finally:
        if tracing is not None:
            await asyncio.to_thread(tracing.shutdown)


def _arm_exit() -> None:
    """Ends the process ``_EXIT_DEADLINE_S`` after the loss of the engine, whatever hangs.

    Before that the server still tries to fail the live calls and to close its ports.
    """

    def force_exit() -> None:
        _log.critical("the process does not end by itself within %g s of losing the engine", _EXIT_DEADLINE_S)
        _exit_now(EXIT_LOST)

    timer = threading.Timer(_EXIT_DEADLINE_S, force_exit)
    timer.daemon = True
    timer.start()


def _exit_now(code: int) -> None:
    """Ends the process without waiting for any thread: the engine's thread may hang forever."""
    logging.shutdown()
    os._exit(code)


async def _drain(
    servers: list[TransportServer], grace_s: float, reason: TranslateSvcError, signals: asyncio.Queue[None]
) -> None:
    """Drains all servers for ``reason``. Another signal ends the remaining streams at once."""
    draining = asyncio.create_task(_stop(servers, grace_s, reason))
    next_signal = asyncio.create_task(signals.get())
    await asyncio.wait({draining, next_signal}, return_when=asyncio.FIRST_COMPLETED)
    if next_signal.done():
        await _stop(servers, 0, reason)
    next_signal.cancel()
    await draining


async def _start(servers: list[TransportServer]) -> None:
    """Starts all servers. If one cannot start, those before it are stopped."""
    from translate_svc.serving.live_calls import DRAINING

    for index, server in enumerate(servers):
        try:
            await server.start()
        except BaseException:
            await _stop(servers[:index], 0, DRAINING)
            raise


async def _stop(servers: list[TransportServer], grace_s: float, reason: TranslateSvcError) -> None:
    async with asyncio.TaskGroup() as tasks:
        for server in servers:
            tasks.create_task(server.stop(grace_s, reason))
