"""``/v1/realtime/translations/calls``: translation sessions over WebRTC, and their end (RFC 9725)."""

from __future__ import annotations

import asyncio
import dataclasses
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import NamedTuple
from weakref import WeakValueDictionary

from aiohttp import web

from translate_svc.errors import InvalidArgument, ResourceExhausted
from translate_svc.gateway.context import GatewayContext
from translate_svc.gateway.failures import CallNotFound
from translate_svc.gateway.json_object import JsonObject
from translate_svc.gateway.realtime import translation_settings
from translate_svc.gateway.realtime.audio_formats import pcm
from translate_svc.gateway.webrtc.call import Call
from translate_svc.gateway.webrtc.heard_audio import RATE_HZ
from translate_svc.gateway.webrtc.ice_requests import answered, change
from translate_svc.gateway.webrtc.ice_servers import parse_ice_server
from translate_svc.gateway.webrtc.offer import Offer, offer_of, read_offer
from translate_svc.types import Caller, Scope

_RETRY_AFTER_S = 5.0


class _LiveCall(NamedTuple):
    call: Call
    caller: Caller
    running: asyncio.Task[None]


class CallsEndpoint:
    """Answers offers, and runs the calls until the server stops."""

    def __init__(self, context: GatewayContext) -> None:
        """Raises InvalidArgument if an ICE server of the options is wrong."""
        self._context = context
        self._ice_servers = [parse_ice_server(url) for url in context.options.ice_servers]
        self._calls: dict[str, _LiveCall] = {}
        self._answering = 0
        self._turns: WeakValueDictionary[tuple[str, tuple[str, str]], asyncio.Lock] = WeakValueDictionary()
        """For offers that are being answered, by the caller's name and ``Offer.peer``."""

    async def create(self, request: web.Request) -> web.Response:
        """Takes an SDP offer; answers 201 with the SDP answer and the path of the call.

        A further offer of a peer connection that has a call is about that call: the answer is 200, and if the
        offer restarts ICE, its session goes on.
        """
        context = self._context
        who, wanted = await context.authenticator.session_caller(request, Scope.STREAM)
        model = request.query.get("model", "")
        settings = dataclasses.replace(
            translation_settings.first_settings(context.options, context.service),
            input=pcm(RATE_HZ),
            input_is_fixed=True,
        )
        if wanted is not None:
            session = JsonObject(wanted, "session")
            settings, model = settings.updated(session), session.text("model", model)
        offer = await offer_of(request, read_offer)
        async with self._turn(who.caller, offer):  # one that is posted again finds the call of the first one
            if (known := self._name_of(who.caller, offer)) is not None:
                return await self._continue(f"{request.path}/{known}", self._calls[known].call, offer)
            call, answer = await self._answer(offer)
            name = f"rtc_{context.options.process_index}_{uuid.uuid4().hex}"
            task = asyncio.create_task(call.run(settings, who, model))
            self._calls[name] = _LiveCall(call, who.caller, task)
            task.add_done_callback(lambda _: self._calls.pop(name))
            return answered(f"{request.path}/{name}", call.peer, answer, HTTPStatus.CREATED)

    async def offer_again(self, request: web.Request) -> web.Response:
        """Takes a further offer of a call's peer connection. Unlike ``create`` it finds the call from
        wherever it comes: its path says which process has it.

        Raises:
            InvalidArgument: the body is no offer of that peer connection.
            CallNotFound: as ``hang_up``.
        """
        live = await self._live(request)
        offer = await offer_of(request, read_offer)
        if offer.peer != live.call.peer.offer.peer:
            raise InvalidArgument("the offer is not of the peer connection that has this call")
        async with self._turn(live.caller, offer):
            return await self._continue(request.path, live.call, offer)

    async def change(self, request: web.Request) -> web.Response:
        """Takes an SDP fragment, as ``ice_requests.change``.

        Raises:
            CallNotFound: as ``hang_up``.
        """
        return await change(request, (await self._live(request)).call.peer)

    async def hang_up(self, request: web.Request) -> web.Response:
        """Ends a call as if its client had hung up, and answers 200 when it is over.

        Raises:
            CallNotFound: there is no such call of this caller in this process.
        """
        live = await self._live(request)
        live.call.hang_up()
        await asyncio.wait({live.running}, timeout=self._context.options.cancel_timeout_s)
        return web.Response()

    async def stop(self) -> None:
        """Ends the calls that a drain has left. Those that are saying good-bye may finish that."""
        tasks = [live.running for live in self._calls.values()]
        if tasks:
            options = self._context.options
            _, late = await asyncio.wait(
                tasks, timeout=2 * options.abort_timeout_s + options.cancel_timeout_s
            )
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _live(self, request: web.Request) -> _LiveCall:
        who, _ = await self._context.authenticator.session_caller(request, Scope.STREAM)
        live = self._calls.get(request.match_info["call_id"])
        if live is None or live.caller.name != who.caller.name:
            raise CallNotFound("no such call is open", field="call_id")
        return live

    def _name_of(self, caller: Caller, offer: Offer) -> str | None:
        """The call of the peer connection that makes this offer, if it has one."""
        return next(
            (
                name
                for name, live in self._calls.items()
                if live.caller.name == caller.name and live.call.peer.offer.peer == offer.peer
            ),
            None,
        )

    def _turn(self, caller: Caller, offer: Offer) -> asyncio.Lock:
        """Offers of one peer connection are answered one after the other."""
        return self._turns.setdefault((caller.name, offer.peer), asyncio.Lock())

    async def _continue(self, location: str, call: Call, offer: Offer) -> web.Response:
        if not call.peer.knows(offer.ice):
            await call.peer.restart(offer.ice)
        return answered(location, call.peer, call.peer.description, HTTPStatus.OK)

    async def _answer(self, offer: Offer) -> tuple[Call, str]:
        """A call for an offer, and its answer.

        Raises:
            ResourceExhausted: there are enough calls.
            Unavailable: the server drains, or has no address for calls.
            InvalidArgument: the offer is wrong.
        """
        with self._context.calls.admission(), self._place():
            call = Call(self._context, self._ice_servers, offer)
            try:
                return call, await call.answer()
            except BaseException:
                await call.close()
                raise

    @contextmanager
    def _place(self) -> Iterator[None]:
        """Counts a call that is being answered."""
        self._context.calls.check_open()
        count = len(self._calls) + self._answering
        if count >= self._context.options.max_calls:
            raise ResourceExhausted(f"{count} calls are open", retry_after_s=_RETRY_AFTER_S)
        self._answering += 1
        try:
            yield
        finally:
            self._answering -= 1
