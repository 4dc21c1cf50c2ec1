"""One call: a peer connection, and the realtime session that it carries."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCDataChannel,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpSender,
)

from translate_svc.access.callers import Identified
from translate_svc.errors import InvalidArgument, StreamTimeout, Unavailable, Unsupported
from translate_svc.gateway.context import GatewayContext
from translate_svc.gateway.failures import CallNotFound, failure_of
from translate_svc.gateway.realtime.dialect import SessionSettings
from translate_svc.gateway.realtime.endpoint import TRANSLATION
from translate_svc.gateway.realtime.realtime_session import RealtimeSession
from translate_svc.gateway.webrtc.call_connection import CallConnection
from translate_svc.gateway.webrtc.heard_audio import heard_audio
from translate_svc.gateway.webrtc.ice_fragment import MAX_CANDIDATES, IceFragment, with_ice, write_fragment
from translate_svc.gateway.webrtc.ice_paths import IcePaths
from translate_svc.gateway.webrtc.offer import Offer
from translate_svc.gateway.webrtc.speech_track import SpeechTrack
from translate_svc.types import Caller

CHANNEL = "oai-events"
"""Label of the data channel that carries events. Others are ignored."""

_OPUS = "audio/opus"
_LOST = ("failed", "closed")

_log = logging.getLogger(__name__)


class Call:
    """Answers an offer, then runs a translation session with the peer that made it."""

    def __init__(self, context: GatewayContext, ice_servers: list[RTCIceServer], offer: Offer) -> None:
        self.offer = offer
        """The offer that it answers."""
        self.restarts = 0
        """How often its connection was made anew."""
        self._context = context
        self._ice_servers = ice_servers
        self._paths: IcePaths | None = None
        self._username = offer.ice.username
        self._peer = RTCPeerConnection(RTCConfiguration(ice_servers))
        self._speech = SpeechTrack()
        self._connection = CallConnection(context.options, self._speech, self._cancel)
        self._listening: asyncio.Task[None] | None = None
        self._running: asyncio.Task[None] | None = None
        self._peer.on("track", self._listen)
        self._peer.on("datachannel", self._attach)
        self._peer.on("connectionstatechange", self._follow_state)

    async def answer(self) -> str:
        """The SDP answer, with all candidates of this machine.

        Raises:
            InvalidArgument: the offer cannot be answered, for example because it has no Opus.
            Unavailable: this machine has no address at which it could be called.
        """
        self._peer.addTrack(self._speech)
        codecs = RTCRtpSender.getCapabilities("audio").codecs
        opus = [each for each in codecs if each.mimeType.lower() == _OPUS]
        self._peer.getTransceivers()[0].setCodecPreferences(opus)
        try:
            await self._peer.setRemoteDescription(self.offer.description)
        except Exception as error:
            _log.info("an offer could not be used: %s", type(error).__name__)
            raise InvalidArgument("the offer cannot be answered: it needs Opus, ICE and DTLS") from None
        self._replace_ice()
        await self._peer.setLocalDescription(await self._peer.createAnswer())
        text: str = self._peer.localDescription.sdp
        if "a=candidate:" not in text:
            raise Unavailable("this machine has no address for calls: use a WebSocket")
        return text

    def _replace_ice(self) -> None:
        """Prepares for restarts, which need that all sections share one transport, as browsers have it."""
        assert self._peer.sctp is not None, "the offer has a data channel"
        transport = self._peer.sctp.transport
        if transport is self._peer.getSenders()[0].transport:
            patience_s = self._context.options.connect_timeout_s
            self._paths = IcePaths(transport.transport, self._ice_servers, patience_s)

    def knows(self, ice: IceFragment) -> bool:
        """Whether these credentials of the caller are those of its connection now."""
        return ice.username == self._username

    async def trickle(self, ice: IceFragment) -> None:
        """Takes further candidates of the caller (RFC 8838).

        Raises:
            InvalidArgument: they are too many.
        """
        paths = self._shared()
        known = paths.newest.remote_candidates
        if len(known) + len(ice.candidates) > MAX_CANDIDATES:
            raise InvalidArgument(f"the call has more than {MAX_CANDIDATES} candidates")
        for candidate in ice.candidates:
            await paths.add_remote_candidate(candidate)

    async def restart(self, ice: IceFragment) -> None:
        """Restarts ICE: the session, its encryption and its channels go on over another way to the caller.

        Raises:
            Unsupported: the call was not offered as one bundle.
            CallNotFound: it has just ended.
        """
        paths = self._shared()
        try:
            await paths.begin(await paths.further(), *ice)
        except ConnectionError:
            raise CallNotFound("no such call is open", field="call_id") from None
        self._username = ice.username
        self.restarts += 1

    @property
    def description(self) -> str:
        """The answer as it holds now."""
        text: str = self._peer.localDescription.sdp
        return with_ice(text, self._own_ice, self.restarts) if self.restarts else text

    @property
    def fragment(self) -> str:
        """The ICE parameters of the answer as they are now."""
        return write_fragment(self._own_ice, self._peer.localDescription.sdp)

    @property
    def _own_ice(self) -> IceFragment:
        path = self._shared().newest
        return IceFragment(path.local_username, path.local_password, tuple(path.local_candidates))

    def _shared(self) -> IcePaths:
        if self._paths is None:
            raise Unsupported("only a call whose sections are one bundle can change its way")
        return self._paths

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
        await self._peer.close()

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

    def _follow_state(self) -> None:
        if self._peer.connectionState in _LOST:
            self._connection.leave()
