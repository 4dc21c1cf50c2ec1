"""The methods of ``translate_svc.v1.SpeechTranslation``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from translate_svc import wire
from translate_svc.errors import InvalidArgument, Unavailable, Unsupported
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.protocols import Service
from translate_svc.rpc.stream import Context, LiveStream, read_request
from translate_svc.types import StreamConfig
from translate_svc.v1 import speech_translation_pb2 as pb

SERVICE_NAME = pb.DESCRIPTOR.services_by_name["SpeechTranslation"].full_name

TENANT = "anonymous"
"""Whose stream it is, as long as nobody has to say who he is."""


class SpeechTranslationServicer:
    """Every method is a coroutine and writes with its context; ``ErrorInterceptor`` answers for it."""

    def __init__(self, service: Service, options: RpcOptions) -> None:
        self._service = service
        self._options = options
        self._streams: set[LiveStream] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self._draining = False

    @property
    def live_streams(self) -> int:
        """Streams that are open now."""
        return len(self._streams)

    async def StreamingTranslate(self, request_iterator: AsyncIterator[Any], context: Context) -> None:  # noqa: N802
        """Opens a session with the first message and carries the stream until it ends."""
        request = await read_request(context, self._options.config_timeout_s)
        if request is None:
            raise InvalidArgument("the stream ended before it came", field="config")
        config = wire.decode_request(request)
        if not isinstance(config, StreamConfig):
            raise InvalidArgument("must be the first message", field="config")
        if self._draining:
            raise Unavailable("the server is draining")
        stream = LiveStream(context, self._service.open_session(config, TENANT), self._options)
        self._streams.add(stream)
        self._empty.clear()
        try:
            await stream.run()
        finally:
            self._streams.discard(stream)
            if not self._streams:
                self._empty.set()

    async def Translate(self, request: pb.TranslateRequest, context: Context) -> None:  # noqa: N802
        """Not served yet."""
        raise Unsupported("is not served yet", field="Translate")

    async def ListLanguages(  # noqa: N802
        self, request: pb.ListLanguagesRequest, context: Context
    ) -> pb.ListLanguagesResponse:
        """What the loaded checkpoint can do."""
        return wire.encode_languages(self._service.languages())

    async def GetServerInfo(  # noqa: N802
        self, request: pb.GetServerInfoRequest, context: Context
    ) -> pb.GetServerInfoResponse:
        """Version, model and limits, with the transport's own limit filled in."""
        info = self._service.info()
        limits = replace(info.limits, max_message_bytes=self._options.max_message_bytes)
        return wire.encode_info(replace(info, limits=limits))

    async def drain(self, grace_s: float) -> None:
        """Refuses new streams, sends ``go_away`` on the open ones, and returns when they are gone.

        Streams that are still open after ``grace_s`` fail with UNAVAILABLE.
        """
        self._draining = True
        for stream in tuple(self._streams):
            stream.go_away(grace_s)
        await self._empty.wait()
