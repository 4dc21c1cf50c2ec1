"""``/v1/whip/{room}`` (RFC 9725) and ``/v1/whep/{room}``: one speaks, others hear a language each."""

from __future__ import annotations

import asyncio
import functools
import re
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import NamedTuple

from aiohttp import web

from translate_svc.access.callers import Identified
from translate_svc.errors import InvalidArgument, OutOfRange, ResourceExhausted, TranslateSvcError
from translate_svc.gateway.context import GatewayContext
from translate_svc.gateway.failures import CallNotFound, RoomTaken, UnknownParameter
from translate_svc.gateway.webrtc.ice_requests import answered, change
from translate_svc.gateway.webrtc.ice_servers import parse_ice_server
from translate_svc.gateway.webrtc.offer import SDP, offer_of, read_media_offer
from translate_svc.gateway.webrtc.peer import Peer
from translate_svc.gateway.whip.broadcast import Broadcast, Listener
from translate_svc.serving.source_language import source_or_auto
from translate_svc.types import Scope, SimultaneousSettings, StreamSettings, TargetSettings

_RETRY_AFTER_S = 5.0
_MAX_ROOM_CHARACTERS = 128
_FIELDS = {
    "config.settings.targets": "target",
    "config.settings.source_language": "language",
}
"""Fields of the contract, by their names in the query."""
_INDEXED = re.compile(r"\[\d+\].*")


class _Room(NamedTuple):
    name: str
    broadcast: Broadcast
    who: Identified
    running: asyncio.Task[None]


