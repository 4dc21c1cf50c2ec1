"""``translate-svc serve``: run the server until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from translate_svc.cli import options
from translate_svc.cli.logs import configure_logs
from translate_svc.cli.options import setting
from translate_svc.config import Settings

if TYPE_CHECKING:
    from translate_svc.admin.probes import Probes
    from translate_svc.metrics import Metrics
    from translate_svc.rpc.server import RpcServer

READY_PREFIX = "translate-svc is ready on "
"""Begins the one line on stdout; the address follows."""

_EXIT_ENGINE_LOST = 3
_log = logging.getLogger(__name__)


def serve(
    model: options.Model = None,
    model_cache: options.ModelCache = None,
    host: Annotated[str | None, setting("host", "Address to listen on, or unix:PATH.")] = None,
    port: Annotated[int | None, setting("port", "0 takes a free one.")] = None,
    insecure: Annotated[
        bool | None, typer.Option("--insecure", help="Plaintext on an address that is not loopback.")
    ] = None,
    device: options.Device = None,
    dtype: Annotated[str | None, setting("dtype", "auto, float32 or bfloat16.")] = None,
    max_streams: Annotated[int | None, setting("max_streams", "Live streams at once.")] = None,
    max_slots: Annotated[int | None, setting("max_slots", "Sequences that decode at once.")] = None,
    max_slot_tokens: Annotated[
        int | None, setting("max_slot_tokens", "Longest text of one utterance, in tokens.")
    ] = None,
    max_waiting_requests: Annotated[
        int | None, setting("max_waiting_requests", "Utterances that wait for slots.")
    ] = None,
    max_utterance_ms: Annotated[int | None, setting("max_utterance_ms", "Longest utterance.")] = None,
    min_silence_ms: Annotated[
        int | None, setting("min_silence_ms", "Silence that ends an utterance.")
    ] = None,
    vad_threshold: Annotated[
        float | None, setting("vad_threshold", "Probability that counts as speech.")
    ] = None,
    drain_grace_s: Annotated[
        float | None, setting("drain_grace_s", "What streams get after SIGTERM.")
    ] = None,
    admin: Annotated[
        bool | None, typer.Option("--admin/--no-admin", help="Metrics and probes over HTTP. Default: on.")
    ] = None,
    admin_host: Annotated[str | None, setting("admin_host", "Address of the admin port.")] = None,
    admin_port: Annotated[int | None, setting("admin_port", "0 takes a free one.")] = None,
    log_level: Annotated[str | None, setting("log_level", "debug, info, warning or error.")] = None,
) -> None:
    """Serve speech translation over gRPC.

    Every flag may also be set by an environment variable: TRANSLATE_SVC_MAX_STREAMS for --max-streams.
    The first SIGTERM or Ctrl-C drains, the second one drops what is left.
    """
    settings = Settings.load(dict(locals()))
    configure_logs(settings.log_level)
    sys.exit(asyncio.run(_run(settings)))


async def _run(settings: Settings) -> int:
    """Serves until a signal or the loss of the engine; returns the exit code."""
    # here, for it needs the extra "server", and the other commands do not
    from translate_svc.admin.probes import Probes
    from translate_svc.metrics import Metrics
    from translate_svc.rpc.options import RpcOptions
    from translate_svc.rpc.server import RpcServer
    from translate_svc.service import Service

    loop = asyncio.get_running_loop()
    signals, lost = asyncio.Queue[None](), asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, signals.put_nowait, None)

    def on_fatal(error: BaseException) -> None:
        del error  # the engine has logged it
        lost.set()
        signals.put_nowait(None)

    started, metrics, probes = time.monotonic(), Metrics(), Probes()
    async with (
        _admin_port(settings, metrics, probes),
        Service.start(settings, on_fatal=on_fatal, metrics=metrics) as service,
    ):
        server = RpcServer(service, RpcOptions(address=settings.address, insecure=settings.insecure))
        await server.start()
        probes.attach(service)
        print(f"{READY_PREFIX}{server.target}", flush=True)
        _log.info("ready on %s after %.1f s", server.target, time.monotonic() - started)
        await signals.get()
        service.drain()
        grace_s = 0.0 if lost.is_set() else settings.drain_grace_s
        _log.info("draining %d streams for up to %.0f s", server.live_streams, grace_s)
        await _drain(server, grace_s, signals)
    _log.info("stopped")
    return _EXIT_ENGINE_LOST if lost.is_set() else 0


@asynccontextmanager
async def _admin_port(settings: Settings, metrics: Metrics, probes: Probes) -> AsyncIterator[None]:
    """Answers probes and scrapers, before the model is loaded and until all is taken down."""
    from translate_svc.admin.options import AdminOptions
    from translate_svc.admin.server import AdminServer

    if not settings.admin:
        yield
        return
    async with AdminServer(AdminOptions(settings.admin_host, settings.admin_port), metrics, probes) as admin:
        _log.info("metrics and probes on %s", admin.address)
        yield


async def _drain(server: RpcServer, grace_s: float, signals: asyncio.Queue[None]) -> None:
    """Stops the server gracefully; another signal drops what is left."""
    draining = asyncio.create_task(server.stop(grace_s))
    hastened = asyncio.create_task(signals.get())
    await asyncio.wait({draining, hastened}, return_when=asyncio.FIRST_COMPLETED)
    for task in (draining, hastened):
        task.cancel()
    await asyncio.wait({draining, hastened})
