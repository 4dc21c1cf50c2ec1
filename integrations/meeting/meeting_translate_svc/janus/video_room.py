"""A room of Janus' VideoRoom plugin: who publishes in it, publishing, and listening."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCSessionDescription,
)

from meeting_translate_svc.janus.session import JanusHandle, JanusSession, Message
from translate_svc.gateway.webrtc.packet_order import PacketOrder

PLUGIN = "janus.plugin.videoroom"

CHANNEL = "JanusDataChannel"
"""The label that Janus expects of data channels."""

_OPUS = re.compile(r"^a=rtpmap:\d+ opus/48000", re.IGNORECASE | re.MULTILINE)


class UnusableSound(Exception):
    """No sound can be had by what Janus offers or answers: it is in another codec, for example."""


@dataclass(frozen=True, slots=True)
class Room:
    """A room of a server.

    Attributes:
        room_id: its number, or its name where the server has ``string_ids``.
        pin: its pin, if it has one.
    """

    room_id: int | str
    pin: str = field(default="", repr=False)

    def request(self, name: str, **fields: Any) -> Message:
        """A request that names the room."""
        pin = {"pin": self.pin} if self.pin else {}
        return {"request": name, "room": self.room_id, **pin, **fields}


@dataclass(frozen=True, slots=True)
class Feed:
    """Somebody who publishes.

    Attributes:
        feed_id: who it is, in this room.
        display: the name that people see.
        audio_mid: which of its streams is its sound; empty: it has none.
        data_mid: which of its streams is its data channel; empty: it has none.
    """

    feed_id: int | str
    display: str
    audio_mid: str = ""
    data_mid: str = ""


@dataclass(frozen=True, slots=True)
class RoomChange:
    """What has changed: feeds that are new or have other streams, and one that has left."""

    feeds: tuple[Feed, ...] = ()
    left: int | str | None = None
    closed: bool = False
    """The room is no more."""


def room_change(message: Message) -> RoomChange:
    """What an event of a publisher's handle says about the room."""
    data = message.get("plugindata", {}).get("data", {})
    left = data.get("leaving", data.get("unpublished"))
    return RoomChange(
        feeds=tuple(_feed(each) for each in data.get("publishers", ())),
        left=None if left == "ok" else left,
        closed=data.get("videoroom") == "destroyed" or (left == "ok" and data.get("reason") == "kicked"),
    )


async def join(handle: JanusHandle, room: Room, display: str) -> tuple[int | str, tuple[Feed, ...]]:
    """Joins as somebody who may publish. Returns the id of the own feed, and who publishes already.

    Raises:
        JanusError: there is no such room, or the pin is wrong.
    """
    data, _ = await handle.ask(room.request("join", ptype="publisher", display=display))
    return data["id"], tuple(_feed(each) for each in data.get("publishers", ()))


@asynccontextmanager
async def publishing(
    handle: JanusHandle, track: MediaStreamTrack
) -> AsyncIterator[tuple[RTCPeerConnection, RTCDataChannel]]:
    """Publishes a track and a data channel in the room that the handle has joined.

    Raises:
        JanusError: the room has as many publishers as it takes.
        UnusableSound: it does not take Opus.
    """
    peer = RTCPeerConnection(RTCConfiguration([]))
    try:
        peer.addTransceiver(track, direction="sendonly")
        channel = peer.createDataChannel(CHANNEL)
        await peer.setLocalDescription(await peer.createOffer())
        _, answer = await handle.ask({"request": "publish"}, _jsep(peer))
        assert answer is not None, "Janus answers offers"
        await _take(peer, answer)
        yield peer, channel
    finally:
        await peer.close()


@asynccontextmanager
async def attached_peer(session: JanusSession) -> AsyncIterator[tuple[RTCPeerConnection, JanusHandle]]:
    """A peer connection and a handle for it. Say what becomes of its tracks, then ``subscribe``."""
    handle = await session.attach(PLUGIN)
    peer = RTCPeerConnection(RTCConfiguration([]))
    try:
        yield peer, handle
    finally:
        await peer.close()
        await handle.detach()


async def subscribe(
    peer: RTCPeerConnection, handle: JanusHandle, room: Room, feed: Feed, *, data: bool = False
) -> None:
    """Connects a peer to the sound of a feed, and with ``data`` to its data channel.

    Raises:
        JanusError: the feed has left.
        UnusableSound: its sound is not in Opus, for example.
    """
    mids = [feed.audio_mid, feed.data_mid] if data else [feed.audio_mid]
    streams = [{"feed": feed.feed_id, "mid": mid} for mid in mids if mid]
    _, offer = await handle.ask(room.request("join", ptype="subscriber", streams=streams))
    assert offer is not None, "Janus offers what was subscribed to"
    await _take(peer, offer)
    for each in peer.getTransceivers():
        PacketOrder(each.receiver)
    await peer.setLocalDescription(await peer.createAnswer())
    await handle.ask({"request": "start"}, _jsep(peer))


async def _take(peer: RTCPeerConnection, jsep: Message) -> None:
    """Gives a peer the description of Janus."""
    if not _OPUS.search(jsep["sdp"]):
        raise UnusableSound("the sound is not in Opus")
    try:
        await peer.setRemoteDescription(RTCSessionDescription(jsep["sdp"], jsep["type"]))
    except Exception as error:  # aiortc fails in many ways on what it does not know
        raise UnusableSound(f"the {jsep['type']} of Janus cannot be used ({type(error).__name__})") from None


def _jsep(peer: RTCPeerConnection) -> Message:
    """The local description, with all candidates: none are sent later."""
    return {"type": peer.localDescription.type, "sdp": peer.localDescription.sdp}


def _feed(publisher: Message) -> Feed:
    mids = {"audio": "", "data": ""}
    for stream in publisher.get("streams", ()):
        if not stream.get("disabled") and not mids.get(stream["type"], "unknown"):
            mids[stream["type"]] = str(stream["mid"])
    return Feed(publisher["id"], publisher.get("display", ""), mids["audio"], mids["data"])
