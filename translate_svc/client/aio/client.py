"""The asynchronous client."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any

import grpc

from translate_svc import wire
from translate_svc.audio.audio_tracks import Channel
from translate_svc.client.aio.channels import Channels
from translate_svc.client.aio.connection import SingleConnection
from translate_svc.client.aio.resuming_connection import ResumingConnection
from translate_svc.client.aio.stream import AsyncStream
from translate_svc.client.aio.translate_call import AsyncTranslateCall
from translate_svc.client.arguments import audio_choice, file_path, server_addresses
from translate_svc.client.failures import error_of
from translate_svc.client.keyword_calls import KeywordCalls
from translate_svc.client.options import ClientOptions
from translate_svc.client.stream_config import file_settings, stream_config
from translate_svc.client.translated_file import FileBuilder, TranslatedFile, TranslatedUtterance
from translate_svc.errors import Unavailable
from translate_svc.languages import Language
from translate_svc.types import (
    BeamSearchSettings,
    GuardSettings,
    Inspect,
    ServerInfo,
    StreamConfig,
    TargetSettings,
    Term,
    TranslateRequest,
    VadSettings,
)
from translate_svc.v1 import speech_translation_pb2 as pb
from translate_svc.v1 import speech_translation_pb2_grpc as pb_grpc


class AsyncClient(KeywordCalls[AsyncStream, AsyncTranslateCall]):
    """Connections to one server, to several, or to all servers of one DNS name.

    All its streams and calls belong to the event loop in which it is used first. In a process that was forked
    while a client was in use there can be none: fork before, or start processes by ``spawn``.

        async with AsyncClient("127.0.0.1:50051") as client:
            async with client.stream(targets=["spa"], source="eng", sample_rate_hz=16_000) as stream:
                stream.feed(pace(samples, 16_000))
                async for event in stream:
                    ...
            translation = await client.translate(text="Good morning.", source="eng", targets=["spa"]).result()
            print(translation.text["spa"])
    """

    def __init__(
        self,
        target: str | Sequence[str] | None = None,
        options: ClientOptions | None = None,
    ) -> None:
        """``target``: the address of a server, or several that can take each other's place. None: those of
        the variable ``TRANSLATE_SVC_SERVER``. ``options`` None: the defaults.

        Raises:
            InvalidArgument: no server is named, or an API key would travel in plaintext.
        """
        options = ClientOptions() if options is None else options
        self._targets = server_addresses(target)
        for address in self._targets:
            options.check_target(address)
        self._options = options
        self._channels = Channels(lambda: [self._connect(address) for address in self._targets])

    def open(self, config: StreamConfig, *, resume: bool = False) -> AsyncStream:
        """A stream with ``config`` as its first message. ``async with`` opens it.

        ``stream`` builds the configuration from keywords. ``resume``: as there.
        """
        kind = ResumingConnection if resume else SingleConnection
        connection = kind(self._stubs(), config, self._options)
        return AsyncStream(connection, config, self._options.max_chunk_bytes)

    def call(self, request: TranslateRequest) -> AsyncTranslateCall:
        """A call of Translate with ``request``. Nothing is sent before the call is awaited or iterated over.

        ``translate`` builds the request from keywords.
        """
        return AsyncTranslateCall(self._stubs(), request, self._options)

    async def translate_file(
        self,
        path: str | os.PathLike[str],
        *,
        targets: Iterable[str | TargetSettings],
        source: str | None = None,
        include: Iterable[str | Inspect] = (),
        audio_track: str = "",
        channel: str | Channel = Channel.MIX,
        vad: VadSettings = VadSettings(),  # noqa: B008 - frozen
        guards: GuardSettings = GuardSettings(),  # noqa: B008 - frozen
        beam_search: BeamSearchSettings | int | None = None,
        terms: Iterable[Term | str] = (),
        on_utterance: Callable[[TranslatedUtterance], Any] | None = None,
    ) -> TranslatedFile:
        """Translates an audio or video file of any length, as fast as the server takes it.

        WAV, FLAC, Ogg and MP3 need nothing more; other formats need PyAV (extra ``media``). If the server is
        lost, another one continues. The speech is kept in memory, 64 KB for each second of it; without it:
        ``targets=[TargetSettings("spa", speech=False)]``.

        Args:
            path: the file.
            targets: languages by their Seamless codes or BCP-47 tags, or with their settings.
            source: the language that is spoken, if known.
            include: ``["transcript"]`` for the transcript; it needs ``source``.
            audio_track: number or language of the track of a film. By default the one tagged as ``source``,
                else the film's default.
            channel: ``mix``, or ``left`` or ``right`` for one side of a stereo recording.
            vad: settings of the segmentation.
            guards: which guards against invented text are on.
            beam_search: better texts for more work; a number is that of the beams.
            terms: words of your own, which the translation contains where the source says them; they
                need ``source``. A string is kept as it is.
            on_utterance: is called with each utterance when it is done, for progress.

        Raises:
            InvalidArgument: the file or an argument is not valid. Names it.
            ModuleNotFoundError: the file needs PyAV, which is not installed.
            TranslateSvcError: the server refused or lost the stream.
        """
        # imported here because only this method reads files
        from translate_svc.audio.media_files import GuardedBlocks, open_media_file, read_in_thread

        settings = file_settings(
            targets=targets,
            source=source,
            include=include,
            vad=vad,
            guards=guards,
            beam_search=beam_search,
            terms=terms,
        )
        with open_media_file(file_path(path), choice=audio_choice(audio_track, source, channel)) as media:
            blocks = GuardedBlocks(media)
            config = stream_config(settings, sample_rate_hz=media.sample_rate_hz)
            builder = FileBuilder(config.output, media.sample_rate_hz, on_utterance)
            try:
                async with self.open(config, resume=True) as stream:
                    stream.feed(read_in_thread(blocks))
                    async for event in stream:
                        builder.add(event)
            finally:
                blocks.stop()
            return builder.build(stream.total_samples, media.damage)

    async def languages(self) -> tuple[Language, ...]:
        """The languages of the server's checkpoint, sorted by code."""
        response = await self._unary("ListLanguages", pb.ListLanguagesRequest())
        return wire.decode_languages(response)

    async def info(self) -> ServerInfo:
        """Version, model, limits and load of the server."""
        return wire.decode_info(await self._unary("GetServerInfo", pb.GetServerInfoRequest()))

    async def close(self) -> None:
        """Closes the connection and ends all its streams and calls. What is asked of it later is refused."""
        await self._channels.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _stubs(self) -> list[Any]:
        """One for each server. Connects on first use.

        Raises:
            TranslateSvcError, RuntimeError: as ``Channels.get``.
        """
        return [pb_grpc.SpeechTranslationStub(channel) for channel in self._channels.get()]  # type: ignore[no-untyped-call]  # generated

    def _connect(self, address: str) -> grpc.aio.Channel:
        arguments = self._options.channel_arguments(address)
        if self._options.credentials is None:
            return grpc.aio.insecure_channel(address, options=arguments)
        return grpc.aio.secure_channel(address, self._options.credentials, options=arguments)

    async def _unary(self, method: str, request: Any) -> Any:
        """The response of the first server that answers.

        Raises:
            Unavailable: none is reachable, or the last one did not answer in time.
        """
        *others, last = self._stubs()
        for stub in others:
            try:
                return await self._ask(stub, method, request)
            except Unavailable:
                continue
        return await self._ask(last, method, request)

    async def _ask(self, stub: Any, method: str, request: Any) -> Any:
        timeout_s = self._options.call_timeout_s
        try:
            return await getattr(stub, method)(request, timeout=timeout_s, metadata=self._options.metadata())
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                raise Unavailable(f"the server did not answer within {timeout_s:g} s") from error
            raise error_of(error.code(), error.details(), error.trailing_metadata()) from error
