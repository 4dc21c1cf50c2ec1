"""The server of the Wyoming protocol, which Home Assistant and its satellites speak."""

from __future__ import annotations

import asyncio
import logging

from translate_svc.access.callers import Callers, Identified
from translate_svc.errors import InvalidArgument, TranslateSvcError
from translate_svc.observability.tracebacks import anonymous_traceback
from translate_svc.serving.protocols import TranslationService
from translate_svc.serving.tcp_server import TcpOptions, TcpServer
from translate_svc.types import Caller, Scope
from translate_svc.wyoming.connection import WyomingConnection
from translate_svc.wyoming.programs import Programs
from translate_svc.wyoming.wyoming_event import EventStream, WyomingEvent

_log = logging.getLogger(__name__)

_DROPPED_BYTES = 64 * 1024


class WyomingServer(TcpServer):
    """The ``TransportServer`` of Wyoming."""

    field = "wyoming"

    def __init__(
        self,
        service: TranslationService,
        options: TcpOptions = TcpOptions(),  # noqa: B008 - frozen
        callers: Callers | None = None,
        *,
        target: str = "",
        caller: str = "",
    ) -> None:
        """``callers``: who may call; None: callers are not asked. ``target``: as for ``Programs``.
        ``caller``: for whom the requests count, since the protocol has no keys.

        Raises:
            InvalidArgument: the model does not translate into ``target``, no caller is named where callers
                are asked for, or the address is not loopback.
        """
        self._callers = callers or Callers()
        super().__init__(service, options, callers_required=self._callers.required)
        refuse_unnamed(caller, self._callers)
        self._caller = caller
        self._programs = Programs(service, target)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one connection. One that cannot be served any more gets an ``error`` and is closed."""
        events = EventStream(reader, writer)
        told = None
        try:
            await WyomingConnection(
                self.service, self.calls, self.options, self._programs, self._identify, events
            ).run()
        except OSError:  # the connection is lost
            pass
        except TranslateSvcError as error:
            text = ": ".join(filter(None, (error.field, error.description)))
            told = WyomingEvent("error", {"text": text, "code": type(error).__name__})
        except Exception as error:
            _log.error("a connection of Wyoming ended: %s", anonymous_traceback(error))
            told = WyomingEvent("error", {"text": "internal error", "code": "Internal"})
        finally:
            await self._close(events, reader, writer, told)

    def _identify(self, scope: Scope) -> Identified:
        return self._callers.restored(Caller(self._caller), scope)

    async def _close(
        self,
        events: EventStream,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        told: WyomingEvent | None,
    ) -> None:
        try:
            async with asyncio.timeout(self.options.abort_timeout_s):
                if told is not None:
                    await events.send(told)
                    writer.write_eof()
                    # who closes before all audio is read resets the connection, and the error is lost
                    while await reader.read(_DROPPED_BYTES):
                        pass
                writer.close()
                await writer.wait_closed()
        except OSError:  # also a timeout
            pass
        finally:
            writer.transport.abort()  # does nothing where it has closed


def refuse_unnamed(caller: str, callers: Callers) -> None:
    """Raises InvalidArgument: callers are asked for, and none is named for the requests of Wyoming."""
    if callers.required and not caller:
        raise InvalidArgument("must name a caller: the protocol has no keys", field="wyoming_caller")
