"""One live call of StreamingTranslate: a reader task beside the writer of every call."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from translate_svc import wire
from translate_svc.errors import InvalidArgument, StreamTimeout, TranslateSvcError
from translate_svc.rpc.live_call import Context, LiveCall
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.protocols import Session
from translate_svc.types import Closed, EndInput, SessionEvent, StreamConfig
from translate_svc.v1 import speech_translation_pb2 as pb


class LiveStream(LiveCall):
    """Carries messages into a session and its events out, until either side is done.

    The input is bounded by the session: while ``receive`` waits nothing is read, and HTTP/2 flow control
    holds the client.
    """

    def __init__(self, context: Context, session: Session, options: RpcOptions) -> None:
        super().__init__(context, session, options, encode=wire.encode_response, last=Closed)
        self._session = session
        self._ended = False
        self._listening = False
        self._waiting_since_s: float | None = None
        self._cut_off = False
        self._input = asyncio.timeout(None)

    def _helpers(self) -> list[Coroutine[Any, Any, None]]:
        return [self._read(), self._watch_silence(), *super()._helpers()]

    def _announce_leave(self, deadline_s: float) -> None:
        self._session.go_away(round(deadline_s * 1000))

    def _end_input(self) -> None:
        if self._listening:
            self._listening = False
            self._input.reschedule(self._clock())

    def _check(self, event: SessionEvent) -> None:
        # OK would tell the client that all it said was heard
        if isinstance(event, Closed) and not event.complete and self._cut_off:
            raise self._departure()

    async def _read(self) -> None:
        """Takes what the client sends; ends the input at its end, or where the server has to leave."""
        try:
            async with self._input:
                self._listening = True
                await self._read_messages()
                self._listening = False
        except TimeoutError:
            self._cut_off = True
        await self._session.half_close()

    async def _read_messages(self) -> None:
        while True:
            self._waiting_since_s = None if self._ended else self._clock()
            request = _checked(await self._context.read())
            self._waiting_since_s = None
            if request is None:
                # A client that vanished looks the same from here: its cancellation comes at a later await
                return
            message = wire.decode_request(request)
            if isinstance(message, StreamConfig):
                raise InvalidArgument("was sent already", field="config")
            await self._session.receive(message)
            self._ended = self._ended or isinstance(message, EndInput)

    async def _watch_silence(self) -> None:
        """Gives up a client that says nothing for too long. One timer for all messages: they are many."""
        limit_s = self._options.idle_timeout_s
        while True:
            since_s = self._waiting_since_s
            left_s = limit_s if since_s is None else since_s + limit_s - self._clock()
            if left_s <= 0:
                raise _nothing_came(limit_s)
            await asyncio.sleep(left_s)


async def read_request(context: Context, timeout_s: float) -> pb.StreamingTranslateRequest | None:
    """The client's next message, or None after its last.

    Raises:
        StreamTimeout: none came within ``timeout_s``.
        InvalidArgument: what came is no message of the contract.
    """
    try:
        async with asyncio.timeout(timeout_s):
            request = await context.read()
    except TimeoutError:
        raise _nothing_came(timeout_s) from None
    return _checked(request)


def _nothing_came(timeout_s: float) -> StreamTimeout:
    return StreamTimeout(f"no message came for {timeout_s:g} s")


def _checked(request: object) -> pb.StreamingTranslateRequest | None:
    """What ``context.read`` gave; None at the end."""
    if isinstance(request, TranslateSvcError):  # see ErrorInterceptor
        raise request
    return request if isinstance(request, pb.StreamingTranslateRequest) else None
