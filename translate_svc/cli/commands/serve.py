"""``translate-svc serve``: runs the server until a signal stops it."""

from __future__ import annotations

import asyncio
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
from translate_svc.cli.descriptors import allow_all_descriptors, connections_within_limit
from translate_svc.cli.exit_codes import EXIT_LOST
from translate_svc.cli.freed_memory import returning_freed_memory
from translate_svc.cli.fronts.front_count import with_front_processes
from translate_svc.cli.guard.doors import Behind, Place
from translate_svc.cli.guard.guard import Guard
from translate_svc.cli.guard.guard_choice import with_guard
from translate_svc.cli.guard.guarded_server import GuardedServer
from translate_svc.cli.guard.guarding import guarding, refuse_unguardable
from translate_svc.cli.logs import configure_logs, flush_logs
from translate_svc.cli.memory_watch import MemoryWatch
from translate_svc.cli.output.standard_output import drop_output
from translate_svc.cli.ports import refuse_taken_ports
from translate_svc.cli.server_group import drain_servers, start_servers
from translate_svc.cli.server_loop import prepare_server_loop
from translate_svc.cli.transports import (
    ServerMaker,
    callers_of,
    listen_addresses,
    refuse_unknown_language,
    target_of,
    tracing_of_environment,
    transport_makers,
)
from translate_svc.config import Settings
from translate_svc.errors import TranslateSvcError, Unavailable
from translate_svc.garbage_collection import collection_paused, keep_all
from translate_svc.memory_limits import MemoryUse
from translate_svc.variables import service_links

if TYPE_CHECKING:
    from translate_svc.admin.probes import Probes
    from translate_svc.observability.metrics import Metrics
    from translate_svc.served_engine import ServedEngine
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
    The first SIGTERM, SIGHUP or Ctrl-C drains the server, the second one ends the remaining streams.

    Examples:
      translate-svc serve
      translate-svc serve --model facebook/seamless-m4t-v2-large --device cuda
      translate-svc serve --config server.toml
      translate-svc serve --host 0.0.0.0 --tls-certificate c.pem --tls-key k.pem
      TRANSLATE_SVC_PORT=0 translate-svc serve --no-admin
    """
    settings = Settings.load(flags)
    configure_logs(settings.log_level, settings.log_format, waits=False)
    if links := service_links(os.environ):
        _log.info(
            "%d variables of Kubernetes Services are not settings and are ignored, such as %s; "
            "the pod needs none of them: enableServiceLinks: false",
            len(links),
            min(links, key=len),
        )
    allow_all_descriptors()
    try:
        with options.named_as_given(flags), collection_paused():  # until ``keep_all``
            code = interrupts.run(_run(settings))
    finally:
        flush_logs()  # an error that ends the command is printed now
    if code == EXIT_LOST:
        _exit_now(code)
    sys.exit(code)


async def _run(settings: Settings) -> int:
    """Serves until the server has to leave. Returns the exit code."""
    # imported here because only this command needs the extra "server"
    from translate_svc.admin.probes import Probes
    from translate_svc.observability.counted_log import CountedLog
    from translate_svc.observability.metrics import Metrics

    settings = with_guard(settings, by_certificate=callers_of(settings).by_certificate)
    refuse_unguardable(settings)
    makers = transport_makers(settings)
    prepare_server_loop()
    leaving = _Leaving()
    started, metrics, probes = time.monotonic(), Metrics(), Probes()
    logging.getLogger().addHandler(CountedLog(metrics))
    async with (
        _admin_port(settings, metrics, probes),
        _served(settings, makers, leaving, metrics) as (service, servers),
        leaving.watching(),
        returning_freed_memory(),
    ):
        keep_all()
        probes.attach(service)
        model = service.info().model
        if model.notice:
            _log.warning("%s: %s", model.name, model.notice)
        for server in servers:
            _announce(server.target)
            _log.info("ready on %s after %.1f s", server.target, time.monotonic() - started)
        await leaving.calls.get()
        service.drain(leaving.reason)
        grace_s = 0.0 if leaving.engine_lost else settings.drain_grace_s
        _log.info("draining %d streams for up to %.0f s", service.live_sessions, grace_s)
        await drain_servers(servers, grace_s, service.refusal or leaving.reason, leaving.calls)
    _log.info("stopped")
    return leaving.exit_code


def _announce(address: str) -> None:
    """Says on standard output where a server listens. It serves also where that cannot be written."""
    try:
        # in one write: a line of the log, which a thread writes, would come between it and its end
        print(f"{READY_PREFIX}{address}\n", end="", flush=True)
    except OSError as error:
        drop_output()
        _log.warning("standard output cannot be written: %s", error.strerror)


class _Leaving:
    """Why the server has to leave: a signal, a lost engine or guard, or memory that runs short.

    ``calls`` gets an entry for each; the second one ends the streams that are still open.
    """

    def __init__(self) -> None:
        self.calls: asyncio.Queue[None] = asyncio.Queue()
        self.engine_lost = False
        self._guard_lost = False
        self._memory_short = False

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Heeds signals and memory. Before, a signal ends the process at once: there is nothing to drain."""
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, *interrupts.heeded(interrupts.TERMINATIONS)):
            loop.add_signal_handler(name, self.calls.put_nowait, None)
        watching_memory = asyncio.create_task(MemoryWatch(self._run_short).run())
        try:
            yield
        finally:
            watching_memory.cancel()

    @property
    def reason(self) -> TranslateSvcError:
        """What callers are told. Those of a lost engine are told by the service."""
        from translate_svc.serving.live_calls import DRAINING

        return Unavailable("the server is short of memory") if self._memory_short else DRAINING

    @property
    def exit_code(self) -> int:
        """``EXIT_LOST`` tells an orchestrator that nobody asked for it."""
        return EXIT_LOST if self.engine_lost or self._guard_lost or self._memory_short else 0

    def lose_engine(self, error: BaseException) -> None:
        """The engine will never answer again; it has logged why."""
        self.engine_lost = True
        self.calls.put_nowait(None)
        _arm_exit()

    def lose_guard(self) -> None:
        """Nobody reaches what is behind it any more; the guard has logged why. Others are drained."""
        self._guard_lost = True
        self.calls.put_nowait(None)

    def _run_short(self, use: MemoryUse) -> None:
        _log.critical("memory is short (%s): the server leaves before the system ends it", use)
        self._memory_short = True
        self.calls.put_nowait(None)


