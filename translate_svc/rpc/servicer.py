"""The methods of ``translate_svc.v1.SpeechTranslation``."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from translate_svc import wire
from translate_svc.errors import InvalidArgument, ResourceExhausted, TranslateSvcError
from translate_svc.rpc.authentication import tenant
from translate_svc.rpc.live_call import Context, LiveCall
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.protocols import Service
from translate_svc.rpc.stream import LiveStream, read_request
from translate_svc.types import StreamConfig, UtteranceDone
from translate_svc.v1 import speech_translation_pb2 as pb

SERVICE_NAME = pb.DESCRIPTOR.services_by_name["SpeechTranslation"].full_name


class SpeechTranslationServicer:
    """Every method is a coroutine and writes with its context; ``ErrorInterceptor`` answers for it."""

    def __init__(self, service: Service, options: RpcOptions) -> None:
        self._service = service
        self._options = options
        self._calls: set[LiveCall] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self._leaving: TranslateSvcError | None = None
        self._unopened = 0

    @property
    def live_streams(self) -> int:
        """Streams and calls of Translate that are open now."""
        return len(self._calls)

    async def StreamingTranslate(self, request_iterator: AsyncIterator[Any], context: Context) -> None:  # noqa: N802
        """Opens a session with the first message and carries the stream until it ends."""
        with self._refusals_told():
            config = await self._read_config(context)
            self._refuse_when_leaving()
            session = self._service.open_session(config, tenant())
        await self._run(LiveStream(context, session, self._options))

    async def Translate(self, request: pb.TranslateRequest, context: Context) -> None:  # noqa: N802
        """Translates one text or one clip."""
        with self._refusals_told():
            call = wire.decode_translate_request(request)
            self._refuse_when_leaving()
            answer = self._service.translate(call, tenant())
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
        """Version, model and limits, with the transport's own limits filled in."""
        info = self._service.info()
        limits = replace(
            info.limits,
            max_message_bytes=self._options.max_message_bytes,
            max_buffered_bytes=self._options.stream_buffer_bytes,
        )
        return wire.encode_info(replace(info, limits=limits))

    async def drain(self, grace_s: float, reason: TranslateSvcError) -> None:
        """Refuses new streams and calls, sends ``go_away`` on open streams, and returns when all are gone.

        New ones, and those still open after ``grace_s``, fail with ``reason``. Called again, the earlier end
        counts.
        """
        self._leaving = reason
        for call in tuple(self._calls):
            call.go_away(grace_s, reason)
        await self._empty.wait()

    async def _read_config(self, context: Context) -> StreamConfig:
        if self._unopened >= self._options.max_unopened_streams:
            raise ResourceExhausted(f"{self._unopened} streams are being opened")
        self._unopened += 1
        try:
            request = await read_request(context, self._options.config_timeout_s)
        finally:
            self._unopened -= 1
        if request is None:
            raise InvalidArgument("the stream ended before it came", field="config")
        config = wire.decode_request(request)
        if not isinstance(config, StreamConfig):
            raise InvalidArgument("must be the first message", field="config")
        return config

    @contextmanager
    def _refusals_told(self) -> Iterator[None]:
        """Around an admission: the service counts who is not let in, whoever refuses him."""
        try:
            yield
        except Exception as error:
            self._service.rejected(error)
            raise

    def _refuse_when_leaving(self) -> None:
        if self._leaving is not None:
            raise copy.copy(self._leaving)

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
