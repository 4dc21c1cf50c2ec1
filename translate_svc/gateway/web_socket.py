"""One WebSocket: messages in and out, pings, and its close."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NoReturn

from aiohttp import WSMessage, WSMsgType, hdrs, web

from translate_svc.errors import InvalidArgument, StreamTimeout
from translate_svc.gateway.failures import CLOSE_NORMAL, Failure, RequestTooLarge, close_code_of, failure_of
from translate_svc.gateway.options import GatewayOptions
from translate_svc.gateway.socket_response import SocketResponse
from translate_svc.gateway.unsent import cut_off, unsent_bytes
from translate_svc.serving.frame_pace import FramePace
from translate_svc.types import SessionEvent

SUBPROTOCOL = "realtime"
"""The subprotocol that browsers name beside the one that holds their key."""

WireEvent = dict[str, Any]
"""An event of the protocol as JSON values."""

_MAX_REASON_BYTES = 123
_HANDSHAKE = {hdrs.CONNECTION: "upgrade", hdrs.UPGRADE: "websocket", hdrs.SEC_WEBSOCKET_VERSION: "13"}
_RESUMED_AT = 4
"""asyncio lets writers continue when the buffer has fallen to this part of its bound."""
_GONE = (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR)


class EventTexts:
    """Events as JSON texts, each with an id."""

    def __init__(self) -> None:
        self._event_ids = map(f"event_{secrets.token_hex(6)}_{{}}".format, itertools.count(1))

    def text(self, event: WireEvent) -> str:
        """The message that carries ``event``."""
        return json.dumps(
            {"type": event["type"], "event_id": next(self._event_ids), **event}, separators=(",", ":")
        )


class WebSocket:
    """The server's end of a connection that carries OpenAI's events, or messages of another protocol.

    One task receives; several may send. ``send`` waits while the client does not read. A client is pinged
    when nothing came from it for a while, but only while the server reads: a client that is held back by flow
    control cannot be heard.
    """

    def __init__(
        self,
        options: GatewayOptions,
        protocols: Sequence[str] = (SUBPROTOCOL,),
        *,
        autoclose: bool = True,
        tells_errors: bool = True,
    ) -> None:
        """``protocols``: the subprotocols of which a client that offers any must offer one. ``autoclose``:
        whether a client's close is answered at once, after which it is gone, or only by ``close``.
        ``tells_errors``: whether OpenAI's ``error`` events say why the server closes.
        """
        self._options = options
        self._protocols = protocols
        self._tells_errors = tells_errors
        self._socket = SocketResponse(
            self._tell_too_long,
            timeout=options.abort_timeout_s,
            autoclose=autoclose,
            autoping=False,
            compress=False,
            max_msg_size=options.max_message_bytes,
            protocols=protocols,
            writer_limit=0,
        )
        self._transport: asyncio.WriteTransport | None = None
        self._handler: asyncio.Task[Any] | None = None
        self._texts = EventTexts()
        self._pace = FramePace()
        self.bytes_out = 0
        """Size of all messages sent so far."""
        self.left = False
        """Whether the client has left."""

    async def open(self, request: web.Request) -> None:
        """Answers the handshake. The current task is cancelled when the client is found to have left.

        Raises:
            InvalidArgument: the client offers subprotocols, but none that is spoken.
            HTTPUpgradeRequired: the request is no handshake of a WebSocket.
        """
        offered = offered_protocols(request)
        if offered and not set(offered).intersection(self._protocols):
            # aiohttp would log the offered protocols, and one of them may be a key
            raise InvalidArgument(f"offer the subprotocol {self._protocols[0]!r} as well")
        try:
            await self._socket.prepare(request)
        except web.HTTPBadRequest:
            raise web.HTTPUpgradeRequired(headers=_HANDSHAKE) from None
        self._handler = asyncio.current_task()
        transport = request.transport
        assert isinstance(transport, asyncio.WriteTransport), "prepare needs a live connection"
        transport.set_write_buffer_limits(high=self._options.send_buffer_bytes)
        self._transport = transport

    @property
    def response(self) -> web.WebSocketResponse:
        """What the handler of the request returns."""
        return self._socket

    async def receive(self) -> str:
        """The client's next text message.

        Raises:
            InvalidArgument: the message is not text. The connection stays open.
            StreamTimeout: a ping was not answered.
        """
        while True:
            message = await self._receive_any()
            match message.type:
                case WSMsgType.TEXT:
                    text: str = message.data
                    return text
                case WSMsgType.BINARY:
                    raise InvalidArgument("messages are JSON, sent as text")
                case kind if kind in _GONE:
                    await self._leave()

    async def receive_message(self) -> str | bytes | None:
        """The client's next message, text or binary; None: it has closed the connection in good order.

        Raises:
            StreamTimeout: a ping was not answered.
        """
        message = await self._receive_any()
        if message.type is WSMsgType.CLOSE:
            return None
        if message.type in _GONE:
            await self._leave()
        data: str | bytes = message.data
        return data

    async def _receive_any(self) -> WSMessage:
        """The next message. Pings are answered; a silent client is pinged."""
        while True:
            message = await self._frame(self._options.ping_interval_s)
            if message is None:
                message = await self._frame(self._options.ping_timeout_s, ping=True)
                if message is None:
                    waited_s = self._options.ping_timeout_s
                    raise StreamTimeout(f"a ping was not answered within {waited_s:g} s")
            await self._pace.keep()
            if message.type is WSMsgType.PING:
                await self._socket.pong(message.data)
            elif message.type is not WSMsgType.PONG:
                return message

    async def _frame(self, timeout_s: float, *, ping: bool = False) -> WSMessage | None:
        """The next frame, or None if none came in time."""
        try:
            async with asyncio.timeout(timeout_s) as patience:
                if ping:
                    await self._socket.ping()
                return await self._socket.receive()
        except TimeoutError:
            if not patience.expired():
                raise
            return None

    def follow(self, event: SessionEvent) -> None:
        """Implements ``Connection.follow``: nothing here depends on it."""

    async def played(self) -> None:
        """Implements ``Connection.played``: it is the client that plays."""

    async def send(self, event: WireEvent) -> None:
        """Sends one event; gives it an ``event_id``. Waits while the client does not take earlier events."""
        await self.send_message(self._texts.text(event))

    async def send_message(self, message: str | bytes) -> None:
        """Sends a message, text or binary. Waits as ``send`` does."""
        self.bytes_out += len(message)
        try:
            if isinstance(message, str):
                await self._socket.send_str(message)
            else:
                await self._socket.send_bytes(message)
        except ConnectionError:
            await self._leave()

    async def send_last(self, message: str) -> None:
        """Sends a message before ``close``, if the client takes it in time."""
        if self._takes_nothing:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._options.abort_timeout_s):
                await self.send_message(message)

    @property
    def _takes_nothing(self) -> bool:
        """Whether writers wait for the client, or would.

        aiohttp's writers share one future, and the first one that was cancelled has cancelled it for all.
        """
        assert self._transport is not None, "the connection is open"
        return unsent_bytes(self._transport) > self._options.send_buffer_bytes // _RESUMED_AT

    async def _leave(self) -> NoReturn:
        """Cancels the handler of the connection; the current task may be another one."""
        self.left = True
        assert self._handler is not None, "the connection is open"
        self._handler.cancel()
        await asyncio.Event().wait()
        raise AssertionError("nobody sets this event")

    async def send_failure(self, failure: Failure, event_id: str | None = None) -> None:
        """Sends an ``error`` event. ``event_id`` is the client's event that caused it.

        Raises:
            PermissionDenied: there were too many.
        """
        self._pace.count_error()
        await self.send(failure.to_event(event_id))

    async def _tell_too_long(self) -> str:
        """Says by an ``error`` event that a message was too long. Returns the reason of the close."""
        limit = self._options.max_message_bytes
        failure = failure_of(RequestTooLarge(f"a message may have {limit} bytes at most"))
        if not self._tells_errors:
            return failure.reason
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(self._options.abort_timeout_s):
                await self._socket.send_str(self._texts.text(failure.to_event()))
        return failure.code

    async def close(self, code: int, reason: str = "", failure: Failure | None = None) -> None:
        """Closes the connection; with ``failure``, an ``error`` event says why.

        A client that takes nothing is cut off without a word.
        """
        transport = self._transport
        assert transport is not None, "the connection is open"
        if self._takes_nothing:
            cut_off(transport)
            return
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(2 * self._options.abort_timeout_s):
                if failure is not None:
                    await self.send(failure.to_event())
                await self._socket.close(code=code, message=reason.encode()[:_MAX_REASON_BYTES])
        if unsent_bytes(transport):
            # a closed transport stays open until the client has read its buffer, which may be never
            asyncio.get_running_loop().call_later(self._options.abort_timeout_s, cut_off, transport)


def offered_protocols(request: web.Request) -> list[str]:
    """The subprotocols that a client offers."""
    offered = request.headers.getall(hdrs.SEC_WEBSOCKET_PROTOCOL, [])
    return [name.strip() for value in offered for name in value.split(",")]


async def serve_socket(
    request: web.Request,
    options: GatewayOptions,
    serve: Callable[[WebSocket], Awaitable[None]],
    *,
    events: bool = True,
    close_code: Callable[[BaseException], int] = close_code_of,
) -> web.StreamResponse:
    """Answers the handshake, runs ``serve`` and closes the connection with the code of its end.

    ``events``: whether it carries OpenAI's. If not, any subprotocol will do, and the reason of the close
    tells what an ``error`` event would. ``close_code``: that of the protocol for an error.
    """
    if events:
        socket = WebSocket(options)
    else:
        socket = WebSocket(options, offered_protocols(request)[:1], autoclose=False, tells_errors=False)
    await socket.open(request)
    try:
        await serve(socket)
        await socket.close(CLOSE_NORMAL)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        assert task is not None, "a handler is a task"
        if not socket.left or task.uncancel():
            raise
    except Exception as error:
        failure = failure_of(error)
        told = failure if events else None
        reason = failure.code if events else failure.reason
        await socket.close(close_code(error), reason, told)
    return socket.response
