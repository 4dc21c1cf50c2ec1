"""Keeps Envoy running in front of the servers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable

from translate_svc.cli.guard.envoy.configuration import configuration
from translate_svc.cli.guard.envoy.process import EnvoyProcess
from translate_svc.cli.guard.envoy.tls_secrets import TlsSecrets
from translate_svc.cli.guard.options import GuardOptions
from translate_svc.errors import TranslateSvcError, Unavailable

_RENEW_S = 1.0
_AGAIN_S = 0.05
_ASK_EVERY_S = 1.0
_MOST_SILENT = 5
"""Questions in a row that Envoy may leave unanswered, each for 2 s. One alone proves nothing: this process
may have been stopped itself.
"""
_log = logging.getLogger(__name__)


class Guard:
    """Envoy, from when all of its doors are open until all are closed.

    An Envoy that ends is started again on the same port: its callers come back and resume, and the model
    stays loaded. One that is frozen is killed before. One that ends soon after a start would do so for
    ever, and the guard is lost.
    """

    def __init__(self, program: str, options: GuardOptions, on_lost: Callable[[], None]) -> None:
        """``program``: Envoy. ``on_lost`` is called once if Envoy does not stay; the log says why.

        Raises:
            InvalidArgument: the TLS files cannot be used. Names the setting.
        """
        self._program = program
        self._options = options
        self._on_lost = on_lost
        self._secrets = TlsSecrets(options.folder, options.tls) if options.tls else None
        self._envoy: EnvoyProcess | None = None
        self._ports = {door.name: door.port for door in options.doors}
        self._open: set[str] = set()
        self._tasks: list[asyncio.Task[None]] = []

    def address(self, name: str) -> str:
        """Host and port that a client of a door connects to; known when Envoy listens."""
        (host,) = (door.host for door in self._options.doors if door.name == name)
        return f"[{host}]:{self._ports[name]}" if ":" in host else f"{host}:{self._ports[name]}"

    @property
    def names(self) -> tuple[str, ...]:
        """Those of its doors."""
        return tuple(self._ports)

    @property
    def pid(self) -> int:
        """The process id of Envoy; 0 while none runs."""
        return 0 if self._envoy is None else self._envoy.pid

    async def open(self, name: str) -> None:
        """Opens the door ``name``, behind which its server listens. The last one starts Envoy.

        Raises:
            Unavailable: it does not listen. It has said why in the log.
        """
        self._open.add(name)
        if self._open < self._ports.keys():
            return
        envoy = await self._start()
        self._ports = await envoy.ports()
        self._tasks.append(asyncio.create_task(self._keep(envoy)))
        if self._secrets is not None:
            self._tasks.append(asyncio.create_task(self._renew(self._secrets)))

    async def close(self, name: str) -> None:
        """Closes a door, whose server has drained. Idempotent.

        The last one ends Envoy, once callers have taken what was sent to them, or ``finish_s`` are over.
        """
        self._open.discard(name)
        if self._open:
            return
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        envoy, self._envoy = self._envoy, None
        if envoy is None:
            return
        with contextlib.suppress(Unavailable, TimeoutError):
            async with asyncio.timeout(self._options.finish_s):
                while await envoy.open_streams():  # noqa: ASYNC110 - Envoy tells no events
                    await asyncio.sleep(_AGAIN_S)
        await envoy.stop()

    async def _start(self) -> EnvoyProcess:
        config = configuration(self._options, self._ports)
        self._envoy = await EnvoyProcess.start(self._program, config, self._options.folder)
        return self._envoy

    async def _keep(self, envoy: EnvoyProcess) -> None:
        began_s = time.monotonic()
        while True:
            code = await self._ended(envoy)
            self._envoy = None
            await envoy.stop()
            if time.monotonic() - began_s < self._options.settled_s:
                break
            _log.error("Envoy has gone (exit code %s) with all connections: it is started again", code)
            began_s = time.monotonic()
            try:
                envoy = await self._start()
            except (TranslateSvcError, OSError) as error:
                _log.error("%s", error)
                break
        _log.critical("Envoy does not stay (exit code %s): nobody reaches the server, which leaves", code)
        self._on_lost()

    async def _ended(self, envoy: EnvoyProcess) -> int:
        """Returns when Envoy has ended, with its exit code. One that is frozen, on which callers would wait
        for ever, is killed.
        """
        ended = asyncio.create_task(envoy.wait())
        try:
            silent = 0
            while not ended.done():
                await asyncio.wait({ended}, timeout=_ASK_EVERY_S)
                silent = 0 if await envoy.is_live() else silent + 1
                if silent == _MOST_SILENT and not ended.done():
                    _log.error("Envoy is frozen: it left %d questions unanswered and is killed", silent)
                    envoy.kill()
            return await ended
        finally:
            ended.cancel()

    async def _renew(self, secrets: TlsSecrets) -> None:
        while True:
            await asyncio.sleep(_RENEW_S)
            await asyncio.to_thread(secrets.renew)
