"""The connection to the server, over OpenAI's translation protocol."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

RATE_HZ = 24_000

_PART_BYTES = 32 * 1024
_MAX_UNSENT_BYTES = 30 * 2 * RATE_HZ
_DONE_CODE = 1000
_FINAL_CODES = (1008, 1009)
"""Close codes after which a new connection would end the same way."""
_PASSING = (408, 425, 429)
"""Statuses of a client's mistakes that pass."""

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the server is, and how patiently it is asked.

    Attributes:
        base_url: address of ``translate-svc serve --http``, with or without ``/v1``.
        api_key: an API key or client secret; empty: the server asks for none.
        max_retries: attempts after a lost connection, before the processor gives up. A connection that
            worked starts the count anew.
        retry_interval_s: before the first of them; each further one waits twice as long.
        finish_timeout_s: how long the last words may take at the end of the pipeline.
    """

    base_url: str = "http://127.0.0.1:8080"
    api_key: str = ""
    max_retries: int = 5
    retry_interval_s: float = 0.2
    finish_timeout_s: float = 30.0

    @property
    def url(self) -> str:
        """Where sessions are opened."""
        return self.base_url.rstrip("/").removesuffix("/v1") + "/v1/realtime/translations"


class ServerRefused(Exception):
    """The server does not take the session: its settings, its key or its audio are wrong."""


class ConnectionLost(Exception):
    """The connection has ended, and a new one may work."""


class ServerConnection:
    """One session. It connects again when the connection is lost; speech in flight is then lost."""

    def __init__(
        self,
        options: Connection,
        settings: Event,
        on_event: Callable[[Event], Awaitable[None]],
        on_error: Callable[[Exception, bool], Awaitable[None]],
    ) -> None:
        """``settings``: as ``session.update`` takes them; ``change_output`` changes them.

        ``on_event`` gets the server's events. ``on_error`` gets the error, and whether the session continues.
        """
        self._options = options
        self._settings = settings
        self._taken: Event = settings["audio"]["output"]
        self._changes = 0
        self._on_event = on_event
        self._on_error = on_error
        self._unsent = bytearray()
        self._unsent_events: list[Event] = []
        self._wake = asyncio.Event()
        self._ending = False
        self.begun = False
        """Whether the server has taken the settings."""

    def append(self, pcm: bytes) -> None:
        """Sends 16-bit PCM at ``RATE_HZ``. The last 30 s wait for a connection."""
        self._unsent += pcm
        if len(self._unsent) > _MAX_UNSENT_BYTES:
            del self._unsent[: len(self._unsent) - _MAX_UNSENT_BYTES]
        self._wake.set()

    def clear(self) -> bool:
        """Drops speech that is not translated yet. Returns whether the server will confirm it."""
        self._unsent.clear()
        if self.begun:
            self.send({"type": "session.input_audio_buffer.clear"})
        return self.begun

    def send(self, event: Event) -> None:
        """Sends an event, as soon as the session has begun. It is lost with its connection."""
        self._unsent_events.append(event)
        self._wake.set()

    def change_output(self, output: Event) -> None:
        """Asks for another ``audio.output``, now and of later connections, unless the server refuses it."""
        self._settings["audio"]["output"] = output
        self._changes += 1
        update = {"type": "session.update", "event_id": f"change_{self._changes}"}
        # also before the session has begun: the settings may be on their way
        self.send(update | {"session": {"audio": {"output": output}}})

    def finish(self) -> None:
        """Nothing more will be said. ``run`` returns when all of it was translated."""
        self._ending = True
        self._wake.set()

    async def run(self) -> None:
        """Keeps a connection until the session has ended."""
        attempts = 0
        async with aiohttp.ClientSession() as http:
            while True:
                try:
                    return await self._converse(http)
                except ServerRefused as error:
                    return await self._on_error(error, False)
                except (aiohttp.ClientError, OSError, ConnectionLost) as error:
                    attempts = 0 if self.begun else attempts + 1
                    self.begun = False
                    self._unsent_events.clear()
                    goes_on = attempts <= self._options.max_retries
                    await self._on_error(error, goes_on)
                    if not goes_on:
                        return None
                    await asyncio.sleep(self._options.retry_interval_s * 2**attempts)

    async def _converse(self, http: aiohttp.ClientSession) -> None:
        """One connection, from its beginning to the end of the session.

        Raises:
            ServerRefused: another connection would not help.
            ConnectionLost, aiohttp.ClientError, OSError: it might.
        """
        key = self._options.api_key
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        refusal = ""
        try:
            connecting = await http.ws_connect(self._options.url, headers=headers, max_msg_size=0)
        except aiohttp.WSServerHandshakeError as error:
            if error.status in _PASSING or not 400 <= error.status < 500:
                raise
            raise ServerRefused(f"{self._options.url} answers {error.status} {error.message}") from None
        async with connecting as socket:
            await socket.send_json({"type": "session.update", "session": self._settings})
            sending = asyncio.create_task(self._send_all(socket))
            try:
                async for message in socket:
                    if message.type is aiohttp.WSMsgType.TEXT:
                        refusal = await self._take(message.json()) or refusal
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
        if socket.close_code == _DONE_CODE:
            return
        why = refusal or f"the connection was closed with {socket.close_code}"
        raise ServerRefused(why) if socket.close_code in _FINAL_CODES else ConnectionLost(why)

    async def _take(self, event: Event) -> str:
        """Takes one event of the server. Returns the message of an error."""
        if event["type"] == "session.updated":
            self.begun = True
            language = event["session"]["audio"]["output"]["language"]
            if language != self._taken["language"]:
                self._taken = {"language": language, "speech": self._taken["speech"]}
            self._wake.set()
        if event["type"] != "error":
            await self._on_event(event)
            return ""
        error = event["error"]
        message: str = error["message"]
        if not self.begun and error["type"] == "invalid_request_error":
            # key or settings are wrong: nothing would ever come
            raise ServerRefused(message)
        await self._on_error(ServerRefused(message), True)
        if error["event_id"] != f"change_{self._changes}":
            return message
        self._settings["audio"]["output"] = self._taken  # the next connection would be refused
        return ""

    async def _send_all(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                await self._wake.wait()
                self._wake.clear()
                if not self.begun:
                    continue
                events, self._unsent_events = self._unsent_events, []
                for event in events:
                    await socket.send_json(event)
                while self._unsent:
                    part = bytes(self._unsent[:_PART_BYTES])
                    del self._unsent[:_PART_BYTES]
                    audio = base64.b64encode(part).decode()
                    await socket.send_json({"type": "session.input_audio_buffer.append", "audio": audio})
                if self._ending:
                    await socket.send_json({"type": "session.close"})
                    return
