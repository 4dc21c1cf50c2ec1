"""Encodes samples to Opus packets with libopus."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from translate_svc.audio.codecs.frame_encoder import FrameEncoder
from translate_svc.audio.codecs.opus_library import open_libopus
from translate_svc.audio.codecs.opus_packet import OPUS_FRAMING

if TYPE_CHECKING:
    from av.audio.codeccontext import AudioCodecContext

OPUS_LOOKAHEAD_SAMPLES = 312
"""Delay of the decoder's output: 6.5 ms, in libopus' modes for VoIP and for audio."""

PACKET_SAMPLES = 960
"""Samples in a packet: 20 ms."""

_BITS_PER_S = 24_000
_OPTIONS = {"application": "voip", "frame_duration": "20", "compression_level": "5", "cutoff": "8000"}
"""Wideband: the service's input and output have nothing above 8 kHz. One core encodes a second of speech in 7
ms; level 10 takes twice that for the same bytes.
"""


class OpusEncoder(FrameEncoder):
    """Encodes one signal at 48 kHz into packets of 20 ms; keeps samples that do not fill a packet.

    After ``flush`` the next signal may start in the same sequence of packets.
    """

    def __init__(self, channels: int = 1) -> None:
        super().__init__(
            OPUS_FRAMING,
            functools.partial(_open_encoder, channels),
            frame_samples=PACKET_SAMPLES,
            lookahead_samples=OPUS_LOOKAHEAD_SAMPLES,
            channels=channels,
        )


def _open_encoder(channels: int) -> AudioCodecContext:
    context = open_libopus("w", channels, _OPTIONS)
    context.bit_rate = _BITS_PER_S * channels
    return context
