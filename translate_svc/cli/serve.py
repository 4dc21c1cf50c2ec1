"""``translate-svc serve``: run the server until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from translate_svc.cli import options
from translate_svc.cli.logs import configure_logs, log_loop_error
from translate_svc.cli.options import setting
from translate_svc.cli.rpc_server import rpc_server_maker
from translate_svc.config import Settings

if TYPE_CHECKING:
    from translate_svc.admin.probes import Probes
    from translate_svc.metrics import Metrics
    from translate_svc.rpc.server import RpcServer
    from translate_svc.telemetry import Tracing

READY_PREFIX = "translate-svc is ready on "
"""Begins the one line on stdout; the address follows."""

_EXIT_ENGINE_LOST = 3
_EXIT_DEADLINE_S = 10.0
_log = logging.getLogger(__name__)


# long because it declares a flag a setting
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
    graphs: Annotated[
        bool | None,
        typer.Option("--graphs/--no-graphs", help="CUDA graphs, on a GPU. Default: on."),
    ] = None,
    max_streams: Annotated[int | None, setting("max_streams", "Live streams at once.")] = None,
    max_slots: Annotated[int | None, setting("max_slots", "Sequences that decode at once.")] = None,
    max_slot_tokens: Annotated[
        int | None, setting("max_slot_tokens", "Longest text of one utterance, in tokens.")
    ] = None,
    max_waiting_requests: Annotated[
        int | None, setting("max_waiting_requests", "Utterances that wait for slots.")
    ] = None,
    max_queued_input_total_ms: Annotated[
        int | None, setting("max_queued_input_total_ms", "Audio of all streams that waits to be heard.")
    ] = None,
    max_utterance_ms: Annotated[int | None, setting("max_utterance_ms", "Longest utterance.")] = None,
    min_silence_ms: Annotated[
        int | None, setting("min_silence_ms", "Silence that ends an utterance.")
    ] = None,
    vad_threshold: Annotated[
        float | None, setting("vad_threshold", "Probability that counts as speech.")
    ] = None,
    tls_certificate: Annotated[
        str | None, typer.Option(metavar="PEM", help="Serve TLS with this certificate; needs --tls-key.")
    ] = None,
    tls_key: Annotated[str | None, typer.Option(metavar="PEM", help="The certificate's private key.")] = None,
    tls_client_ca: Annotated[
        str | None, typer.Option(metavar="PEM", help="Refuse clients without a certificate of these (mTLS).")
    ] = None,
    api_keys: Annotated[
        str | None, typer.Option(metavar="FILE", help="Refuse callers without a key; see `keys new`.")
    ] = None,
    keepalive_time_ms: Annotated[
        int | None, setting("keepalive_time_ms", "A client silent for so long is pinged.")
    ] = None,
    keepalive_timeout_ms: Annotated[
        int | None, setting("keepalive_timeout_ms", "How long its TCP may take to acknowledge.")
    ] = None,
    ping_timeout_ms: Annotated[
        int | None, setting("ping_timeout_ms", "How long it may take to answer the ping.")
    ] = None,
    drain_grace_s: Annotated[
        float | None, setting("drain_grace_s", "What streams get after SIGTERM.")
    ] = None,
    admin: Annotated[
        bool | None, typer.Option("--admin/--no-admin", help="Metrics and probes over HTTP. Default: on.")
    ] = None,
    admin_host: Annotated[str | None, setting("admin_host", "Address of the admin port.")] = None,
    admin_port: Annotated[int | None, setting("admin_port", "0 takes a free one.")] = None,
    step_timeout_s: Annotated[
        float | None, setting("step_timeout_s", "A step of the engine that takes longer ends the process.")
    ] = None,
    log_level: Annotated[str | None, setting("log_level", "debug, info, warning or error.")] = None,
    log_format: Annotated[str | None, setting("log_format", "json or logfmt.")] = None,
) -> None:
    """Serve speech translation over gRPC.

    Every flag may also be set by an environment variable: TRANSLATE_SVC_MAX_STREAMS for --max-streams.
    The first SIGTERM or Ctrl-C drains, the second one drops what is left.
    """
    settings = Settings.load(dict(locals()))
    configure_logs(settings.log_level, settings.log_format)
    code = asyncio.run(_run(settings))
    if code == _EXIT_ENGINE_LOST:
        _exit_now(code)
    sys.exit(code)


async def _run(settings: Settings) -> int:
    """Serves until a signal or the loss of the engine; returns the exit code."""
    # here, for it needs the extra "server", and the other commands do not
    from translate_svc.admin.probes import Probes
    from translate_svc.metrics import Metrics
    from translate_svc.service import Service

    make_server = rpc_server_maker(settings)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(log_loop_error)
    signals, lost = asyncio.Queue[None](), asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, signals.put_nowait, None)

    def on_fatal(error: BaseException) -> None:
        del error  # the engine has logged it
        lost.set()
        signals.put_nowait(None)
        _arm_exit()

    started, metrics, probes = time.monotonic(), Metrics(), Probes()
    async with (
        _admin_port(settings, metrics, probes),
        _tracing() as tracing,
        Service.start(settings, on_fatal=on_fatal, metrics=metrics, tracing=tracing) as service,
    ):
        server = make_server(service)
        await server.start()
        # Collecting garbage among all that the model's libraries have loaded stops every stream for 0.2 s.
        gc.collect()
        gc.freeze()
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


@asynccontextmanager
async def _tracing() -> AsyncIterator[Tracing | None]:
    """Spans, where the environment asks for them; what is left of them is exported in the end."""
    from translate_svc.telemetry import Tracing

    tracing = Tracing.from_environment()
    try:
        yield tracing
    finally:
        if tracing is not None:
            await asyncio.to_thread(tracing.shutdown)


def _arm_exit() -> None:
    """The engine is lost: the process ends within ``_EXIT_DEADLINE_S``, whatever hangs.

    Clients are told and ports are closed before that where it can be done.
    """

    def give_up() -> None:
        _log.critical("the process does not end by itself within %g s of losing the engine", _EXIT_DEADLINE_S)
        _exit_now(_EXIT_ENGINE_LOST)

    timer = threading.Timer(_EXIT_DEADLINE_S, give_up)
    timer.daemon = True
    timer.start()


def _exit_now(code: int) -> None:
    """Ends the process without waiting for any thread: the engine's may never come back."""
    logging.shutdown()
    os._exit(code)


async def _drain(server: RpcServer, grace_s: float, signals: asyncio.Queue[None]) -> None:
    """Stops the server gracefully; another signal drops what is left."""
    draining = asyncio.create_task(server.stop(grace_s))
    hastened = asyncio.create_task(signals.get())
    await asyncio.wait({draining, hastened}, return_when=asyncio.FIRST_COMPLETED)
    if hastened.done():
        await server.stop(0)
    hastened.cancel()
    await draining
