"""A third transport: it answers each connection with the model of its service, and its process.

``python -m tests.fakes.third_transport`` runs a front process that has it.
"""

from __future__ import annotations

import asyncio
import os

from tests.fakes.fake_vad import EnergyVad
from translate_svc.access.callers import Callers
from translate_svc.cli import transports
from translate_svc.cli.fronts.front_process import main
from translate_svc.cli.guard.doors import Place
from translate_svc.cli.transports import ServerMaker, Transport
from translate_svc.config import Settings
from translate_svc.errors import TranslateSvcError
from translate_svc.serving.protocols import TranslationService


class ModelNameServer:
    """Implements ``TransportServer``."""

    live_streams = 0

    def __init__(self, service: TranslationService, host: str, port: int, reuse_port: bool) -> None:
        self._service = service
        self._listens_at = host, port
        self._reuse_port = reuse_port
        self._server: asyncio.Server | None = None

    @property
    def target(self) -> str:
        """Host and port."""
        return ":".join(map(str, self._listens_at))

    async def start(self) -> None:
        """Listens."""
        host, port = self._listens_at
        self._server = await asyncio.start_server(self._answer, host, port, reuse_port=self._reuse_port)

    async def stop(self, grace_s: float, reason: TranslateSvcError) -> None:
        """Nobody stays connected."""
        if self._server is not None:
            self._server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"{self._service.info().model.name} {os.getpid()}".encode())
        writer.close()


def _maker(settings: Settings, callers: Callers, place: Place) -> ServerMaker:
    host, port = settings.admin_host, settings.admin_port
    return lambda service: ModelNameServer(service, host, port, place.is_shared)


THIRD = Transport("third", ("admin_host", "admin_port"), "", _maker)
"""Its row. It borrows two settings that front processes do not use."""

if __name__ == "__main__":
    transports.TRANSPORTS += (THIRD,)
    main(EnergyVad)
