"""One call: a peer connection, and the realtime session that it carries."""

from __future__ import annotations

import asyncio
import contextlib

from aiortc import MediaStreamTrack, RTCDataChannel, RTCIceServer

from translate_svc.access.callers import Identified
from translate_svc.errors import StreamTimeout
from translate_svc.gateway.context import GatewayContext
from translate_svc.gateway.failures import failure_of
from translate_svc.gateway.realtime.dialect import SessionSettings
from translate_svc.gateway.realtime.endpoint import TRANSLATION
from translate_svc.gateway.realtime.realtime_session import RealtimeSession
from translate_svc.gateway.webrtc.call_connection import CallConnection
from translate_svc.gateway.webrtc.heard_audio import heard_audio
from translate_svc.gateway.webrtc.offer import Offer
from translate_svc.gateway.webrtc.peer import Peer
from translate_svc.gateway.webrtc.speech_track import SpeechTrack
from translate_svc.types import Caller

CHANNEL = "oai-events"
"""Label of the data channel that carries events. Others are ignored."""


class Call:
    """Answers an offer, then runs a translation session with the peer that made it."""

    def __init__(self, context: GatewayContext, ice_servers: list[RTCIceServer], offer: Offer) -> None:
        self._context = context
        self._speech = SpeechTrack()
        self._connection = CallConnection(context.options, self._speech, self._cancel)
        self.peer = Peer(offer, ice_servers, context.options.connect_timeout_s, self._connection.leave)
        """The connection to the caller."""
        self._listening: asyncio.Task[None] | None = None
        self._running: asyncio.Task[None] | None = None
        self.peer.connection.on("track", self._listen)
        self.peer.connection.on("datachannel", self._attach)

    async def answer(self) -> str:
        """The SDP answer, as ``Peer.answer``."""
        return await self.peer.answer(self._speech)

    async def run(self, settings: SessionSettings, who: Identified, model: str) -> None:
        """Runs the session until either side ends it, and closes the connection."""
        self._running = asyncio.current_task()
        try:
            await self._connected(who.caller)
            await RealtimeSession(self._context, TRANSLATION, self._connection, model).run(settings, who)
            await self._connection.end()
        except asyncio.CancelledError:
            if not self._connection.left:
                raise
        except Exception as error:
            await self._connection.end(failure_of(error))
        finally:
            self._running = None
            await self.close()

    def hang_up(self) -> None:
        """Ends the session at once, as if the client had left; ``run`` then closes the connection."""
        self._connection.leave()

    async def close(self) -> None:
        """Closes the connection."""
        if self._listening is not None:
            self._listening.cancel()
        await self.peer.close()

    async def _connected(self, caller: Caller) -> None:
        waited_s = self._context.options.connect_timeout_s
        try:
            async with self._context.opening(caller), asyncio.timeout(waited_s):
                await self._connection.opened.wait()
        except TimeoutError:
            raise StreamTimeout(f"the call was not connected within {waited_s:g} s") from None

    def _cancel(self) -> None:
        if self._running is not None:
            self._running.cancel()

    def _listen(self, track: MediaStreamTrack) -> None:
        self._listening = asyncio.ensure_future(self._hear(track))

    async def _hear(self, track: MediaStreamTrack) -> None:
        async with contextlib.aclosing(heard_audio(track)) as parts:
            async for pcm in parts:
                self._connection.hear(pcm)

    def _attach(self, channel: RTCDataChannel) -> None:
        if channel.label == CHANNEL and not self._connection.opened.is_set():
            self._connection.attach(channel)
