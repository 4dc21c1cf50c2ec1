"""The blocking client."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any

from translate_svc.audio.audio_tracks import Channel
from translate_svc.client.aio.client import AsyncClient
from translate_svc.client.aio.stream import AsyncStream
from translate_svc.client.aio.translate_call import AsyncTranslateCall
from translate_svc.client.arguments import audio_choice, file_path
from translate_svc.client.blocking.loop_thread import LoopThread
from translate_svc.client.blocking.stream import Stream
from translate_svc.client.blocking.translate_call import TranslateCall
from translate_svc.client.keyword_calls import KeywordCalls
from translate_svc.client.options import ClientOptions
from translate_svc.client.stream_config import file_settings, stream_config
from translate_svc.client.translated_file import FileBuilder, TranslatedFile, TranslatedUtterance
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


class Client(KeywordCalls[Stream, TranslateCall]):
    """Connections to one server, to several, or to all servers of one DNS name.

    It is ``AsyncClient`` with an event loop in a thread of its own, which starts with the first call.

        with Client("127.0.0.1:50051") as client:
            with client.stream(targets=["spa"], source="eng", sample_rate_hz=16_000) as stream:
                stream.feed([samples])
                for event in stream:
                    ...
            translation = client.translate(text="Good morning.", source="eng", targets=["spa"]).result()
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
        self._client = AsyncClient(target, options)
        self._loop = LoopThread()

    def open(self, config: StreamConfig, *, resume: bool = False) -> Stream:
        """A stream with ``config`` as its first message. ``with`` opens it.

        ``stream`` builds the configuration from keywords. ``resume``: as there.
        """

        async def made() -> AsyncStream:
            return self._client.open(config, resume=resume)

        return Stream(self._loop, self._loop.run(made))

    def call(self, request: TranslateRequest) -> TranslateCall:
        """A call of Translate with ``request``. Nothing is sent before the call is used.

        ``translate`` builds the request from keywords.
        """

        async def made() -> AsyncTranslateCall:
            return self._client.call(request)

        return TranslateCall(self._loop, self._loop.run(made))

    def translate_file(
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
        from translate_svc.audio.media_files import GuardedBlocks, open_media_file

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
                with self.open(config, resume=True) as stream:
                    stream.feed(blocks)
                    for event in stream:
                        builder.add(event)
            finally:
                blocks.stop()
            return builder.build(stream.total_samples, media.damage)

    def languages(self) -> tuple[Language, ...]:
        """The languages of the server's checkpoint, sorted by code."""
        return self._loop.run(self._client.languages)

    def info(self) -> ServerInfo:
        """Version, model, limits and load of the server."""
        return self._loop.run(self._client.info)

    def close(self) -> None:
        """Closes the connection and ends all its streams and calls."""
        self._loop.finish(self._client.close)
        self._loop.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
