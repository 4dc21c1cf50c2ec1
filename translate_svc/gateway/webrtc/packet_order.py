"""Packets of sound in the order in which they were sent, each of which is decoded.

aiortc keeps the newest packets back until later ones follow, and where one is lost it drops those that it
has kept: each loss costs 100 ms of speech. So the receiver of a peer connection gets a ``PacketOrder`` in
place of its jitter buffer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from aiortc import RTCRtpReceiver
from aiortc.jitterbuffer import JitterFrame
from aiortc.rtp import RtpPacket

from translate_svc.gateway.frame_order import FrameOrder

_MOST_HELD = 10
"""Packets that wait for one before them, usually 200 ms. Then that one is lost."""
_MOST_QUIET_S = 0.2
"""Without any packet for so long, what waits is let go: who has paused sends no more that could count."""
_HALF = 1 << 15
_WRAP = 1 << 16


class PacketOrder:
    """Between a connection and its receiver of audio, and the receiver's jitter buffer as well."""

    def __init__(self, receiver: RTCRtpReceiver) -> None:
        """``receiver``: of audio; it has received nothing yet."""
        wired: Any = receiver
        self._receive = wired._handle_rtp_packet
        wired._handle_rtp_packet = self.receive
        wired._RTCRtpReceiver__jitter_buffer = self
        self._source: int | None = None
        self._number = 0
        self._order: FrameOrder[RtpPacket] = FrameOrder(_MOST_HELD)
        self._quiet: asyncio.TimerHandle | None = None
        self._giving_up: asyncio.Task[None] | None = None
        self._giving = asyncio.Lock()

    async def receive(self, packet: RtpPacket, arrival_time_ms: int) -> None:
        """Takes a packet from the connection, and gives the receiver those whose turn it is."""
        if self._quiet is not None:
            self._quiet.cancel()
        if packet.ssrc != self._source:
            self._source, self._number = packet.ssrc, packet.sequence_number
            self._order = FrameOrder(_MOST_HELD)
        ahead = (packet.sequence_number - self._number + _HALF) % _WRAP - _HALF  # the number has 16 bits
        self._number += ahead
        await self._give(self._order.push(self._number, packet), arrival_time_ms)
        if self._order.holds:
            self._quiet = asyncio.get_running_loop().call_later(_MOST_QUIET_S, self._give_up, arrival_time_ms)

    def add(self, packet: Any) -> tuple[bool, JitterFrame | None]:
        """As aiortc's ``JitterBuffer.add``. A packet without sound keeps the connection open (RFC 6263,
        section 4.1); for a decoder it would be the end.
        """
        data: bytes = packet._data
        return False, JitterFrame(data, packet.timestamp) if data else None

    def _give_up(self, arrival_time_ms: int) -> None:
        self._giving_up = asyncio.create_task(self._give(self._order.give_up(), arrival_time_ms))

    async def _give(self, packets: Sequence[RtpPacket], arrival_time_ms: int) -> None:
        async with self._giving:  # the receiver takes them in order, those of the timer too
            for each in packets:
                await self._receive(each, arrival_time_ms=arrival_time_ms)
