"""One live call of StreamingTranslate: a reader task and a writer over one session."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, TypeAlias

import grpc

from translate_svc import wire
from translate_svc.errors import InvalidArgument, Unavailable
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.protocols import Session
from translate_svc.rpc.status import StreamTimeout
from translate_svc.types import Closed, EndInput, SessionEvent, StreamConfig
from translate_svc.v1 import speech_translation_pb2 as pb

_log = logging.getLogger(__name__)

Context: TypeAlias = "grpc.aio.ServicerContext[pb.StreamingTranslateRequest, pb.StreamingTranslateResponse]"


class LiveStream:
    """Carries messages into a session and its events out, until either side is done.

    The input is bounded by the session: while ``receive`` waits nothing is read, and HTTP/2 flow control
    holds the client. So is the output: one event at a time is taken, and the next one when that has left.
    """

    def __init__(self, context: Context, session: Session, options: RpcOptions) -> None:
        self._context = context
        self._session = session
        self._options = options
        self._ended = False
        self._go_away_deadline_s: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Returns after the last event has left.

        Raises:
            TranslateSvcError: the stream is to be failed with it.
            asyncio.CancelledError: the client is gone.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                helpers = [tasks.create_task(self._read()), tasks.create_task(self._leave_after_go_away())]
                await self._write()
                for helper in helpers:
                    helper.cancel()
        except BaseExceptionGroup as failures:
            # the first is the cause; what the others say comes of being cancelled
            raise failures.exceptions[0] from None
        finally:
            await self._give_back()

    def go_away(self, deadline_s: float) -> None:
        """Tells the client that the server is draining; after ``deadline_s`` the stream fails."""
        if not self._go_away_deadline_s.done():
            self._go_away_deadline_s.set_result(deadline_s)

    async def _read(self) -> None:
        while True:
            idle_timeout_s = None if self._ended else self._options.idle_timeout_s
            request = await read_request(self._context, idle_timeout_s)
            if request is None:
                # A client that vanished looks the same from here: its cancellation comes at a later await
                await self._session.half_close()
                return
            message = wire.decode_request(request)
            if isinstance(message, StreamConfig):
                raise InvalidArgument("was sent already", field="config")
            await self._session.receive(message)
            self._ended = self._ended or isinstance(message, EndInput)

    async def _write(self) -> None:
        seq = 0
        event: SessionEvent | None = None
        async for event in self._session.events():
            seq += 1
            try:
                async with asyncio.timeout(self._options.write_timeout_s):
                    await self._context.write(wire.encode_response(seq, event))
            except TimeoutError:
                waited_s = self._options.write_timeout_s
                raise StreamTimeout(
                    f"no response could be written for {waited_s:g} s: keep reading"
                ) from None

        if not isinstance(event, Closed):
            # the service dropped the session; OK would tell the client that it had got everything
            raise Unavailable("the server ended the stream")

    async def _leave_after_go_away(self) -> None:
        deadline_s = await self._go_away_deadline_s
        self._session.go_away(round(deadline_s * 1000))
        await asyncio.sleep(deadline_s)
        raise Unavailable("the server is draining")

    async def _give_back(self) -> None:
        """Ends the session, whether or not this task is cancelled once more meanwhile."""
        cancelling = asyncio.ensure_future(self._session.cancel())
        try:
            async with asyncio.timeout(self._options.cancel_timeout_s):
                await asyncio.shield(cancelling)
        except TimeoutError:
            _log.error("a session did not drop its work within %g s", self._options.cancel_timeout_s)


async def read_request(
    context: grpc.aio.ServicerContext[Any, Any], timeout_s: float | None
) -> pb.StreamingTranslateRequest | None:
    """The client's next message, or None after its last.

    Raises:
        StreamTimeout: none came within ``timeout_s``.
    """
    try:
        async with asyncio.timeout(timeout_s):
            request = await context.read()
    except TimeoutError:
        raise StreamTimeout(f"no message came for {timeout_s:g} s") from None
    return request if isinstance(request, pb.StreamingTranslateRequest) else None
