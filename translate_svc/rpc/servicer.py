"""The methods of ``translate_svc.v1.SpeechTranslation``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from translate_svc import wire
from translate_svc.errors import InvalidArgument, TranslateSvcError
from translate_svc.rpc.authentication import caller, may_stay
from translate_svc.rpc.event_writer import Context, EventWriter
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.peer import peer
from translate_svc.rpc.read_limiter import ReadLimiter
from translate_svc.serving.call_driver import CallDriver
from translate_svc.serving.live_calls import LiveCalls
from translate_svc.serving.protocols import TranslationService
from translate_svc.serving.stream_driver import StreamDriver, idle_timeout
from translate_svc.types import ClientMessage, StreamConfig, UtteranceDone
from translate_svc.v1 import speech_translation_pb2 as pb

SERVICE_NAME = pb.DESCRIPTOR.services_by_name["SpeechTranslation"].full_name


class SpeechTranslationServicer:
    """All methods are coroutines that write with their context. ``ErrorInterceptor`` handles their errors."""

    def __init__(self, service: TranslationService, options: RpcOptions, reads: ReadLimiter) -> None:
        self._reads = reads
        self._service = service
        self._options = options
        self.calls = LiveCalls(service, options)
        """The streams and calls of Translate that are open now."""

    async def StreamingTranslate(self, request_iterator: AsyncIterator[Any], context: Context) -> None:  # noqa: N802
        """Opens a session with the first message and runs the stream to its end."""
        with self.calls.admission():
            config = await self._read_config(context)
            self.calls.check_open()
            session = await self._service.open_session(config, caller())
        source, sink = MessageReader(context), EventWriter(context, wire.encode_response)
        await self.calls.run(StreamDriver(source, sink, session, self._options), may_stay())

    async def Translate(self, request: pb.TranslateRequest, context: Context) -> None:  # noqa: N802
        """Translates one text or one clip."""
        with self.calls.admission():
            decoded = wire.decode_translate_request(request)
            self.calls.check_open()
            handler = await self._service.translate(decoded, caller())
        sink = EventWriter(context, wire.encode_translate_response)
        await self.calls.run(CallDriver(sink, handler, self._options, last=UtteranceDone), may_stay())

    async def ListLanguages(  # noqa: N802
        self, request: pb.ListLanguagesRequest, context: Context
    ) -> pb.ListLanguagesResponse:
        """Lists the languages of the loaded checkpoint."""
        return wire.encode_languages(self._service.languages())

    async def GetServerInfo(  # noqa: N802
        self, request: pb.GetServerInfoRequest, context: Context
    ) -> pb.GetServerInfoResponse:
        """Reports version, model, load and limits, including those of the transport and of the caller."""
        info = self._service.info()
        limits = replace(
            caller().limits.within(info.limits),
            max_message_bytes=self._options.max_message_bytes,
            max_buffered_bytes=self._options.stream_buffer_bytes,
        )
        return wire.encode_info(replace(info, limits=limits))

    async def _read_config(self, context: Context) -> StreamConfig:
        with self.calls.opening(caller()):
            async with self._reads.hold(peer()):
                request = await read_request(context, self._options.config_timeout_s)
        if request is None:
            raise InvalidArgument("the stream ended before it came", field="config")
        config = wire.decode_request(request)
        if not isinstance(config, StreamConfig):
            raise InvalidArgument("must be the first message", field="config")
        return config


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
