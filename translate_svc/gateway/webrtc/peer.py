"""The server's end of a peer connection: it answers an offer, and its way to the caller may change."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from aiortc import MediaStreamTrack, RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCRtpSender

from translate_svc.errors import InvalidArgument, Unavailable, Unsupported
from translate_svc.gateway.failures import CallNotFound
from translate_svc.gateway.webrtc.ice_fragment import MAX_CANDIDATES, IceFragment, with_ice, write_fragment
from translate_svc.gateway.webrtc.ice_paths import IcePaths
from translate_svc.gateway.webrtc.offer import Offer
from translate_svc.gateway.webrtc.packet_order import PacketOrder

_OPUS = "audio/opus"
_LOST = ("failed", "closed")

_log = logging.getLogger(__name__)


class Peer:
    """Answers one offer. ICE may be restarted as long as the connection lasts."""

    def __init__(
        self,
        offer: Offer,
        ice_servers: list[RTCIceServer],
        patience_s: float,
        on_lost: Callable[[], None],
    ) -> None:
        """``patience_s``: for a restart to be connected. ``on_lost`` is called when the caller is gone."""
        self.offer = offer
        """The offer that it answers."""
        self.restarts = 0
        """How often its connection was made anew."""
        self.connection = RTCPeerConnection(RTCConfiguration(ice_servers))
        self.connected = asyncio.Event()
        """Set when the caller has connected."""
        self._ice_servers = ice_servers
        self._patience_s = patience_s
        self._paths: IcePaths | None = None
        self._username = offer.ice.username
        self._on_lost = on_lost
        self.connection.on("connectionstatechange", self._follow_state)

    async def answer(self, track: MediaStreamTrack | None) -> str:
        """The SDP answer, with all candidates of this machine. ``track``: what the caller hears, if anything.

        Video is not taken.

        Raises:
            InvalidArgument: the offer cannot be answered, for example because it has no Opus.
            Unavailable: this machine has no address at which it could be called.
        """
        if track is None:
            self.connection.addTransceiver("audio", direction="recvonly")
        else:
            self.connection.addTrack(track)
        codecs = RTCRtpSender.getCapabilities("audio").codecs
        opus = [each for each in codecs if each.mimeType.lower() == _OPUS]
        (audio,) = self.connection.getTransceivers()
        audio.setCodecPreferences(opus)
        PacketOrder(audio.receiver)
        try:
            await self.connection.setRemoteDescription(self.offer.description)
        except Exception as error:
            _log.info("an offer could not be used: %s", type(error).__name__)
            raise InvalidArgument("the offer cannot be answered: it needs Opus, ICE and DTLS") from None
        for transceiver in self.connection.getTransceivers()[1:]:
            transceiver.direction = "inactive"
        self._replace_ice()
        await self.connection.setLocalDescription(await self.connection.createAnswer())
        text: str = self.connection.localDescription.sdp
        if "a=candidate:" not in text:
            raise Unavailable("this machine has no address for calls: use a WebSocket")
        return text

    async def close(self) -> None:
        """Closes the connection."""
        await self.connection.close()

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
        text: str = self.connection.localDescription.sdp
        return with_ice(text, self._own_ice, self.restarts) if self.restarts else text

    @property
    def fragment(self) -> str:
        """The ICE parameters of the answer as they are now."""
        return write_fragment(self._own_ice, self.connection.localDescription.sdp)

    @property
    def _own_ice(self) -> IceFragment:
        path = self._shared().newest
        return IceFragment(path.local_username, path.local_password, tuple(path.local_candidates))

    def _shared(self) -> IcePaths:
        if self._paths is None:
            raise Unsupported("only a call whose sections are one bundle can change its way")
        return self._paths

    def _replace_ice(self) -> None:
        """Prepares for restarts, which need that all sections share one transport, as browsers have it."""
        transports = {each.receiver.transport for each in self.connection.getTransceivers()}
        if self.connection.sctp is not None:
            transports.add(self.connection.sctp.transport)
        if len(transports) == 1:
            (transport,) = transports
            self._paths = IcePaths(transport.transport, self._ice_servers, self._patience_s)

    def _follow_state(self) -> None:
        if self.connection.connectionState == "connected":
            self.connected.set()
        if self.connection.connectionState in _LOST:
            self._on_lost()