class WhipEndpoint:
    """Answers the offers of speakers and listeners. A room belongs to the caller whose speaker opened it."""

    def __init__(self, context: GatewayContext) -> None:
        self._context = context
        self._ice_servers = [parse_ice_server(url) for url in context.options.ice_servers]
        self._rooms: dict[str, _Room] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._answering = 0

    async def publish(self, request: web.Request) -> web.Response:
        """``POST /v1/whip/{room}``: takes the offer of a speaker. The query names each ``target`` and, where
        it is known, the ``language`` that is spoken.

        Raises:
            RoomTaken: somebody else speaks there.
        """
        who, _ = await self._context.authenticator.session_caller(request, Scope.STREAM)
        settings = self._settings(request)
        offer = await offer_of(request, functools.partial(read_media_offer, sends=True))
        room = _room_name(request)
        with self._place():
            self._check_free(room)
            codes = [each.language for each in settings.targets]
            broadcast = Broadcast(self._context, self._ice_servers, offer, codes)
            try:
                answer = await broadcast.peer.answer(None)
                self._check_free(room)
                driver = await broadcast.driver(settings, who)
                self._check_free(room)
            except BaseException as error:
                await broadcast.close()
                if isinstance(error, TranslateSvcError):
                    error.field = _FIELDS.get(_INDEXED.sub("", error.field), error.field)
                raise
        name = uuid.uuid4().hex
        task = asyncio.create_task(broadcast.run(driver, who))
        self._rooms[room] = _Room(name, broadcast, who, task)
        task.add_done_callback(functools.partial(self._closed, room))
        return answered(_location(request, name), broadcast.peer, answer, HTTPStatus.CREATED)

    async def listen(self, request: web.Request) -> web.Response:
        """``POST /v1/whep/{room}``: takes the offer of a listener. The query names the ``language`` to hear;
        by default it is the first target.

        Raises:
            CallNotFound: nobody speaks there for this caller, or not any more.
        """
        _refuse_unknown(request, ("language",))
        room, who = await self._room(request)
        broadcast = room.broadcast
        language = self._heard(request, broadcast)
        offer = await offer_of(request, functools.partial(read_media_offer, sends=False))
        patience_s = self._context.options.connect_timeout_s
        name = uuid.uuid4().hex
        with self._place():
            listener = Listener(offer, self._ice_servers, patience_s)
            try:
                answer = await listener.answer()
                if broadcast.has_ended:  # while the offer came, or was answered: nobody would tell this one
                    raise _nobody_speaks()
            except BaseException:
                await listener.peer.close()
                raise
            broadcast.listeners[language][name] = listener
        task = asyncio.create_task(self._keep(broadcast, language, name, listener, who))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return answered(_location(request, name), listener.peer, answer, HTTPStatus.CREATED)

    async def change(self, request: web.Request) -> web.Response:
        """``PATCH`` of a speaker's or a listener's ``Location``, as ``ice_requests.change``."""
        return await change(request, (await self._resource(request))[0])

    async def leave(self, request: web.Request) -> web.Response:
        """``DELETE`` of a ``Location``. A speaker's ends the room, when what was said has been heard."""
        _, resource = await self._resource(request)
        if isinstance(resource, Broadcast):
            resource.hang_up()
        else:
            resource.gone.set()
        return web.Response()

    async def accepts(self, request: web.Request) -> web.Response:
        """``OPTIONS``: what is to be posted."""
        return web.Response(status=HTTPStatus.NO_CONTENT, headers={"Accept-Post": SDP})

    async def stop(self) -> None:
        """Ends the rooms that a drain has left. Those that are closing already may finish that."""
        options = self._context.options
        if tasks := [room.running for room in self._rooms.values()]:
            _, late = await asyncio.wait(
                tasks, timeout=2 * options.abort_timeout_s + options.cancel_timeout_s
            )
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _keep(
        self, broadcast: Broadcast, language: str, name: str, listener: Listener, who: Identified
    ) -> None:
        """Waits until a listener has left, has not connected in time, or is not admitted any more."""
        try:
            with self._context.calls.watching(who.may_stay, listener.gone.set):
                async with asyncio.timeout(self._context.options.connect_timeout_s) as patience:
                    await _either(listener.peer.connected, listener.gone)
                    patience.reschedule(None)
                    await listener.gone.wait()
        except TimeoutError:
            pass
        finally:
            broadcast.listeners[language].pop(name, None)
            await listener.peer.close()

    @contextmanager
    def _place(self) -> Iterator[None]:
        """Counts a connection that is being answered."""
        self._context.calls.check_open()
        listeners = sum(
            len(named) for room in self._rooms.values() for named in room.broadcast.listeners.values()
        )
        count = len(self._rooms) + listeners + self._answering
        if count >= self._context.options.max_calls:
            raise ResourceExhausted(f"{count} connections are open", retry_after_s=_RETRY_AFTER_S)
        self._answering += 1
        try:
            yield
        finally:
            self._answering -= 1

    def _check_free(self, room: str) -> None:
        if room in self._rooms:
            raise RoomTaken("somebody speaks in this room", field="room")

    def _closed(self, room: str, task: asyncio.Task[None]) -> None:
        del self._rooms[room]
        if not task.cancelled():
            task.exception()  # its client has gone; the log has it as the end of a stream

    async def _room(self, request: web.Request) -> tuple[_Room, Identified]:
        who, _ = await self._context.authenticator.session_caller(request, Scope.STREAM)
        room = self._rooms.get(_room_name(request))
        if room is None or room.who.caller.name != who.caller.name:
            raise _nobody_speaks()
        return room, who

    async def _resource(self, request: web.Request) -> tuple[Peer, Broadcast | Listener]:
        room, _ = await self._room(request)
        name = request.match_info["name"]
        if name == room.name:
            return room.broadcast.peer, room.broadcast
        for named in room.broadcast.listeners.values():
            if name in named:
                return named[name].peer, named[name]
        raise CallNotFound("no such connection is open", field="name")

    def _settings(self, request: web.Request) -> StreamSettings:
        _refuse_unknown(request, ("target", "language"))
        table = self._context.languages
        targets = [table.resolve(tag, "target").code for tag in request.query.getall("target", [])]
        if not targets:
            raise InvalidArgument("is required: the language to be heard", field="target")
        language = request.query.get("language", "") or self._context.options.source_language
        return StreamSettings(
            tuple(TargetSettings(code) for code in targets),
            source_or_auto(language, table),
            simultaneous=SimultaneousSettings() if self._context.service.calibrated else None,
        )

    def _heard(self, request: web.Request, broadcast: Broadcast) -> str:
        tag = request.query.get("language", "")
        code = self._context.languages.resolve(tag, "language").code if tag else broadcast.languages[0]
        if code not in broadcast.languages:
            raise InvalidArgument("is not a target of this room", field="language")
        return code


async def _either(*events: asyncio.Event) -> None:
    """Waits until one of them is set."""
    waiting = [asyncio.ensure_future(each.wait()) for each in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waiting:
            each.cancel()


def _nobody_speaks() -> CallNotFound:
    return CallNotFound("nobody speaks in this room", field="room")


def _location(request: web.Request, name: str) -> str:
    """Where a connection is that was asked for here: the room is escaped, as the caller has it."""
    return f"{request.rel_url.raw_path}/{name}"


def _room_name(request: web.Request) -> str:
    name = request.match_info["room"]
    if len(name) > _MAX_ROOM_CHARACTERS:
        raise OutOfRange(f"has more than {_MAX_ROOM_CHARACTERS} characters", field="room")
    return name


def _refuse_unknown(request: web.Request, known: Collection[str]) -> None:
    for name in request.query:
        if name not in known:
            raise UnknownParameter("is not a parameter of this address", field=name[:64])
