"""What callers over WebRTC send: SDP offers, and fragments with the ICE parameters of a restart."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from functools import cache

from aioice import Connection
from aiortc import RTCConfiguration, RTCPeerConnection
from aiortc.mediastreams import AudioStreamTrack

from translate_svc.errors import TranslateSvcError
from translate_svc.gateway.webrtc.ice_fragment import IceFragment, read_fragment, with_ice, write_fragment
from translate_svc.gateway.webrtc.offer import read_media_offer, read_offer

MAX_BYTES = 8_192


def run(data: bytes) -> None:
    """The text is read as an offer, and as a fragment, whose candidates a connection takes."""
    text = data.decode("utf-8", "replace")
    for sends in (True, False):
        with contextlib.suppress(TranslateSvcError):
            read_media_offer(text, sends=sends)
    with contextlib.suppress(TranslateSvcError):
        with_ice(_offer(), read_offer(text).ice, 2)
    try:
        fragment = read_fragment(text)
    except TranslateSvcError:
        return
    again = read_fragment(write_fragment(fragment, _offer()))
    assert again[:2] == fragment[:2]
    asyncio.run(_take(fragment))


async def _take(fragment: IceFragment) -> None:
    connection = Connection(ice_controlling=False)
    for candidate in fragment.candidates:
        await connection.add_remote_candidate(candidate)
    await connection.close()


@cache
def _offer() -> str:
    async def make() -> str:
        peer = RTCPeerConnection(RTCConfiguration([]))
        peer.addTrack(AudioStreamTrack())
        peer.createDataChannel("oai-events")
        await peer.setLocalDescription(await peer.createOffer())
        text: str = peer.localDescription.sdp
        await peer.close()
        return text

    return asyncio.run(make())


def seeds() -> Iterator[bytes]:
    """An offer, its fragment, and one with candidates of other kinds."""
    yield _offer().encode()
    fragment = read_fragment(_offer())
    yield write_fragment(fragment, _offer()).encode()
    others = (
        "a=candidate:1 1 tcp 1518280447 192.0.2.9 9 typ host tcptype active generation 0\r\n"
        "a=candidate:2 1 udp 1677729535 2001:db8::9 9 typ srflx raddr 0.0.0.0 rport 0\r\n"
        "a=candidate:3 1 udp 1 9d5a1a2e-51c5-4d61-8d12-4c2f9d2bb7a1.local 9 typ host\r\n"
    )
    yield (write_fragment(fragment._replace(candidates=()), _offer()) + others).encode()