@asynccontextmanager
async def _served(
    settings: Settings,
    makers: Sequence[ServerMaker],
    leaving: _Leaving,
    metrics: Metrics,
) -> AsyncIterator[tuple[ServedEngine, list[TransportServer]]]:
    """The service and its servers, which listen: in this process, or in front processes, perhaps guarded."""
    # now, because the admin port is in use already
    refuse_taken_ports(listen_addresses(settings).values())
    refuse_unknown_language(settings)
    settings = await asyncio.to_thread(with_front_processes, settings)
    with guarding(settings, leaving.lose_guard) as guarded:
        behind = None
        if guarded is not None:
            behind, guard = guarded
            makers = transport_makers(settings, Place(behind=behind))
        async with _created(settings, makers, leaving.lose_engine, metrics, behind) as (service, servers):
            if guarded is not None:
                servers = _behind(guard, servers, settings)
            await start_servers(servers)
            yield service, servers


def _behind(guard: Guard, servers: Sequence[TransportServer], settings: Settings) -> list[TransportServer]:
    """``servers``, each behind its door of the guard, if it has one."""

    def behind(name: str, server: TransportServer) -> TransportServer:
        if name not in guard.names:
            return server
        return GuardedServer(server, guard, name, lambda address: target_of(name, address, settings))

    return list(map(behind, listen_addresses(settings), servers))


@asynccontextmanager
async def _created(
    settings: Settings,
    makers: Sequence[ServerMaker],
    on_fatal: Callable[[BaseException], None],
    metrics: Metrics,
    behind: Behind | None,
) -> AsyncIterator[tuple[ServedEngine, list[TransportServer]]]:
    """The service and its servers, which are not started yet."""
    if settings.front_processes > 1:
        from translate_svc.cli.fronts.fronted_server import FrontedServer

        async with FrontedServer.start(settings, on_fatal=on_fatal, metrics=metrics, behind=behind) as whole:
            yield whole, whole.servers
        return

    from translate_svc.service import Service

    async with (
        tracing_of_environment() as tracing,
        Service.start(settings, on_fatal=on_fatal, metrics=metrics, tracing=tracing) as service,
    ):
        yield service, [make_server(service) for make_server in makers]


@asynccontextmanager
async def _admin_port(settings: Settings, metrics: Metrics, probes: Probes) -> AsyncIterator[None]:
    """Serves probes and metrics, from before the model is loaded until everything has stopped."""
    from translate_svc.admin.options import AdminOptions
    from translate_svc.admin.server import AdminServer

    if not settings.admin:
        yield
        return
    # a third as many as all of gRPC, so that neither takes the other's descriptors
    most = connections_within_limit(3 * AdminOptions().max_connections) // 3
    own = AdminOptions(settings.admin_host, settings.admin_port, max_connections=most)
    async with AdminServer(own, metrics, probes) as admin:
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
