"""``POST /v1/realtime/translations/calls`` and ``.../hangup``: translation sessions over WebRTC."""

from __future__ import annotations

import asyncio
import dataclasses
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import NamedTuple

from aiohttp import hdrs, web
from aiortc import RTCSessionDescription
from aiortc.sdp import SessionDescription

from translate_svc.errors import InvalidArgument, ResourceExhausted
from translate_svc.gateway.context import GatewayContext
from translate_svc.gateway.failures import CallNotFound
from translate_svc.gateway.json_object import JsonObject
from translate_svc.gateway.realtime import translation_settings
from translate_svc.gateway.realtime.audio_formats import pcm
from translate_svc.gateway.webrtc.call import Call
from translate_svc.gateway.webrtc.heard_audio import RATE_HZ
from translate_svc.gateway.webrtc.ice_servers import parse_ice_server
from translate_svc.types import Caller, Scope

_SDP = "application/sdp"
_RETRY_AFTER_S = 5.0
_MDNS_CANDIDATE = re.compile(r"a=candidate:(?:\S+ ){4}\S+\.local ")
_MAX_CANDIDATES = 64
"""Each one makes the server send packets to an address that the client names."""


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

    async def create(self, request: web.Request) -> web.Response:
        """Takes an SDP offer; answers 201 with the SDP answer and the path of the call."""
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
        call, answer = await self._answer(request)
        name = f"rtc_{uuid.uuid4().hex}"
        task = asyncio.create_task(call.run(settings, who, model))
        self._calls[name] = _LiveCall(call, who.caller, task)
        task.add_done_callback(lambda _: self._calls.pop(name))
        headers = {hdrs.LOCATION: f"{request.path}/{name}"}
        return web.Response(text=answer, status=HTTPStatus.CREATED, content_type=_SDP, headers=headers)

    async def hang_up(self, request: web.Request) -> web.Response:
        """Ends a call as if its client had hung up, and answers 200 when it is over.

        Raises:
            CallNotFound: there is no such call of this caller in this process.
        """
        who, _ = await self._context.authenticator.session_caller(request, Scope.STREAM)
        live = self._calls.get(request.match_info["call_id"])
        if live is None or live.caller.name != who.caller.name:
            raise CallNotFound("no such call is open", field="call_id")
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

    async def _answer(self, request: web.Request) -> tuple[Call, str]:
        """A call for the offer of ``request``, and its answer.

        Raises:
            ResourceExhausted: there are enough calls.
            Unavailable: the server drains, or has no address for calls.
            InvalidArgument: the offer is wrong.
        """
        with self._context.calls.admission(), self._place():
            offer = await _offer(request)
            call = Call(self._context, self._ice_servers)
            try:
                return call, await call.answer(offer)
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


async def _offer(request: web.Request) -> RTCSessionDescription:
    if request.content_type != _SDP:
        raise InvalidArgument(f"must be {_SDP}: the body is the offer", field="content-type")
    try:
        return read_offer(await request.text())
    except (UnicodeDecodeError, LookupError):
        raise InvalidArgument("the body is not an SDP offer") from None


def read_offer(text: str) -> RTCSessionDescription:
    """The offer of a call: one section of audio that is sent, and one of data channels.

    Raises:
        InvalidArgument: it is not an offer.
    """
    try:
        description = SessionDescription.parse(text)
    except Exception:  # the parser was written for offers, and fails in many ways on anything else
        raise InvalidArgument("the body is not an SDP offer") from None
    if sorted(media.kind for media in description.media) != ["application", "audio"]:
        raise InvalidArgument("the offer needs one section of audio and one data channel, and nothing else")
    (audio,) = (media for media in description.media if media.kind == "audio")
    if audio.direction not in ("sendrecv", "sendonly"):
        raise InvalidArgument("the audio section of the offer must send")
    if any(media.dtls is None or not media.dtls.fingerprints for media in description.media):
        raise InvalidArgument("each section of the offer needs a fingerprint: calls are encrypted")
    if sum(len(media.ice_candidates) for media in description.media) > _MAX_CANDIDATES:
        raise InvalidArgument(f"the offer has more than {_MAX_CANDIDATES} candidates")
    return RTCSessionDescription(sdp="".join(_without_hidden_addresses(text)), type="offer")


def _without_hidden_addresses(text: str) -> Iterator[str]:
    """The lines of an offer, without candidates whose address is an mDNS name, and without their end.

    Such a name means something in the caller's network alone. A caller is also found by its own checks, and
    aioice gives up on one that says it has no further candidates and has named none.
    """
    for line in text.splitlines(keepends=True):
        if not line.startswith("a=end-of-candidates") and not _MDNS_CANDIDATE.match(line):
            yield line
