"""Translation at a server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from translate_svc.cli.backends.unreachable import cause_of
from translate_svc.cli.targets import SPEECH_FORMAT
from translate_svc.client import AsyncClient, AsyncStream, AsyncTranslateCall, ClientOptions
from translate_svc.client.stream_config import stream_config
from translate_svc.errors import Unavailable, Unsupported
from translate_svc.languages import LanguageTable
from translate_svc.types import ModelInfo, StreamSettings, TranslateRequest


class RemoteBackend:
    """A backend at the server at ``address``, or at several: their addresses with commas between them.

    A stream that loses its server continues at another one, or at the same one when it is back.
    """

    def __init__(self, address: str, options: ClientOptions = ClientOptions()) -> None:  # noqa: B008 - frozen
        self._address = address
        self._servers = [each.strip() for each in address.split(",")]
        self._options = options

    async def languages(self) -> LanguageTable:
        """The languages of the server's checkpoint.

        Raises:
            Unavailable: the server does not answer, or is none of this service.
        """
        async with AsyncClient(self._servers, self._options) as client, self._asked():
            return LanguageTable(await client.languages())

    async def model(self) -> ModelInfo:
        """The server's model.

        Raises:
            Unavailable: the server does not answer, or is none of this service.
        """
        async with AsyncClient(self._servers, self._options) as client, self._asked():
            return (await client.info()).model

    @asynccontextmanager
    async def open(self) -> AsyncIterator[RemoteTranslator]:
        """Connects to the server. A call takes as long as its text or clip needs: a hundred sentences may be
        minutes of work. Pings find a server that is gone.
        """
        options = replace(self._options, translate_timeout_s=None)
        async with AsyncClient(self._servers, options) as client, self._reached():
            yield RemoteTranslator(client)

    @asynccontextmanager
    async def _asked(self) -> AsyncIterator[None]:
        async with self._reached():
            try:
                yield
            except Unsupported as error:  # every server of this service has these calls
                raise Unavailable(f"does not serve translate-svc: {error.description}") from None

    @asynccontextmanager
    async def _reached(self) -> AsyncIterator[None]:
        try:
            yield
        except Unavailable as error:
            raise Unavailable(f"{self._address}: {await cause_of(error, self._address)}") from None


class RemoteTranslator:
    """Opens streams and calls over one connection."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    def stream(self, settings: StreamSettings, sample_rate_hz: int) -> AsyncStream:
        """A stream that takes mono audio of ``sample_rate_hz`` and returns speech in ``SPEECH_FORMAT``."""
        config = stream_config(settings, sample_rate_hz=sample_rate_hz, output=SPEECH_FORMAT)
        return self._client.open(config, resume=True)

    def translate(self, request: TranslateRequest) -> AsyncTranslateCall:
        """A call of Translate: iterate over it for the events of one utterance."""
        return self._client.call(request)
