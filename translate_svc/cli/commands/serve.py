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
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from translate_svc.cli import interrupts, options
from translate_svc.cli.exit_codes import EXIT_LOST
from translate_svc.cli.logs import configure_logs, log_loop_error
from translate_svc.cli.ports import ListenAddress, refuse_taken_ports
from translate_svc.cli.transports import (
    drain_servers,
    start_servers,
    tracing_of_environment,
    transport_makers,
)
from translate_svc.config import Settings
from translate_svc.garbage_collection import keep_all

if TYPE_CHECKING:
    from translate_svc.admin.probes import Probes
    from translate_svc.cli.fronts.fronted_server import FrontedServer
    from translate_svc.metrics import Metrics
    from translate_svc.service import Service
    from translate_svc.serving.protocols import TransportServer

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
    configure_logs(settings.log_level, settings.log_format, waits=False)
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
    from translate_svc.serving.live_calls import DRAINING

    gc.disable()  # until ``keep_all``: a collection would look at the libraries again and again
    makers = transport_makers(settings)
    addresses = [ListenAddress(settings.host, settings.port, "host", "port")]
    if settings.http:
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
        _served(settings, makers, on_fatal, metrics) as (service, servers),
    ):
        keep_all()
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
        _log.info("draining %d streams for up to %.0f s", service.live_sessions, grace_s)
        await drain_servers(servers, grace_s, reason, signals)
    _log.info("stopped")
    return EXIT_LOST if lost.is_set() else 0


@asynccontextmanager
async def _served(
    settings: Settings,
    makers: Sequence[Callable[[Service], TransportServer]],
    on_fatal: Callable[[BaseException], None],
    metrics: Metrics,
) -> AsyncIterator[tuple[Service | FrontedServer, list[TransportServer]]]:
    """The service and its servers, which listen: in this process, or in front processes."""
    if settings.front_processes > 1:
        from translate_svc.cli.fronts.fronted_server import FrontedServer

        async with FrontedServer.start(settings, on_fatal=on_fatal, metrics=metrics) as whole:
            yield whole, whole.servers
        return

    from translate_svc.service import Service

    async with (
        tracing_of_environment() as tracing,
        Service.start(settings, on_fatal=on_fatal, metrics=metrics, tracing=tracing) as service,
    ):
        servers = [make_server(service) for make_server in makers]
        await start_servers(servers)
        yield service, servers


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
