"""The service of a process whose engine is in another one: of a front process, or of a process of a batch.

Importing this file is cheap. The heavy libraries are imported when a service starts.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from translate_svc.config import Settings
from translate_svc.remote_engine.options import ConnectionOptions

if TYPE_CHECKING:
    from translate_svc.observability.metrics import Metrics
    from translate_svc.observability.telemetry import Tracing
    from translate_svc.remote_engine.engine_connection import EngineConnection
    from translate_svc.service import Service
    from translate_svc.vad.frame_vad import FrameVad


@asynccontextmanager
async def remote_service(
    path: str,
    settings: Settings,
    metrics: Metrics,
    *,
    tracing: Tracing | None = None,
    in_front: bool = False,
    make_vad: Callable[[], FrameVad] | None = None,
    on_lost: Callable[[BaseException], None] = lambda error: None,
    options: ConnectionOptions = ConnectionOptions(),  # noqa: B008 - frozen
) -> AsyncIterator[tuple[EngineConnection, Service]]:
    """Connects to the engine's process and builds a service on its engine.

    Args:
        path: the socket at which the engine's process waits.
        settings: those of the engine's process.
        metrics: where to count.
        tracing: where to export spans.
        in_front: the process is one of the front processes of a server.
        make_vad: creates another detector than the usual one.
        on_lost: called when the engine is lost, after every live stream and call has failed.
        options: times and bounds of the connection.

    Raises:
        Unavailable: the engine's process does not answer, or runs other code.
    """
    from translate_svc.assembly import Assembly
    from translate_svc.remote_engine.engine_connection import EngineConnection
    from translate_svc.resumption import resume_tokens
    from translate_svc.service import Service
    from translate_svc.vad.silero import SileroVad

    services: list[Service] = []

    def lose_engine(error: BaseException) -> None:
        for service in services:
            service.lose_engine()
        on_lost(error)

    async with EngineConnection.open(path, options, on_lost=lose_engine) as connection:
        fronts = connection.peers if in_front else None
        assembly = Assembly(connection.engine, (make_vad or SileroVad)(), connection.welcome.facts)
        tokens = resume_tokens(settings)
        async with Service.on_engine(settings, assembly, tokens, metrics, tracing, fronts) as service:
            services.append(service)
            yield connection, service
