"""Messages of one stream on their way in."""

from __future__ import annotations

import asyncio

from translate_svc import wire
from translate_svc.errors import InvalidArgument, TranslateSvcError
from translate_svc.rpc.event_writer import Context
from translate_svc.serving.stream_driver import idle_timeout
from translate_svc.types import ClientMessage, StreamConfig
from translate_svc.v1 import speech_translation_pb2 as pb


class MessageReader:
    """The ``MessageSource`` of a stream whose first message, its configuration, has been read."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def receive(self) -> ClientMessage | None:
        """The client's next message; None after its last.

        Raises:
            InvalidArgument: what came is no message of the contract, or a second configuration.
        """
        request = _checked(await self._context.read())
        if request is None:
            return None
        message = wire.decode_request(request)
        if isinstance(message, StreamConfig):
            raise InvalidArgument("was sent already", field="config")
        return message


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
        raise idle_timeout(timeout_s) from None
    return _checked(request)


def _checked(request: object) -> pb.StreamingTranslateRequest | None:
    """What ``context.read`` gave; None at the end."""
    if isinstance(request, TranslateSvcError):  # see ErrorInterceptor
        raise request
    return request if isinstance(request, pb.StreamingTranslateRequest) else None
