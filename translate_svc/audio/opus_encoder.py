"""Samples -> Opus packets, by libopus."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from translate_svc.audio.encoded_chunk import EncodedChunk
from translate_svc.audio.opus_library import OPUS_LAYOUTS, open_libopus
from translate_svc.audio.opus_packet import OPUS_SAMPLE_RATE_HZ
from translate_svc.audio.pcm import to_s16
from translate_svc.types import Samples

if TYPE_CHECKING:
    from av.audio.codeccontext import AudioCodecContext

OPUS_LOOKAHEAD_SAMPLES = 312
"""By which what libopus encodes comes out late: 6.5 ms, for VoIP and for audio."""

PACKET_SAMPLES = 960
"""20 ms."""

_BITS_PER_S = 24_000
_OPTIONS = {"application": "voip", "frame_duration": "20", "compression_level": "5", "cutoff": "8000"}
"""Wideband: there is nothing above 8 kHz in what the service hears and says. One core encodes a second of
speech in 7 ms; level 10 takes twice that for the same bytes.
"""


class OpusEncoder:
    """Encodes one signal at 48 kHz into packets of 20 ms; keeps what does not fill a packet.

    ``sample_count`` of a chunk is what comes out of the decoder after the look-ahead of 312 samples;
    ``flush`` pads the end with silence until the last sample is out. After it the next signal may begin, with
    a look-ahead of its own, in the same succession of packets.
    """

    def __init__(self, channels: int = 1) -> None:
        self._channels = channels
        self._context: AudioCodecContext | None = None
        self._waiting = self._silence(0)
        self._given_samples = 0
        self._packets = 0
        self._told_samples = 0

    def encode(self, samples: Samples) -> EncodedChunk:
        """Takes samples ``[n]``, or ``[n, channels]``; returns the packets that are full, possibly none.

        Raises ``Unsupported`` where PyAV is not installed.
        """
        self._given_samples += len(samples)
        return self._push(samples.reshape(-1, self._channels))

    def flush(self) -> EncodedChunk:
        """Ends the signal: the packets that hold the rest of it, none when nothing was given."""
        if self._given_samples == 0:
            return EncodedChunk()
        padding = -(len(self._waiting) + OPUS_LOOKAHEAD_SAMPLES) % PACKET_SAMPLES
        rest = self._push(self._silence(OPUS_LOOKAHEAD_SAMPLES + padding))
        self._given_samples = self._packets = self._told_samples = 0
        return rest

    def _push(self, samples: Samples) -> EncodedChunk:
        self._waiting = np.concatenate((self._waiting, samples))
        whole = len(self._waiting) // PACKET_SAMPLES * PACKET_SAMPLES
        packets = tuple(
            self._packet(self._waiting[start : start + PACKET_SAMPLES])
            for start in range(0, whole, PACKET_SAMPLES)
        )
        self._waiting = self._waiting[whole:]
        self._packets += len(packets)
        decoded_samples = max(self._packets * PACKET_SAMPLES - OPUS_LOOKAHEAD_SAMPLES, 0)
        count = min(decoded_samples, self._given_samples) - self._told_samples
        self._told_samples += count
        return EncodedChunk(packets=packets, sample_count=count)

    def _packet(self, samples: Samples) -> bytes:
        """``[960, channels]`` -> one packet."""
        if self._context is None:
            self._context = open_libopus("w", self._channels, _OPTIONS)
            self._context.bit_rate = _BITS_PER_S * self._channels
        from av import AudioFrame

        layout = OPUS_LAYOUTS[self._channels]
        frame = AudioFrame.from_ndarray(to_s16(samples).reshape(1, -1), format="s16", layout=layout)
        frame.sample_rate = OPUS_SAMPLE_RATE_HZ
        (packet,) = self._context.encode(frame)
        return bytes(packet)

    def _silence(self, count: int) -> Samples:
        return np.zeros((count, self._channels), np.float32)
