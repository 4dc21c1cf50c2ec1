"""Translation in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from translate_svc.assembly import load_engine, running
from translate_svc.cli import options
from translate_svc.cli.logs import configure_logs
from translate_svc.cli.targets import SPEECH_FORMAT
from translate_svc.client.input_encoder import InputEncoder
from translate_svc.client.stream_config import stream_config
from translate_svc.config import Settings
from translate_svc.errors import Unavailable
from translate_svc.languages import LanguageTable
from translate_svc.models.checkpoint.identity import find_checkpoint, read_identity
from translate_svc.models.checkpoint.weight_index import weight_files
from translate_svc.models.registry import describe
from translate_svc.observability.metrics import Metrics
from translate_svc.remote_engine.front_group import FrontGroup
from translate_svc.server_info import language_table
from translate_svc.service import Service
from translate_svc.session.session import Session
from translate_svc.types import (
    AudioInput,
    Caller,
    EndInput,
    ModelInfo,
    Samples,
    SessionEvent,
    StreamConfig,
    StreamSettings,
    TranslateRequest,
    UpdateInput,
)

_CHUNK_BYTES = 16 * 1024
_CALLER = Caller("cli")


class LocalBackend:
    """A backend with the model of the settings."""

    def __init__(self, flags: Mapping[str, Any]) -> None:
        """``flags``: fields of ``Settings``; None if not given.

        Raises:
            InvalidArgument: a setting is not valid. Names the flag or the variable.
        """
        self._flags = flags
        self._settings = Settings.load(flags)

    async def languages(self) -> LanguageTable:
        """The languages of the checkpoint, read from its directory.

        Raises:
            CheckpointError: the directory is missing, incomplete or not supported. Names the file.
        """
        folder = self._folder()
        weight_files(folder)
        described = describe(folder)
        return language_table(described.capabilities(folder), described.language_detection(folder))

    async def model(self) -> ModelInfo:
        """The model, read from its directory.

        Raises:
            InvalidArgument: there is no such directory.
        """
        identity = read_identity(self._folder())
        return ModelInfo(identity.name, identity.revision, identity.license, notice=identity.notice)

    def _folder(self) -> Path:
        with options.named_as_given(self._flags):
            return find_checkpoint(self._settings.model, Path(self._settings.model_cache))

    @property
    def settings(self) -> Settings:
        """The settings of the service."""
        return self._settings

    @asynccontextmanager
    async def open_engine(self) -> AsyncIterator[FrontGroup]:
        """Loads the model for sessions in other processes. Only errors are logged."""
        configure_logs("error")
        settings, metrics = self._settings, Metrics()
        with options.named_as_given(self._flags):
            engine, facts = await asyncio.to_thread(load_engine, settings, metrics, None)
        group = FrontGroup(
            engine,
            facts,
            metrics,
            capacity=settings.capacity_options(),
            admission=settings.admission_options(),
        )
        async with running(engine, settings.step_timeout_s):
            telling = asyncio.create_task(group.run())
            try:
                yield group
            finally:
                telling.cancel()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[LocalTranslator]:
        """Loads the model. Only errors are logged."""
        configure_logs("error")
        async with AsyncExitStack() as stack:
            with options.named_as_given(self._flags):
                service = await stack.enter_async_context(Service.start(self._settings))
            yield LocalTranslator(service)


class LocalTranslator:
    """Opens streams and calls of one service."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def stream(self, settings: StreamSettings, sample_rate_hz: int) -> LocalStream:
        """A stream that takes mono audio of ``sample_rate_hz`` and returns speech in ``SPEECH_FORMAT``."""
        config = stream_config(settings, sample_rate_hz=sample_rate_hz, output=SPEECH_FORMAT)
        return LocalStream(self._service, config)

    async def translate(self, request: TranslateRequest) -> AsyncIterator[SessionEvent]:
        """The events of one utterance; the last one is ``UtteranceDone``."""
        one_shot = await self._service.translate(request, _CALLER)
        try:
            async for event in one_shot.events():
                yield event
        finally:
            await one_shot.cancel()


class LocalStream:
    """One session, used as ``client.AsyncStream`` is."""

    def __init__(self, service: Service, config: StreamConfig) -> None:
        self._service = service
        self._config = config
        self._encoder = InputEncoder(config.input, _CHUNK_BYTES)
        self._session: Session | None = None
        self._feed_task: asyncio.Task[None] | None = None
        self._feed_error: Exception | None = None

    async def __aenter__(self) -> LocalStream:
        self._session = await self._service.open_session(self._config, _CALLER)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._feed_task is not None:
            self._feed_task.cancel()
            await asyncio.wait({self._feed_task})
        await self._open_session().cancel()

    def feed(self, source: AsyncIterable[Samples] | Iterable[Samples], *, end: bool = True) -> None:
        """Sends all of ``source`` in the background, then the end. If it raises, so does the iteration."""
        self._feed_task = asyncio.get_running_loop().create_task(self._feed(source, end=end))

    async def update(self, settings: StreamSettings) -> None:
        """Replaces all settings, from the next utterance on."""
        await self._open_session().receive(UpdateInput(settings))

    async def __aiter__(self) -> AsyncIterator[SessionEvent]:
        async for event in self._open_session().events():
            yield event
        if self._feed_error is not None:
            raise self._feed_error

    async def _feed(self, source: AsyncIterable[Samples] | Iterable[Samples], *, end: bool) -> None:
        try:
            if isinstance(source, AsyncIterable):
                async for samples in source:
                    await self._send(samples)
            else:
                for samples in source:
                    await self._send(samples)
            if end:
                await self._open_session().receive(EndInput(self._encoder.total_samples))
        except Exception as error:
            # the iteration raises it
            self._feed_error = error
            await self._open_session().cancel()

    async def _send(self, samples: Samples) -> None:
        for chunk in self._encoder.chunks(samples):
            await self._open_session().receive(AudioInput(chunk))

    def _open_session(self) -> Session:
        if self._session is None:
            raise Unavailable("the stream is not open: use it as `async with`")
        return self._session
