"""The server of Asterisk's AudioSocket: bind, serve, drain, stop."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from translate_svc.access.callers import Callers, Identified
from translate_svc.addresses import is_local
from translate_svc.audiosocket.connection import AudioSocketConnection
from translate_svc.errors import InvalidArgument, StreamTimeout, TranslateSvcError
from translate_svc.languages import LanguageTable
from translate_svc.observability.tracebacks import anonymous_traceback
from translate_svc.serving.listener import bound_address, listen
from translate_svc.serving.live_calls import DRAINING, LiveCalls
from translate_svc.serving.options import CallOptions
from translate_svc.serving.protocols import TranslationService
from translate_svc.telephone import telephone_file
from translate_svc.telephone.phone_call import PhoneCall
from translate_svc.telephone.telephone_file import Telephone
from translate_svc.types import Caller, Scope

FIELD = "audiosocket"
_READ_AHEAD_BYTES = 64 * 1024
_SEND_BUFFER_BYTES = 64 * 1024

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AudioSocketOptions(CallOptions):
    """Where the server listens, in addition to ``CallOptions``.

    Attributes:
        host: of the address.
        port: 0 takes a free port.
        insecure: allow an address that is not loopback: the protocol has neither TLS nor a secret.
        reuse_port: other processes of this user may listen at the same port; connections are spread.
        max_connections: at a time. Further ones are closed immediately.
    """

    host: str = "127.0.0.1"
    port: int = 0
    insecure: bool = False
    reuse_port: bool = False
    max_connections: int = 1_024
    config_timeout_s: float = 300.0


def refuse_unprotected(telephone: Telephone, options: AudioSocketOptions, callers: Callers) -> None:
    """Raises InvalidArgument: the address is not loopback, or callers are asked for and none is named."""
    if not options.insecure and not is_local(options.host):
        raise InvalidArgument("is not loopback: give --insecure to serve plaintext", field=FIELD)
    section = telephone.file.audiosocket
    if callers.required and (section is None or section.caller is None):
        raise InvalidArgument("must name audiosocket.caller: calls bring no key", field=telephone_file.FIELD)


class AudioSocketServer:
    """The ``TransportServer`` of AudioSocket: a call for each connection.

    Use it as a context manager, or call ``start`` and ``stop``.
    """

    def __init__(
        self,
        service: TranslationService,
        telephone: Telephone,
        options: AudioSocketOptions = AudioSocketOptions(),
        callers: Callers | None = None,
    ) -> None:
        """``callers``: who may call; None: callers are not asked.

        Raises:
            InvalidArgument: the operator's file has no section for it, names a language that the model does
                not have, or no caller where callers are asked for; or the address is not loopback.
        """
        self._callers = callers or Callers()
        self._telephone = telephone
        telephone.serve(LanguageTable(service.languages()))
        refuse_unprotected(telephone, options, self._callers)
        self._service = service
        self._options = options
        self._calls = LiveCalls(service, options)
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._revoking: asyncio.Task[None] | None = None
        self._port = options.port

    @property
    def target(self) -> str:
        """Host and port."""
        return f"{self._options.host}:{self._port}"

    @property
    def live_streams(self) -> int:
        """Calls that are open now."""
        return len(self._calls)

    async def start(self) -> None:
        """Binds the address and serves.

        Raises:
            InvalidArgument: the address cannot be bound.
        """

        def protocol() -> asyncio.BaseProtocol:
            reader = asyncio.StreamReader(limit=_READ_AHEAD_BYTES)
            return asyncio.StreamReaderProtocol(reader, self._connected)

        options = self._options
        try:
            self._server = await listen(protocol, options.host, options.port, reuse_port=options.reuse_port)
        except OSError:
            raise InvalidArgument("cannot be bound", field=FIELD) from None
        _, self._port = bound_address(self._server)
        if self._callers.required:
            self._revoking = asyncio.create_task(self._calls.end_revoked())

    async def stop(self, grace_s: float, reason: TranslateSvcError = DRAINING) -> None:
        """Implements ``TransportServer.stop``."""
        await self._calls.drain(grace_s, reason)
        if self._revoking is not None:
            self._revoking.cancel()
        if self._server is not None:
            self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop(0)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._tasks) >= self._options.max_connections:
            writer.transport.abort()
            return
        writer.transport.set_write_buffer_limits(high=_SEND_BUFFER_BYTES)
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one call, and hangs up. Why it could not be served is in the log: nobody could be told."""
        connection = AudioSocketConnection(reader, writer)
        try:
            await self._interpret(connection)
        except ConnectionError:
            pass
        except TranslateSvcError as error:
            _log.warning("a call over AudioSocket ended: %s", error)
        except Exception as error:
            _log.error("a call over AudioSocket ended: %s", anonymous_traceback(error))
        finally:
            await self._close(connection, writer)

    async def _interpret(self, connection: AudioSocketConnection) -> None:
        file = self._telephone.file
        with self._calls.admission():
            who = self._caller(file.audiosocket.caller if file.audiosocket else None)
        call = PhoneCall(self._service, self._calls, self._options, connection)
        waited_s = self._options.config_timeout_s
        with self._calls.opening(who.caller):
            self._calls.check_open()
            try:
                async with asyncio.timeout(waited_s):
                    if (started := await call.started()) is None:
                        return
                    first = file.first_settings(started)
                    keys = file.key_settings(first)
                    chosen = await call.chosen(first, keys)
            except TimeoutError:
                raise StreamTimeout(f"no target language came for {waited_s:g} s") from None
        if chosen is not None:
            await call.run(started, chosen, keys, who)

    def _caller(self, name: str | None) -> Identified:
        return self._callers.restored(Caller(name or ""), Scope.STREAM)

    async def _close(self, connection: AudioSocketConnection, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(self._options.abort_timeout_s):
                await connection.hang_up()
                writer.close()
                await writer.wait_closed()
        except (TimeoutError, ConnectionError):
            writer.transport.abort()
