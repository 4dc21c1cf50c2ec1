"""One interface for translation in this process and at a server."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from translate_svc.cli.exit_codes import UsageError
from translate_svc.client import ClientOptions
from translate_svc.languages import LanguageTable
from translate_svc.setting_sources import flag_of
from translate_svc.types import (
    ModelInfo,
    Samples,
    SessionEvent,
    StreamSettings,
    TranslateRequest,
)
from translate_svc.variables import SERVER_VARIABLE

_MAX_PORT = 65_535
_ADDRESS = re.compile(r"(unix:.+)|(.+:\d{1,5})")


class TranslationStream(Protocol):
    """One open stream: audio in, events out. ``client.AsyncStream`` implements it."""

    def feed(self, source: AsyncIterable[Samples] | Iterable[Samples], *, end: bool = True) -> None:
        """Sends all of ``source`` (blocks ``[n]``) in the background as fast as possible, then the end.

        If ``source`` raises, the iteration raises the same exception.
        """

    async def update(self, settings: StreamSettings) -> None:
        """Replaces all settings, from the next utterance on."""

    def __aiter__(self) -> AsyncIterator[SessionEvent]:
        """The events, ``Opened`` first and ``Closed`` last."""


class Translator(Protocol):
    """Opens streams and translates texts. Settings and requests are passed whole, as one value."""

    def stream(
        self, settings: StreamSettings, sample_rate_hz: int
    ) -> AbstractAsyncContextManager[TranslationStream]:
        """A stream that takes mono audio of ``sample_rate_hz`` and returns speech in ``SPEECH_FORMAT``."""

    def translate(self, request: TranslateRequest) -> AsyncIterable[SessionEvent]:
        """One utterance; its events end with ``UtteranceDone``."""


class Backend(Protocol):
    """A model in this process, or a server."""

    async def languages(self) -> LanguageTable:
        """The supported languages. Loads no weights."""

    async def model(self) -> ModelInfo:
        """Name and notice of the model. Loads no weights."""

    def open(self) -> AbstractAsyncContextManager[Translator]:
        """Loads the model, or connects."""


def choose_backend(
    server: str | None, model_flags: Mapping[str, object], connection: ClientOptions
) -> Backend:
    """The backend for ``server``, or a local one if no server is given.

    Args:
        server: ``HOST:PORT`` or ``unix:PATH``; several with commas between them. See ``chosen_server``.
        model_flags: flags of settings, such as ``model`` and ``device``; None if not given.
        connection: options of the connection to the server.

    Raises:
        UsageError: a server and a model flag are both given, the address is not valid, TLS or an API key is
            given without a server, or there is no server and only the client is installed.
        InvalidArgument: a setting is not valid. Names the flag or the variable.
    """
    server = chosen_server(server, model_flags)
    if server is None:
        if connection != ClientOptions():
            raise UsageError("TLS and API keys are for a server", field="--server")
        # imported here, so that commands at a server load only the client
        try:
            from translate_svc.cli.backends.local_backend import LocalBackend
        except ModuleNotFoundError as error:
            message = (
                "is needed: this is the client alone. A model in this process takes "
                f"pip install 'translate-svc[server]' ({error.name} is missing)"
            )
            raise UsageError(message, field="--server") from None

        return LocalBackend(model_flags)
    for name, value in model_flags.items():
        if value is not None:
            raise UsageError("does not go with --server", field=flag_of(name))
    from translate_svc.cli.backends.remote_backend import RemoteBackend

    for address in server.split(","):
        check_address(address.strip())
    return RemoteBackend(server, connection)


def chosen_server(server: str | None, model_flags: Mapping[str, object]) -> str | None:
    """The server of ``--server``; without that flag, of the variable, unless a model of this machine is asked
    for.
    """
    if server is None and all(value is None for value in model_flags.values()):
        return os.environ.get(SERVER_VARIABLE) or None
    return server


def check_address(server: str) -> str:
    """Returns ``server`` if it is a valid address.

    Raises:
        UsageError: it is neither HOST:PORT nor unix:PATH, or there is no such port.
    """
    if not _ADDRESS.fullmatch(server) or "://" in server.replace("dns://", ""):
        raise UsageError("must be HOST:PORT or unix:PATH", field="--server")
    port = server.rpartition(":")[2]
    # gRPC would take the rest of a division by 65536: another port, where something may listen
    if port.isdecimal() and not server.startswith("unix:") and int(port) > _MAX_PORT:
        raise UsageError(f"must have a port of at most {_MAX_PORT}", field="--server")
    return server
