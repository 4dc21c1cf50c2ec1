"""Where a command translates: in this process or at a server, behind one interface."""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from translate_svc.cli.exit_codes import UsageError
from translate_svc.client import ClientOptions
from translate_svc.config import Settings
from translate_svc.languages import LanguageTable
from translate_svc.types import (
    Samples,
    SessionEvent,
    StreamSettings,
    TranslateRequest,
)

_ADDRESS = re.compile(r"(unix:.+)|(.+:\d{1,5})")


class TranslationStream(Protocol):
    """One live stream, open: audio in, events out. ``client.AsyncStream`` is one."""

    def feed(self, source: AsyncIterable[Samples] | Iterable[Samples], *, end: bool = True) -> None:
        """Sends all of ``source`` (blocks ``[n]``) in the background as fast as it is taken, then the end.

        When ``source`` raises, the iteration raises the same.
        """

    def __aiter__(self) -> AsyncIterator[SessionEvent]:
        """The events, ``Opened`` first and ``Closed`` last."""


class Translator(Protocol):
    """Opens streams, and translates texts. What is asked for travels whole, as one value."""

    def stream(
        self, settings: StreamSettings, sample_rate_hz: int
    ) -> AbstractAsyncContextManager[TranslationStream]:
        """A stream that hears mono audio of ``sample_rate_hz`` and speaks in ``SPEECH_FORMAT``."""

    def translate(self, request: TranslateRequest) -> AsyncIterable[SessionEvent]:
        """One utterance; its events end with ``UtteranceDone``."""


class Backend(Protocol):
    """A model to be loaded, or a server to be reached."""

    async def languages(self) -> LanguageTable:
        """What can be translated, without loading weights."""

    def open(self) -> AbstractAsyncContextManager[Translator]:
        """Loads the model, or connects."""


def choose_backend(
    server: str | None, model_flags: dict[str, str | None], connection: ClientOptions
) -> Backend:
    """A server if one is named, else this process.

    Args:
        server: ``HOST:PORT`` or ``unix:PATH``.
        model_flags: ``model``, ``model_cache`` and ``device`` as given; None where not.
        connection: how to reach the server.

    Raises:
        UsageError: both are given, or the address is none, or there is no server to bring a certificate or
            a key to.
        InvalidArgument: a setting is wrong. Names the flag or the variable.
    """
    if server is None:
        if connection != ClientOptions():
            raise UsageError("TLS and API keys are for a server", field="--server")
        # here, so that commands at a server load no more than the client
        from translate_svc.cli.local_backend import LocalBackend

        return LocalBackend(Settings.load(model_flags))
    for name, value in model_flags.items():
        if value is not None:
            raise UsageError("does not go with --server", field="--" + name.replace("_", "-"))
    from translate_svc.cli.remote_backend import RemoteBackend

    return RemoteBackend(check_address(server), connection)


def check_address(server: str) -> str:
    """``server`` if it is an address.

    Raises:
        UsageError: it is neither HOST:PORT nor unix:PATH.
    """
    if not _ADDRESS.fullmatch(server):
        raise UsageError("must be HOST:PORT or unix:PATH", field="--server")
    return server
