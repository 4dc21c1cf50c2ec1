"""Real servers behind the real Envoy, without a model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from translate_svc.cli.guard.envoy.process import find_envoy
from translate_svc.cli.guard.guard import Guard
from translate_svc.cli.guard.guarded_server import GuardedServer
from translate_svc.cli.guard.limits import GuardLimits, HttpLimits
from translate_svc.cli.guard.options import Door, GuardOptions
from translate_svc.cli.interrupts import temporary_folder
from translate_svc.serving.live_calls import DRAINING
from translate_svc.serving.protocols import TransportServer
from translate_svc.serving.tls_files import TlsFiles


@dataclass
class Guarded:
    """Servers by the names of their doors, their guard, and whether that is lost."""

    servers: dict[str, GuardedServer]
    guard: Guard
    lost: asyncio.Event


@asynccontextmanager
async def guarded(
    makers: Mapping[str, Callable[[Path], TransportServer]],
    tls: TlsFiles | None = None,
    settled_s: float = 10.0,
    http_limits: HttpLimits = HttpLimits(),  # noqa: B008 - frozen
    limits: GuardLimits = GuardLimits(),  # noqa: B008 - frozen
) -> AsyncIterator[Guarded]:
    """Servers that listen at the sockets which ``makers`` get, by the names of their doors."""
    program, lost = find_envoy(), asyncio.Event()
    assert program is not None
    with temporary_folder("guard-test-") as folder:
        doors = tuple(Door(name, "127.0.0.1", 0, (folder / f"{name}.sock",)) for name in makers)
        options = GuardOptions(
            doors, folder, tls=tls, limits=limits, http_limits=http_limits, settled_s=settled_s
        )
        guard = Guard(program, options, lost.set)
        servers = {
            door.name: GuardedServer(makers[door.name](door.sockets[0]), guard, door.name) for door in doors
        }
        try:
            for server in servers.values():
                await server.start()
            yield Guarded(servers, guard, lost)
        finally:
            for server in servers.values():
                await server.stop(0, DRAINING)
