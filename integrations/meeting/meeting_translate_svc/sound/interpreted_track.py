"""The audio track of one language."""

from __future__ import annotations

import asyncio
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import Packet

from meeting_translate_svc.sound.originals import Originals
from meeting_translate_svc.sound.turns import RATE_HZ, Turns
from translate_svc.audio.codecs.opus_encoder import PACKET_SAMPLES, OpusEncoder
from translate_svc.types import Samples

if TYPE_CHECKING:
    from av.stream import Stream

_PACKET_S = PACKET_SAMPLES / RATE_HZ
_HANGOVER_PACKETS = 15
"""Silence that is sent behind speech: receivers hold back the last packets until others follow."""

_IDLE_PACKETS = 20
"""In a longer silence one packet in so many is sent, as Opus does it (RFC 7587, section 3.1.3)."""


class InterpretedTrack(MediaStreamTrack):
    """Plays the turns of a language in real time, over the originals if there are any.

    It gives Opus packets, not frames: who is silent for long then costs next to nothing.
    """

    kind = "audio"

    def __init__(self, turns: Turns, originals: Originals | None) -> None:
        super().__init__()
        self._turns = turns
        self._originals = originals
        self._encoder = OpusEncoder()
        self._began_s: float | None = None
        self._packets = 0
        self._silent_packets = 0

    async def recv(self) -> Packet[Stream]:
        """The next 20 ms, when their time has come.

        Raises:
            MediaStreamError: the track was stopped.
        """
        while True:
            if self.readyState != "live":
                raise MediaStreamError
            await self._wait_for_turn()
            samples = self._next()
            self._packets += 1
            if self._silent_packets <= _HANGOVER_PACKETS or self._silent_packets % _IDLE_PACKETS == 0:
                return self._packet(samples)

    async def _wait_for_turn(self) -> None:
        now_s = asyncio.get_running_loop().time()
        if self._began_s is None:
            self._began_s = now_s
        await asyncio.sleep(self._began_s + self._packets * _PACKET_S - now_s)

    def _next(self) -> Samples:
        said = self._turns.take(PACKET_SAMPLES)
        samples = np.zeros(PACKET_SAMPLES, np.float32)
        if self._originals is not None:
            samples = self._originals.take(PACKET_SAMPLES, ducked=bool(len(said)))
        silent = not len(said) and (self._originals is None or self._originals.is_empty)
        self._silent_packets = self._silent_packets + 1 if silent else 0
        samples[: len(said)] += said
        return samples

    def _packet(self, samples: Samples) -> Packet[Stream]:
        (data,) = self._encoder.encode(np.clip(samples, -1.0, 1.0)).packets
        packet = Packet(data)
        packet.pts = (self._packets - 1) * PACKET_SAMPLES
        packet.time_base = Fraction(1, RATE_HZ)
        return packet
