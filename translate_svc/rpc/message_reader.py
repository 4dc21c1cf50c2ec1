"""Receives the messages of one stream."""

from __future__ import annotations

import asyncio

from translate_svc import wire
from translate_svc.errors import InvalidArgument, TranslateSvcError
from translate_svc.rpc.event_writer import Context
from translate_svc.serving.stream_driver import idle_timeout
from translate_svc.types import ClientMessage, StreamConfig
from translate_svc.v1 import speech_translation_pb2 as pb


class MessageReader:
    """The ``MessageSource`` of a stream, after its first message (the configuration) has been read."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def receive(self) -> ClientMessage | None:
        """The client's next message, or None after its last.

        Raises:
            InvalidArgument: the bytes are not a message of the contract, a field is not valid, or a second
                configuration was sent. Names the field.
            OutOfRange: a list has too many entries. Names the field.
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
        StreamTimeout: no message came within ``timeout_s``.
        InvalidArgument: the bytes are not a message of the contract.
    """
    try:
        async with asyncio.timeout(timeout_s):
            request = await context.read()
    except TimeoutError:
        raise idle_timeout(timeout_s) from None
    return _checked(request)


def _checked(request: object) -> pb.StreamingTranslateRequest | None:
    """A result of ``context.read`` as a request; None at the end of the input."""
    if isinstance(request, TranslateSvcError):  # the deserializer of ErrorInterceptor returned it
        raise request
    return request if isinstance(request, pb.StreamingTranslateRequest) else None
