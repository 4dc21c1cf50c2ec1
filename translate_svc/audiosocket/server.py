"""The server of Asterisk's AudioSocket: a call for each connection."""

from __future__ import annotations

import asyncio
import logging

from translate_svc.access.callers import Callers, Identified
from translate_svc.audiosocket.connection import AudioSocketConnection
from translate_svc.errors import InvalidArgument, StreamTimeout, TranslateSvcError
from translate_svc.observability.tracebacks import anonymous_traceback
from translate_svc.serving.protocols import TranslationService
from translate_svc.serving.tcp_server import TcpOptions, TcpServer
from translate_svc.telephone import telephone_file
from translate_svc.telephone.phone_call import PhoneCall
from translate_svc.telephone.telephone_file import Telephone
from translate_svc.types import Caller, Scope

_log = logging.getLogger(__name__)


class AudioSocketServer(TcpServer):
    """The ``TransportServer`` of AudioSocket."""

    field = "audiosocket"

    def __init__(
        self,
        service: TranslationService,
        telephone: Telephone,
        options: TcpOptions = TcpOptions(),  # noqa: B008 - frozen
        callers: Callers | None = None,
    ) -> None:
        """``callers``: who may call; None: callers are not asked.

        Raises:
            InvalidArgument: the operator's file has no section for it, names a language that the model does
                not have, or no caller where callers are asked for; or the address is not loopback.
        """
        self._callers = callers or Callers()
        super().__init__(service, options, callers_required=self._callers.required)
        self._telephone = telephone
        telephone.serve(service.languages())
        refuse_unnamed(telephone, self._callers)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one call, and hangs up. Why it could not be served is in the log: nobody could be told."""
        connection = AudioSocketConnection(reader, writer)
        try:
            await self._interpret(connection)
        except OSError:  # the connection is lost
            pass
        except TranslateSvcError as error:
            _log.warning("a call over AudioSocket ended: %s", error)
        except Exception as error:
            _log.error("a call over AudioSocket ended: %s", anonymous_traceback(error))
        finally:
            await self._close(connection, writer)

    async def _interpret(self, connection: AudioSocketConnection) -> None:
        file = self._telephone.file
        with self.calls.admission():
            who = self._caller(file.audiosocket.caller if file.audiosocket else None)
        call = PhoneCall(self.service, self.calls, self.options, connection)
        waited_s, missing = self.options.config_timeout_s, "audio"
        with self.calls.opening(who.caller):
            self.calls.check_open()
            try:
                async with asyncio.timeout(waited_s):
                    if (started := await call.started()) is None:
                        return
                    missing = "key that says the target language"
                    first = file.first_settings(started)
                    keys = file.key_settings(first)
                    chosen = await call.chosen(first, keys)
            except TimeoutError:
                raise StreamTimeout(f"no {missing} came for {waited_s:g} s") from None
        if chosen is not None:
            await call.run(started, chosen, keys, who)

    def _caller(self, name: str | None) -> Identified:
        return self._callers.restored(Caller(name or ""), Scope.STREAM)

    async def _close(self, connection: AudioSocketConnection, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(self.options.abort_timeout_s):
                await connection.hang_up()
                writer.close()
                await writer.wait_closed()
        except OSError:  # also a timeout
            writer.transport.abort()


def refuse_unnamed(telephone: Telephone, callers: Callers) -> None:
    """Raises InvalidArgument: callers are asked for, and the operator's file names none."""
    section = telephone.file.audiosocket
    if callers.required and (section is None or section.caller is None):
        raise InvalidArgument("must name audiosocket.caller: calls bring no key", field=telephone_file.FIELD)
