"""A session with a Janus server over its WebSocket interface."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

Message = dict[str, Any]

_PROTOCOL = "janus-protocol"
_MAX_WAITING = 1_000
_HEARTBEAT_S = 10.0


@dataclass(frozen=True, slots=True)
class JanusServer:
    """Where the server is, and how patiently it is asked.

    Attributes:
        url: address of its WebSocket interface, such as ``ws://127.0.0.1:8188``.
        api_secret: its ``api_secret``, if it asks for one.
        token: a token, if it asks for one (``token_auth``).
        answer_timeout_s: how long an answer may take.
        keepalive_s: between signs of life. The server forgets sessions that were silent for its
            ``session_timeout``, 60 s by default.
    """

    url: str
    api_secret: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    answer_timeout_s: float = 10.0
    keepalive_s: float = 20.0


class JanusError(Exception):
    """The server refused a request.

    Attributes:
        code: its number, of Janus or of the plugin.
        reason: what the server says about it.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"Janus refused with {code}: {reason}")
        self.code = code
        self.reason = reason


class JanusLost(Exception):
    """The connection or the session has ended; a new one may work."""


class JanusHandle:
    """One attachment to a plugin: one place in a room, with at most one peer connection."""

    def __init__(self, session: JanusSession, handle_id: int) -> None:
        self._session = session
        self.handle_id = handle_id
        self._events: asyncio.Queue[Message] = asyncio.Queue(_MAX_WAITING)

    async def ask(self, body: Message, jsep: Message | None = None) -> tuple[Message, Message | None]:
        """Sends a request to the plugin. Returns the data of its answer, and an offer or answer beside it.

        Raises:
            JanusError: the plugin or the server refused.
            JanusLost: there was no answer.
        """
        message: Message = {"janus": "message", "handle_id": self.handle_id, "body": body}
        if jsep is not None:
            message["jsep"] = jsep
        reply = await self._session.ask(message)
        data = reply.get("plugindata", {}).get("data", {})
        if "error_code" in data:
            raise JanusError(data["error_code"], data.get("error", ""))
        return data, reply.get("jsep")

    async def event(self) -> Message:
        """What the server says next without being asked.

        Raises:
            JanusLost: the session has ended.
        """
        waiting = asyncio.ensure_future(self._events.get())
        try:
            both: set[asyncio.Future[Any]] = {waiting, self._session.lost}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if not waiting.done():
                raise JanusLost("the session with Janus has ended")
            return waiting.result()
        finally:
            waiting.cancel()

    async def until_hangup(self) -> None:
        """Returns when the peer connection of this handle has ended.

        Raises:
            JanusLost: the session has ended.
        """
        while (await self.event())["janus"] not in ("hangup", "detached"):
            pass

    async def detach(self) -> None:
        """Leaves the plugin, and ends the peer connection."""
        self._session.handles.pop(self.handle_id, None)
        with contextlib.suppress(JanusError, JanusLost):
            await self._session.ask({"janus": "detach", "handle_id": self.handle_id})

    def take(self, message: Message) -> None:
        """Takes an event of the session. A handle whose events nobody reads loses the oldest."""
        if self._events.full():
            self._events.get_nowait()
        self._events.put_nowait(message)


class JanusSession:
    """Made by ``janus_session``."""

    def __init__(self, server: JanusServer, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._server = server
        self._socket = socket
        self._session_id: int | None = None
        self._answers: dict[str, asyncio.Future[Message]] = {}
        self.handles: dict[int, JanusHandle] = {}
        """Those that are attached, by their ids."""
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the session has ended."""

    async def create(self) -> None:
        """Opens the session."""
        self._session_id = int((await self.ask({"janus": "create"}))["data"]["id"])

    async def attach(self, plugin: str) -> JanusHandle:
        """Attaches to a plugin.

        Raises:
            JanusError: the server does not have it.
            JanusLost: the session has ended.
        """
        handle_id = (await self.ask({"janus": "attach", "plugin": plugin}))["data"]["id"]
        handle = self.handles[handle_id] = JanusHandle(self, handle_id)
        return handle

    async def ask(self, message: Message) -> Message:
        """Sends a request. Returns its answer, as soon as it is more than an acknowledgement."""
        transaction = secrets.token_hex(8)
        answer = self._answers[transaction] = asyncio.get_running_loop().create_future()
        try:
            await self._send(message | {"transaction": transaction})
            async with asyncio.timeout(self._server.answer_timeout_s):
                both: set[asyncio.Future[Any]] = {answer, self.lost}
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            raise JanusLost("Janus does not answer") from None
        finally:
            del self._answers[transaction]
        if not answer.done():
            raise JanusLost("the connection to Janus has ended")
        reply: Message = answer.result()
        if reply["janus"] == "error":
            raise JanusError(reply["error"]["code"], reply["error"]["reason"])
        return reply

    async def read(self) -> None:
        """Takes what the server sends, until the connection or the session ends."""
        try:
            async for frame in self._socket:
                if frame.type is aiohttp.WSMsgType.TEXT and not self._take(frame.json()):
                    return
        finally:
            if not self.lost.done():
                self.lost.set_result(None)

    async def keep_alive(self) -> None:
        """Tells the server at times that this end is there."""
        with contextlib.suppress(JanusLost, JanusError):
            while True:
                await asyncio.sleep(self._server.keepalive_s)
                await self._send({"janus": "keepalive", "transaction": secrets.token_hex(8)})

    async def destroy(self) -> None:
        """Ends the session, and with it all handles."""
        if not self.lost.done():
            with contextlib.suppress(JanusError, JanusLost):
                await self.ask({"janus": "destroy"})

    async def _send(self, message: Message) -> None:
        secret = {"apisecret": self._server.api_secret} if self._server.api_secret else {}
        token = {"token": self._server.token} if self._server.token else {}
        session = {} if self._session_id is None else {"session_id": self._session_id}
        try:
            await self._socket.send_json(message | session | secret | token)
        except ConnectionError:
            raise JanusLost("the connection to Janus has ended") from None

    def _take(self, message: Message) -> bool:
        """Takes one message. Returns whether the session goes on."""
        answer = self._answers.get(message.get("transaction", ""))
        if message["janus"] == "timeout":
            return False
        if answer is not None:
            if message["janus"] != "ack" and not answer.done():
                answer.set_result(message)
        elif (handle := self.handles.get(message.get("sender", 0))) is not None:
            handle.take(message)
        return True


@asynccontextmanager
async def janus_session(server: JanusServer) -> AsyncIterator[JanusSession]:
    """A session that is open.

    Raises:
        JanusLost: the server cannot be reached.
        JanusError: it refuses.
    """
    async with aiohttp.ClientSession() as http:
        try:
            socket = await http.ws_connect(server.url, protocols=[_PROTOCOL], heartbeat=_HEARTBEAT_S)
        except (aiohttp.ClientError, OSError) as error:
            raise JanusLost(f"Janus cannot be reached: {error}") from error
        async with socket:
            session = JanusSession(server, socket)
            tasks = [asyncio.create_task(session.read()), asyncio.create_task(session.keep_alive())]
            try:
                await session.create()
                yield session
            finally:
                await session.destroy()
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
