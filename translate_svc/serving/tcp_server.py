"""A transport of its own over TCP: bind, accept, drain, stop."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from translate_svc.addresses import is_local
from translate_svc.errors import InvalidArgument, TranslateSvcError
from translate_svc.serving.keepalive import keep_alive
from translate_svc.serving.listener import bound_address, listen
from translate_svc.serving.live_calls import DRAINING, LiveCalls
from translate_svc.serving.options import CallOptions
from translate_svc.serving.protocols import TranslationService

_READ_AHEAD_BYTES = 64 * 1024
_SEND_BUFFER_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class TcpOptions(CallOptions):
    """Where the server listens, in addition to ``CallOptions``.

    Attributes:
        host: of the address.
        port: 0 takes a free port.
        insecure: allow an address that is not loopback: the protocol has neither TLS nor a secret.
        reuse_port: other processes of this user may listen at the same port; connections are spread.
        max_connections: at a time. For one more, the oldest without a call is closed; where all have calls,
            it is closed itself.
        keepalive_time_ms: a client's machine is asked after this time without data from it.
        keepalive_timeout_ms: how long it may leave that unanswered.
    """

    host: str = "127.0.0.1"
    port: int = 0
    insecure: bool = False
    reuse_port: bool = False
    max_connections: int = 1_024
    config_timeout_s: float = 300.0
    keepalive_time_ms: int = 20_000
    keepalive_timeout_ms: int = 10_000


class TcpServer(ABC):
    """The ``TransportServer`` of a protocol over plain TCP, whose clients bring no key.

    Use it as a context manager, or call ``start`` and ``stop``.
    """

    field = ""
    """The setting with its address."""

    def __init__(self, service: TranslationService, options: TcpOptions, *, callers_required: bool) -> None:
        """``callers_required``: whether callers may be revoked. Raises InvalidArgument: the address is not
        loopback.
        """
        self.refuse_unprotected(options)
        self.service = service
        self.options = options
        self._callers_required = callers_required
        self.calls = LiveCalls(service, options)
        """The calls that are open now."""
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        """The oldest first."""
        self._server: asyncio.Server | None = None
        self._revoking: asyncio.Task[None] | None = None
        self._port = options.port

    @classmethod
    def refuse_unprotected(cls, options: TcpOptions) -> None:
        """Raises InvalidArgument if the address is not loopback."""
        if not options.insecure and not is_local(options.host):
            raise InvalidArgument("is not loopback: give --insecure to serve plaintext", field=cls.field)

    @abstractmethod
    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one connection to its end, and closes it."""

    @property
    def target(self) -> str:
        """Host and port."""
        return f"{self.options.host}:{self._port}"

    @property
    def live_streams(self) -> int:
        """Calls that are open now."""
        return len(self.calls)

    async def start(self) -> None:
        """Binds the address and serves.

        Raises:
            InvalidArgument: the address cannot be bound.
        """

        def protocol() -> asyncio.BaseProtocol:
            reader = asyncio.StreamReader(limit=_READ_AHEAD_BYTES)
            return asyncio.StreamReaderProtocol(reader, self._connected)

        options = self.options
        try:
            self._server = await listen(protocol, options.host, options.port, reuse_port=options.reuse_port)
        except OSError:
            raise InvalidArgument("cannot be bound", field=self.field) from None
        _, self._port = bound_address(self._server)
        if self._callers_required:
            self._revoking = asyncio.create_task(self.calls.end_revoked())

    async def stop(self, grace_s: float, reason: TranslateSvcError = DRAINING) -> None:
        """Implements ``TransportServer.stop``."""
        await self.calls.drain(grace_s, reason)
        if self._revoking is not None:
            self._revoking.cancel()
        if self._server is not None:
            self._server.close()
        tasks = tuple(self._connections)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop(0)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._connections) >= self.options.max_connections and not self._make_room():
            writer.transport.abort()
            return
        keep_alive(writer, self.options.keepalive_time_ms, self.options.keepalive_timeout_ms)
        writer.transport.set_write_buffer_limits(high=_SEND_BUFFER_BYTES)
        task = asyncio.create_task(self.serve(reader, writer))
        self._connections[task] = writer
        task.add_done_callback(self._connections.pop)

    def _make_room(self) -> bool:
        """Closes the oldest connection without a call, so that those who only connect keep no caller out."""
        calling = self.calls.tasks
        for task, writer in self._connections.items():
            if not task.cancelling() and task not in calling:
                writer.transport.abort()
                task.cancel()
                return True
        return False
