"""The methods of ``translate_svc.v1.SpeechTranslation``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from translate_svc import wire
from translate_svc.errors import InvalidArgument, Unavailable
from translate_svc.rpc.live_call import Context, LiveCall
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.protocols import Service
from translate_svc.rpc.stream import LiveStream, read_request
from translate_svc.types import StreamConfig, UtteranceDone
from translate_svc.v1 import speech_translation_pb2 as pb

SERVICE_NAME = pb.DESCRIPTOR.services_by_name["SpeechTranslation"].full_name

TENANT = "anonymous"
"""Whose stream it is, as long as nobody has to say who he is."""


class SpeechTranslationServicer:
    """Every method is a coroutine and writes with its context; ``ErrorInterceptor`` answers for it."""

    def __init__(self, service: Service, options: RpcOptions) -> None:
        self._service = service
        self._options = options
        self._calls: set[LiveCall] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self._draining = False

    @property
    def live_streams(self) -> int:
        """Streams and calls of Translate that are open now."""
        return len(self._calls)

    async def StreamingTranslate(self, request_iterator: AsyncIterator[Any], context: Context) -> None:  # noqa: N802
        """Opens a session with the first message and carries the stream until it ends."""
        request = await read_request(context, self._options.config_timeout_s)
        if request is None:
            raise InvalidArgument("the stream ended before it came", field="config")
        config = wire.decode_request(request)
        if not isinstance(config, StreamConfig):
            raise InvalidArgument("must be the first message", field="config")
        self._refuse_when_draining()
        await self._run(LiveStream(context, self._service.open_session(config, TENANT), self._options))

    async def Translate(self, request: pb.TranslateRequest, context: Context) -> None:  # noqa: N802
        """Translates one text or one clip."""
        call = wire.decode_translate_request(request)
        self._refuse_when_draining()
        answer = self._service.translate(call, TENANT)
        encode = wire.encode_translate_response
        await self._run(LiveCall(context, answer, self._options, encode=encode, last=UtteranceDone))

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
        """Refuses new streams and calls, sends ``go_away`` on open streams, and returns when all are gone.

        What is still open after ``grace_s`` fails with UNAVAILABLE.
        """
        self._draining = True
        for call in tuple(self._calls):
            call.go_away(grace_s)
        await self._empty.wait()

    def _refuse_when_draining(self) -> None:
        if self._draining:
            raise Unavailable("the server is draining")

    async def _run(self, call: LiveCall) -> None:
        """Carries an admitted call to its end. Nothing may be awaited between its admission and here."""
        self._calls.add(call)
        self._empty.clear()
        try:
            await call.run()
        finally:
            self._calls.discard(call)
            if not self._calls:
                self._empty.set()
