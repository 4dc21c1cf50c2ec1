"""A front process: transports and sessions in front of an engine in another process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from translate_svc.cli.descriptors import allow_all_descriptors
from translate_svc.cli.exit_codes import EXIT_LOST
from translate_svc.cli.freed_memory import returning_freed_memory
from translate_svc.cli.fronts.front_config import FrontConfig
from translate_svc.cli.fronts.remote_service import remote_service
from translate_svc.cli.guard.doors import Place
from translate_svc.cli.interrupts import TERMINATIONS
from translate_svc.cli.logs import configure_logs
from translate_svc.cli.server_group import drain_servers, start_servers
from translate_svc.cli.server_loop import prepare_server_loop
from translate_svc.cli.transports import (
    tracing_of_environment,
    transport_makers,
)
from translate_svc.errors import TranslateSvcError
from translate_svc.garbage_collection import collection_paused, keep_all
from translate_svc.remote_engine.messages import Report
from translate_svc.remote_engine.options import ConnectionOptions

if TYPE_CHECKING:
    from translate_svc.remote_engine.engine_connection import EngineConnection
    from translate_svc.remote_engine.forwarded_metrics import ForwardedMetrics
    from translate_svc.remote_engine.leases import LeasedStreams
    from translate_svc.service import Service
    from translate_svc.vad.frame_vad import FrameVad

_ORPHAN_EXIT_S = 10.0
_log = logging.getLogger(__name__)


def main(
    make_vad: Callable[[], FrameVad] | None = None,
    options: ConnectionOptions = ConnectionOptions(),  # noqa: B008 - frozen
) -> None:
    """Runs a front process to its end. ``make_vad`` creates another detector than the usual one. ``options``:
    of the connection to the engine's process.

    Signals do not end it: the engine's process does, or its own standard input, which is closed when that
    process has gone, or the silence of that process.
    """
    for name in (signal.SIGINT, *TERMINATIONS):
        signal.signal(name, signal.SIG_IGN)
    config = FrontConfig.from_line(sys.stdin.buffer.readline())
    configure_logs(config.settings.log_level, config.settings.log_format)
    allow_all_descriptors()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        with collection_paused():  # until ``keep_all``
            code = asyncio.run(_run(config, make_vad, options))
    except TranslateSvcError as error:
        _log.critical("front process %d: %s", config.index, error)
        code = 1
    except Exception as error:
        _log.critical("front process %d failed", config.index, exc_info=error)
        code = 1
    logging.shutdown()
    os._exit(code)  # whatever threads of libraries still do


def _end_with_parent() -> None:
    """Ends this process some time after the engine's has gone, if it has not ended by itself."""
    while os.read(0, 1024):
        pass
    time.sleep(_ORPHAN_EXIT_S)
    os._exit(EXIT_LOST)


async def _run(
    config: FrontConfig, make_vad: Callable[[], FrameVad] | None, options: ConnectionOptions
) -> int:
    """Serves until it is told to leave, or the engine is lost. Returns the exit code."""
    from translate_svc.observability.counted_log import CountedLog
    from translate_svc.remote_engine.forwarded_metrics import ForwardedMetrics
    from translate_svc.remote_engine.leases import LeasedStreams
    from translate_svc.serving.live_calls import DRAINING

    settings = config.settings
    prepare_server_loop()
    lost = asyncio.Event()

    def on_lost(error: BaseException) -> None:
        _log.critical("%s", error)
        lost.set()

    makers = transport_makers(settings, Place(config.index, is_shared=True, behind=config.behind))
    metrics = ForwardedMetrics()
    logging.getLogger().addHandler(CountedLog(metrics))
    async with (
        tracing_of_environment() as tracing,
        remote_service(
            config.path,
            settings,
            metrics,
            tracing=tracing,
            in_front=True,
            make_vad=make_vad,
            on_lost=on_lost,
            options=options,
        ) as (connection, service),
        _engine_watched(connection, config),
    ):
        leased = LeasedStreams(service.open_streams, connection.acquire)
        connection.peers.acquire, connection.on_stream_leased = leased.acquire, leased.take
        servers = [make_server(service) for make_server in makers]
        await start_servers(servers)
        keep_all()
        connection.report_with(_Reporter(service, metrics, leased).report)
        async with returning_freed_memory():
            grace_s = await _told_to_leave(connection, lost)
        service.drain(DRAINING)
        await drain_servers(servers, grace_s, service.refusal or DRAINING, connection.drains)
    return EXIT_LOST if lost.is_set() else 0


@asynccontextmanager
async def _engine_watched(connection: EngineConnection, config: FrontConfig) -> AsyncIterator[None]:
    """Kills the engine's process once it is silent: it answers no signal either, and who started it waits."""

    async def watch() -> None:
        await connection.fall_silent()
        if os.getppid() == config.engine_pid:
            _log.critical("process %d with the engine is killed", config.engine_pid)
            os.kill(config.engine_pid, signal.SIGKILL)

    loop, grace_s = asyncio.get_running_loop(), config.settings.drain_grace_s
    # the signal goes to all processes of a unit or of a group; it is the engine's process that acts on it
    loop.add_signal_handler(signal.SIGTERM, connection.expect_drain, grace_s)
    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()


async def _told_to_leave(connection: EngineConnection, lost: asyncio.Event) -> float:
    """Returns the grace for the streams, once the process should leave; 0 with a lost engine."""
    told, losing = asyncio.create_task(connection.drains.get()), asyncio.create_task(lost.wait())
    await asyncio.wait({told, losing}, return_when=asyncio.FIRST_COMPLETED)
    for task in (told, losing):
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        return 0.0 if lost.is_set() else await told
    return 0.0


class _Reporter:
    """Reports the load of this process's service."""

    def __init__(self, service: Service, metrics: ForwardedMetrics, leased: LeasedStreams) -> None:
        self._service = service
        self._metrics = metrics
        self._leased = leased

    def report(self) -> Report:
        service, cpu = self._service, os.times()
        return Report(
            ready=True,
            live_streams=service.live_streams,
            queued_input_ms=service.queued_input_ms,
            streams=tuple((stream.age_s, stream.lag_s) for stream in service.open_streams()),
            cpu_s=round(cpu.user + cpu.system, 2),
            resumed=self._leased.session_ids,
            records=self._metrics.take(),
        )


if __name__ == "__main__":
    main()
